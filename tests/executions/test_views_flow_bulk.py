"""One action on many flows of the list, and the list by the state of the last execution."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.test import Client

from executions import presenters
from executions.views import flow_bulk
from flows import services
from flows.models import Flow
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db

SOURCE = "id: {id}\nnamespace: {namespace}\ntasks:\n  - {{id: say, type: io.kestra.plugin.core.log.Log, message: hi}}\n"


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def made(people: dict[str, User], *names: str, namespace: str = "company.team") -> list[int]:
    """Flows of these names; answers their numbers."""
    owner = people["admin"]
    return [services.create(user=owner, source=SOURCE.format(id=name, namespace=namespace)).pk for name in names]


def told(client: Client, verb: str, fields: dict[str, Any]) -> str:
    return client.get(f"/flows/bulk-{verb}/", fields, headers={"HX-Request": "true"}).content.decode()


def asked(client: Client, verb: str, fields: dict[str, Any]) -> str:
    return client.post(f"/flows/bulk-{verb}/", fields, follow=True).content.decode()


def test_everything_that_is_offered_can_be_done() -> None:
    assert {offer.name for offer in presenters.FLOW_OFFERS} == set(flow_bulk.VERBS)


def test_a_choice_is_disabled_enabled_and_deleted(people: dict[str, User]) -> None:
    one, two, three = made(people, "one", "two", "three")
    member = client_of(people["member"])
    assert "2\u00a0flows disabled" in asked(member, "disable", {"id": [one, two]})
    assert set(Flow.objects.filter(disabled=True).values_list("flow_id", flat=True)) == {"one", "two"}
    assert Flow.objects.get(pk=one).revision == 2
    assert "Enable: 2\u00a0flows</h2>" in told(member, "enable", {"id": [one, two, three]})
    assert "2\u00a0flows enabled, 1 not: enabled already (three)" in asked(member, "enable", {"id": [one, two, three]})
    assert "1\u00a0flow deleted" in asked(member, "delete", {"id": [one]})
    assert set(Flow.objects.filter(deleted=False).values_list("flow_id", flat=True)) == {"two", "three"}


def test_all_that_match_are_treated_and_no_others(people: dict[str, User]) -> None:
    made(people, *(f"f{number}" for number in range(120)))
    made(people, "f0", namespace="company.team.below")
    made(people, "f0", namespace="elsewhere")
    member = client_of(people["member"])
    assert "Disable: 121\u00a0flows</h2>" in told(member, "disable", {"all": "yes", "query": "namespace=company.team&page=2"})
    assert "121\u00a0flows disabled" in asked(member, "disable", {"all": "yes", "query": "namespace=company.team&page=2"})
    assert set(Flow.objects.filter(disabled=False).values_list("namespace", flat=True)) == {"elsewhere"}


def test_a_reader_changes_nothing_and_a_stranger_finds_nothing(people: dict[str, User]) -> None:
    (one,) = made(people, "one")
    for name in ("reader", "stranger"):
        for fields in ({"id": [one]}, {"all": "yes"}):
            asked(client_of(people[name]), "delete", fields)
    assert not Flow.objects.get(pk=one).deleted
    assert "Your role does not allow this" in told(client_of(people["reader"]), "delete", {"id": [one]})
    hidden = told(client_of(people["stranger"]), "delete", {"id": [one]})
    assert "Delete: 0\u00a0flows" in hidden
    assert "Your role" not in hidden


def test_a_flow_that_cannot_be_saved_is_told_and_the_others_are_treated(people: dict[str, User]) -> None:
    (good,) = made(people, "good")
    bad = data.flow("bad", source="id: {flow_id}\nnamespace: {namespace}\ntasks: []\n")
    page = asked(client_of(people["member"]), "disable", {"id": [good, bad.pk]})
    assert "1\u00a0flow disabled, 1 not" in page
    assert "(bad)" in page
    assert Flow.objects.get(pk=good).disabled


def test_the_choice_is_exported_as_a_zip(people: dict[str, User]) -> None:
    one, two, _ = made(people, "one", "two", "three")
    reader = client_of(people["reader"])

    def names(fields: dict[str, Any], client: Client = reader) -> list[str]:
        answer = client.get("/flows/export/", fields)
        assert answer["Content-Disposition"] == 'attachment; filename="flows.zip"'
        return zipfile.ZipFile(io.BytesIO(answer.content)).namelist()

    assert names({"id": [one, two]}) == ["company.team.one.yml", "company.team.two.yml"]
    assert names({"all": "yes", "query": "q=three", "id": [one]}) == ["company.team.three.yml"]
    assert names({"id": [one, two]}, client_of(people["stranger"])) == []


@pytest.mark.parametrize("fields", [{}, {"id": "x"}, {"id": "-1"}, {"id": "9" * 40}])
def test_an_empty_choice_and_an_unknown_verb_are_refused(fields: dict[str, str], people: dict[str, User]) -> None:
    member = client_of(people["member"])
    assert member.get("/flows/export/", fields).status_code == 422
    for verb in ("delete", "explode"):
        assert member.get(f"/flows/bulk-{verb}/", fields).status_code == 422
        assert member.post(f"/flows/bulk-{verb}/", fields).status_code == 422


def test_the_state_of_the_last_execution_is_a_filter_of_all_pages(people: dict[str, User]) -> None:
    made(people, *(f"f{number:03}" for number in range(130)), "z_failed")
    data.execution("SUCCESS", flow_id="z_failed", created=data.at(0))
    data.execution("FAILED", flow_id="z_failed", created=data.at(9))
    data.execution("FAILED", flow_id="f001", created=data.at(0))
    data.execution("SUCCESS", flow_id="f001", created=data.at(9))
    page = client_of(people["reader"]).get("/flows/", {"state": "FAILED"}).content.decode()
    assert ">z_failed</a>" in page
    assert ">f001</a>" not in page
    assert '<span class="muted number">1</span>' in page
