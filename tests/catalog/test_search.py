"""Search finds what anyone may call a node by, quickly."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from django.test import Client

from catalog import selectors
from namespaces.models import User
from tests.builders import people
from tests.catalog import manifests
from tests.catalog.conftest import TakeIn

pytestmark = pytest.mark.django_db


def found(query: str, user: User | None = None) -> list[str]:
    return [hit.node.name for hit in selectors.search(user, query)]


@pytest.fixture
def shop(left: TakeIn, tmp_path: Path) -> None:
    amount = {"amount": {"name": "amount_eur", "description": "What was **paid**."}}
    orders = manifests.model("fct_orders", columns=amount, description="A row per order.", tags=["nightly"], raw_code="select gizmo from x")
    lines = manifests.model("fct_order_lines", "model.shop.fct_orders", meta={"owner": "Ada Lovelace"})
    left(
        manifests.write_manifest(tmp_path, orders, lines, manifests.check_of("unique", orders["unique_id"]), manifests.source("raw_orders"))
    )


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("fct_orders", "fct_orders"),
        ("order_l", "fct_order_lines"),
        ("rder_lin", "fct_order_lines"),
        ("FCT ORDERS", "fct_orders"),
        ("amount_e", "fct_orders"),
        ("paid", "fct_orders"),
        ("gizmo", "fct_orders"),
        ("nightly", "fct_orders"),
        ("lovelace", "fct_order_lines"),
        ("raw_orders", "app.raw_orders"),
        ("models/fct_order_lines.sql", "fct_order_lines"),
    ],
)
def test_it_finds(query: str, first: str) -> None:
    assert found(query)[0] == first


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("query", ["", " ", "%", "'", '"', "* OR", "NOT", "a" * 5000, "x; drop table", "()", "\\", "nowhere", ":*", "&|!"])
def test_anything_may_be_asked(query: str) -> None:
    assert isinstance(found(query), list)


@pytest.mark.usefixtures("shop")
def test_it_says_where_the_words_were_found() -> None:
    hit = selectors.search(None, "paid")[0]
    assert (hit.where, hit.snippet) == ("column amount_eur", "amount_eur What was **paid**.")
    assert selectors.search(None, "gizmo")[0].where == "SQL"


@pytest.mark.usefixtures("shop")
def test_a_stranger_finds_nothing() -> None:
    someone = people()
    assert found("fct_orders", someone["reader"])
    assert found("fct_orders", someone["stranger"]) == []


def test_what_is_gone_from_the_manifest_is_not_found(left: TakeIn, tmp_path: Path) -> None:
    left(manifests.write_manifest(tmp_path, manifests.model("before", raw_code="gizmo")))
    left(manifests.write_manifest(tmp_path, manifests.model("after"), at="2026-11-26T01:00:00Z"))
    assert found("before") == []
    assert found("gizmo") == []


def test_ten_thousand_nodes_are_searched_at_once(left: TakeIn, tmp_path: Path, client: Client) -> None:
    began = time.perf_counter()
    left(manifests.write_manifest(tmp_path, *manifests.layered(5000)))
    print(f"taking in 10,000 nodes took {time.perf_counter() - began:.1f} s")
    client.force_login(people()["reader"])
    for query in ("layer_3_model_01", "goods", "stage_77", "amount", "unique", "e", "nowhere", "layer3 place"):
        took = []
        for _ in range(5):
            began = time.perf_counter()
            selectors.search(None, query)
            took.append(time.perf_counter() - began)
        began = time.perf_counter()
        client.get("/catalog/jump/", {"q": query})
        took_all = time.perf_counter() - began
        print(f"{query}: {sorted(took)[2] * 1000:.1f} ms, the palette's answer {took_all * 1000:.1f} ms")
        assert sorted(took)[0] < 0.5, query  # 50 ms are the aim on a machine that does nothing else
        assert took_all < 1, query


def jumps(client: Client, query: str) -> list[tuple[str, str, str]]:
    return [(hit["title"], hit["badge"], hit["hint"]) for hit in client.get("/catalog/jump/", {"q": query}).json()["results"]]


@pytest.mark.usefixtures("shop")
def test_the_palette_jumps_to_nodes_and_columns(client: Client) -> None:
    someone = people()
    client.force_login(someone["reader"])
    assert jumps(client, "order") == [
        ("fct_orders", "model", "shop"),
        ("app.raw_orders", "source", "shop"),
        ("fct_order_lines", "model", "shop"),
    ]
    assert jumps(client, "amount_eur") == [("amount_eur", "column of fct_orders", "shop")]
    (hit,) = client.get("/catalog/jump/", {"q": "amount_eur"}).json()["results"]
    assert 'id="column-amount_eur"' in client.get(hit["url"]).content.decode()
    assert jumps(client, "gizmo") == jumps(client, "") == [], "words of the SQL are for the catalog's own search"
    client.force_login(someone["stranger"])
    assert jumps(client, "order") == []
    client.logout()
    assert client.get("/catalog/jump/", {"q": "order"}).status_code == 302
