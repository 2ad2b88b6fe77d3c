"""Projects are joined where one reads what another makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from catalog import joining
from catalog.models import Node, Project
from namespaces.models import Role
from tests.builders import member, people, person
from tests.catalog import manifests
from tests.catalog.conftest import TakeIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def projects(left: TakeIn, tmp_path: Path) -> tuple[Project, Project]:
    """`core` makes db.main.orders, `marts` in another namespace reads it as a source; `far` has nothing to do with them."""
    core = left(manifests.write_manifest(tmp_path, manifests.model("orders", project="core"), project="core"), namespace="company.core")
    source = manifests.source("orders", project="marts", schema="main", group="core")
    revenue = manifests.model("revenue", source["unique_id"], project="marts")
    marts = left(manifests.write_manifest(tmp_path, source, revenue, project="marts"), namespace="company.marts")
    left(manifests.write_manifest(tmp_path, manifests.model("alone", project="far"), project="far"), namespace="company.far")
    return core, marts


def test_the_graph_leads_from_one_project_into_the_other(projects: tuple[Project, Project]) -> None:
    for project in projects:
        met = joining.joined(None, project, project.version)
        assert {other.name for other in met.projects.values()} == {"core", "marts"}
        assert set(met.graph.around(["model.core.orders"], met.graph.children)) == {
            "model.core.orders",
            "source.marts.core.orders",
            "model.marts.revenue",
        }
        assert met.project_of["model.marts.revenue"] == projects[1].pk


def test_both_ends_name_each_other(projects: tuple[Project, Project]) -> None:
    orders, source = Node.objects.get(unique_id="model.core.orders"), Node.objects.get(unique_id="source.marts.core.orders")
    assert joining.readers(None, orders) == [source]
    assert joining.makers(None, source) == [orders]
    assert joining.makers(None, orders) == []


def test_who_may_not_read_the_other_project_sees_this_one_alone(client: Client, projects: tuple[Project, Project]) -> None:
    someone = person("narrow")
    member(someone, Role.READER, "company.marts")
    met = joining.joined(someone, projects[1], 1)
    assert set(met.projects) == {projects[1].pk}
    client.force_login(someone)
    base = f"/catalog/{projects[1].id}/"
    for address in ("nodes/source.marts.core.orders/", "lineage/", "lineage/data/", "lineage/node/?node=source.marts.core.orders"):
        answer = client.get(f"{base}{address}")
        assert answer.status_code == 200
        assert "model.core" not in answer.content.decode()


def test_the_page_draws_both_or_one_alone(client: Client, projects: tuple[Project, Project]) -> None:
    client.force_login(people("company")["reader"])
    base = f"/catalog/{projects[0].id}/lineage/data/"
    names = [node[0] for node in client.get(base, {"select": "orders+"}).json()["nodes"]]
    assert names == ["model.core.orders", "model.marts.revenue", "source.marts.core.orders"]
    alone = client.get(base, {"select": "orders+", "alone": "1"}).json()
    assert [node[0] for node in alone["nodes"]] == ["model.core.orders"]
    assert "This project alone" in client.get(f"/catalog/{projects[0].id}/lineage/").content.decode()
    assert "Across projects" in client.get(f"/catalog/{projects[0].id}/lineage/?alone=1").content.decode()


def test_tables_in_memory_are_nobody_elses(left: TakeIn, tmp_path: Path) -> None:
    made = manifests.model("orders", project="core", database="memory")
    left(manifests.write_manifest(tmp_path, made, project="core"))
    source = manifests.source("orders", project="marts", schema="main", database="memory")
    marts = left(manifests.write_manifest(tmp_path, source, project="marts"))
    assert set(joining.joined(None, marts, 1).projects) == {marts.pk}
