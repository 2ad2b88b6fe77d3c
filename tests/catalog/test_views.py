"""The pages of the catalog, and who may see them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from catalog import markdown
from catalog.models import Node, Project
from tests.builders import people
from tests.catalog import manifests
from tests.catalog.conftest import TakeIn

pytestmark = pytest.mark.django_db
ORDERS = "model.shop.orders"


@pytest.fixture
def project(left: TakeIn, tmp_path: Path) -> Project:
    columns = {"id": {"name": "id", "description": "The *key*."}}
    orders = manifests.model("orders", "source.shop.app.raw", columns=columns, description="**All** orders <script>x</script>")
    check = manifests.check_of("unique", ORDERS)
    manifest = manifests.write_manifest(tmp_path, orders, check, manifests.source("raw"), manifests.exposure("board", ORDERS))
    done = {"unique_id": ORDERS, "compiled_code": "select compiled"}
    failed = {"unique_id": check["unique_id"], "status": "fail", "failures": 3, "message": "Got 3 results"}
    return left(manifest, manifests.write_results(tmp_path, done, failed))


def addresses(project: Project) -> list[str]:
    base = f"/catalog/{project.id}/"
    return [
        base,
        f"{base}?kind=test",
        f"{base}?state=FAILED",
        f"{base}?tag=x",
        f"{base}?q=orders",
        f"{base}?version=1",
        f"{base}nodes/{ORDERS}/",
    ]


def test_readers_see_projects_and_nodes(client: Client, project: Project) -> None:
    client.force_login(people()["reader"])
    assert "shop" in client.get("/catalog/").content.decode()
    for address in addresses(project):
        assert client.get(address).status_code == 200, address
    text = client.get(f"/catalog/{project.id}/nodes/{ORDERS}/").content.decode()
    for expected in ("<strong>All</strong>", "&lt;script&gt;", "<em>key</em>", "select compiled", "3\xa0failing rows", "app.raw", "board"):
        assert expected in text, expected


def test_strangers_see_neither_projects_nor_that_there_are_any(client: Client, project: Project) -> None:
    client.force_login(people()["stranger"])
    assert "Nothing is in the catalog yet" in client.get("/catalog/").content.decode()
    for address in addresses(project):
        assert client.get(address).status_code == 404, address


def test_who_is_not_signed_in_is_sent_to_sign_in(client: Client, project: Project) -> None:
    for address in ("/catalog/", *addresses(project)):
        assert client.get(address).status_code == 302, address


@pytest.mark.parametrize("address", ["nodes/model.shop.none/", "?version=7", "?version=x", "nodes/model.shop.orders/?version=0"])
def test_what_is_not_there_is_said(client: Client, project: Project, address: str) -> None:
    client.force_login(people()["owner"])
    assert client.get(f"/catalog/{project.id}/{address}").status_code == 404
    assert client.post(f"/catalog/{project.id}/").status_code == 405


def test_htmx_is_answered_with_the_fragment(client: Client, project: Project) -> None:
    client.force_login(people()["reader"])
    for address, start in (
        ("/catalog/?q=orders", '<div id="catalog-projects"'),
        (f"/catalog/{project.id}/?kind=test", '<div id="catalog-nodes"'),
    ):
        assert client.get(address, headers={"HX-Request": "true"}).content.decode().startswith(start)


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](http://example.org/x.png)",
        "<a href='javascript:x'>",
        "[x](data:text/html,x)",
        "`<b>`",
    ],
)
def test_descriptions_are_safe(text: str) -> None:
    made = markdown.rendered(text)
    assert not any(bad in made.lower() for bad in ("<img", "<a href='j", 'href="javascript', 'href="data', "<b>"))


def test_what_was_never_run_is_shown_too(client: Client, left: TakeIn, tmp_path: Path) -> None:
    orders = manifests.model("orders")
    project = left(manifests.write_manifest(tmp_path, orders, manifests.check_of("unique", ORDERS), manifests.model("below", ORDERS)))
    client.force_login(people()["reader"])
    for address in addresses(project):
        assert client.get(address).status_code == 200, address


def test_the_lineage_is_given_with_places_states_and_freshness(client: Client, project: Project) -> None:
    client.force_login(people()["reader"])
    answer = client.get(f"/catalog/{project.id}/lineage/data/?select=%2Borders%2B").json()
    drawn = {node[1]: node for node in answer["nodes"]}
    assert set(drawn) == {"app.raw", "orders", "board"}
    assert drawn["orders"][4] == "FAILED", "its test failed"
    assert drawn["app.raw"][7] < drawn["orders"][7] < drawn["board"][7]
    assert len(answer["edges"]) == 2


@pytest.mark.parametrize("select", ["", "orders", "1+orders+1", "tog:x", "nothing", "@", "%" * 3000, "tag:x,tag:y"])
def test_any_selection_is_answered(client: Client, project: Project, select: str) -> None:
    client.force_login(people()["reader"])
    base = f"/catalog/{project.id}/lineage/"
    assert client.get(base, {"select": select}).status_code == 200
    assert client.get(f"{base}data/", {"select": select}).status_code in (200, 422)
    assert client.get(f"{base}node/", {"select": select, "node": ORDERS}).status_code == 200
    assert client.get(f"{base}node/", {"node": select}).status_code == 404


@pytest.mark.parametrize(("query", "status"), [({}, 422), ({"column": " "}, 422), ({"column": "id", "node": "model.no.such"}, 404)])
def test_a_column_that_is_not_named_is_asked_for(client: Client, project: Project, query: dict[str, str], status: int) -> None:
    client.force_login(people()["reader"])
    node = Node.objects.filter(project=project, kind="model").earliest("id").unique_id
    answer = client.get(f"/catalog/{project.pk}/lineage/column/", {"node": node, **query})
    assert answer.status_code == status
