"""Values have types, live for a time, and are kept and read by one service."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import isodate
import pytest
from django.test import Client
from django.utils import timezone

from kv import services as kv
from kv.models import KeyValue
from kv.values import WrongValue, as_text, convert, type_of
from namespaces.models import Namespace
from tests import builders
from ui.errors import Conflict, Forbidden, Invalid, KestraError, Missing

NS = "company.team"


@pytest.mark.parametrize(
    ("value", "type", "kept"),
    [
        ("text", "STRING", "text"),
        ("", "STRING", ""),
        ("P1D", "DURATION", "P1D"),
        ("P", "STRING", "P"),
        ("PT", "STRING", "PT"),
        (True, "BOOLEAN", True),
        (0, "NUMBER", 0),
        (1.5, "NUMBER", 1.5),
        (datetime(2026, 11, 27, 6, tzinfo=UTC), "DATETIME", "2026-11-27T06:00:00Z"),
        (date(2026, 11, 27), "DATE", "2026-11-27"),
        (timedelta(minutes=90), "DURATION", "PT1H30M"),
        ({"a": [1, None, {"b": date(2026, 1, 1)}]}, "JSON", {"a": [1, None, {"b": "2026-01-01"}]}),
        ([], "JSON", []),
        (None, "JSON", None),
    ],
)
@pytest.mark.django_db
def test_a_value_says_its_type_and_comes_back(value: Any, type: str, kept: Any) -> None:
    assert type_of(value) == type
    row = kv.set(NS, "key", value)
    assert (row.type, kv.get(NS, "key")) == (type, kept)


@pytest.mark.parametrize(
    ("text", "type", "kept"),
    [
        ("12", "STRING", "12"), ("12", "NUMBER", 12), (" 1.50 ", "NUMBER", 1.5), ("-3e2", "NUMBER", -300), ("TRUE", "BOOLEAN", True),
        ("2026-11-27T06:00:00+02:00", "DATETIME", "2026-11-27T04:00:00Z"), ("2026-11-27T06:00:00.250Z", "DATETIME",
        "2026-11-27T06:00:00.250Z"),
        ("2026-11-27", "DATE", "2026-11-27"), ("PT90M", "DURATION", "PT90M"), ('{"a": 1}', "JSON", {"a": 1}), ("null", "JSON", None),
        ('"x"', "JSON", "x"),
    ],
)  # fmt: skip
def test_a_text_becomes_a_value_of_the_type_that_was_chosen(text: str, type: str, kept: Any) -> None:
    assert convert(text, type) == kept


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("abc", "NUMBER"), ("", "NUMBER"), ("NaN", "NUMBER"), ("Infinity", "NUMBER"), ("1e999999", "NUMBER"), ("yes", "BOOLEAN"), ("",
        "BOOLEAN"),
        ("tomorrow", "DATETIME"), ("2026-13-01", "DATE"), ("1 hour", "DURATION"), ("P", "DURATION"), ("", "DURATION"), ("{", "JSON"),
        ("[" * 100_000, "JSON"),
        ("NaN", "JSON"), ("9" * 5000, "NUMBER"), ("9" * 5000, "JSON"),
    ],
)  # fmt: skip
def test_a_text_that_is_none_is_refused_with_a_sentence(text: str, type: str) -> None:
    with pytest.raises(WrongValue) as refused:
        convert(text, type)
    assert len(refused.value.message) < 200


def test_what_a_person_edits_is_what_is_kept() -> None:
    for type, value in (
        ("STRING", '"quoted"'),
        ("NUMBER", 12),
        ("NUMBER", 1.5),
        ("BOOLEAN", False),
        ("DATE", "2026-11-27"),
        ("JSON", "x"),
        ("JSON", {"a": "ä"}),
    ):
        assert convert(as_text(type, value), type) == value


@pytest.mark.django_db
def test_a_value_ends_and_is_then_gone_not_missing() -> None:
    kv.set(NS, "key", 1, ttl=60)
    kv.set(NS, "other", 1, ttl=isodate.parse_duration("P1M"))
    assert kv.keys(NS) == ["key", "other"]
    KeyValue.objects.filter(key="key").update(expires=timezone.now() - timedelta(seconds=1))
    with pytest.raises(KestraError) as over:
        kv.get(NS, "key")
    assert over.value.status == 410
    assert kv.keys(NS) == ["other"]
    kv.set(NS, "key", 2, overwrite=False)
    assert kv.get(NS, "key") == 2
    with pytest.raises(Missing, match="No value found for key 'none' in namespace"):
        kv.get(NS, "none")
    for wrong in (0, -1, timedelta(days=10**9 - 1)):
        with pytest.raises(Invalid):
            kv.set(NS, "key", 1, ttl=wrong)


@pytest.mark.django_db
def test_a_key_is_not_overwritten_where_that_is_not_wanted() -> None:
    kv.set(NS, "key", 1)
    with pytest.raises(Conflict, match="Key already exists and `overwrite` is set to"):
        kv.set(NS, "key", 2, overwrite=False)
    assert kv.get(NS, "key") == 1
    kv.set(NS, "key", "x")
    assert kv.find(NS, "key").type == "STRING"
    assert kv.delete(NS, "key") is True
    assert kv.delete(NS, "key") is False


@pytest.mark.parametrize("key", ["", ".a", "a b", "a/b", "ä", "a\n", "x" * 257, "../x"])
@pytest.mark.django_db
def test_a_wrong_key_is_refused(key: str) -> None:
    with pytest.raises(Invalid):
        kv.set(NS, key, 1)
    assert not KeyValue.objects.exists()


@pytest.mark.django_db
def test_the_first_key_makes_the_namespace() -> None:
    kv.set("brand.new", "key", 1)
    assert Namespace.objects.filter(name="brand.new").exists()


@pytest.mark.django_db
def test_readers_read_members_write_and_strangers_find_nothing() -> None:
    found = builders.people(NS)
    kv.set(NS, "key", 1, user=found["member"])
    assert kv.get(NS, "key", user=found["reader"]) == 1
    with pytest.raises(Forbidden):
        kv.set(NS, "key", 2, user=found["reader"])
    with pytest.raises(Forbidden):
        kv.delete(NS, "key", user=found["reader"])
    for door in (kv.get, kv.find, kv.delete):
        with pytest.raises(Missing):
            door(NS, "key", user=found["stranger"])


@pytest.mark.parametrize(
    "value", [Decimal("1e9999999"), Decimal("-1e500"), Decimal("1e-9999999"), Decimal("NaN"), Decimal("Infinity"), [Decimal("1e9999999")]]
)
@pytest.mark.django_db
def test_a_number_that_would_take_all_memory_is_refused_at_once(value: object) -> None:
    began = time.thread_time()
    with pytest.raises(Invalid):
        kv.set(NS, "key", value)
    assert time.thread_time() - began < 3


@pytest.mark.django_db
def test_the_manifest_of_a_large_project_is_kept_and_no_list_carries_it() -> None:
    manifest = {"nodes": {f"model.shop.m{number}": {"raw_code": "select 1 " * 100} for number in range(3000)}}
    kv.set(NS, "manifest.json", manifest)
    kv.set(NS, "small", {"a": 1})
    kv.set(NS, "none", None)
    assert kv.get(NS, "manifest.json") == manifest
    rows = list(kv.list_keys(NS))
    assert all("value" in row.get_deferred_fields() for row in rows)
    values = kv.values(rows, 100_000)
    assert {row.key: values[row.pk] for row in rows if row.pk in values} == {"small": {"a": 1}, "none": None}


@pytest.mark.django_db
def test_a_value_too_large_for_a_page_is_said_to_be(client: Client) -> None:
    client.force_login(builders.person(is_admin=True))
    kv.set(NS, "manifest.json", {"text": "x" * 200_000})
    page = client.get(f"/namespaces/{NS}/kv/").content.decode()
    assert "too large for a page" in page
    assert "xxxxx" not in page
