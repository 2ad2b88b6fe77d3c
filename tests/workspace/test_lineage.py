"""The lineage around a file: as the files are now, over what the catalog knows of the same nodes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.graph import forget
from catalog.models import Node, Outcome, Project
from namespaces import files
from namespaces.models import User
from tests import builders
from tests.workspace.conftest import NAMESPACE

pytestmark = pytest.mark.django_db
AT = f"/workspace/{NAMESPACE}/dbt/lineage/"
SHOP = {
    "dbt_project.yml": "name: shop\n",
    "models/sources.yml": (
        "sources:\n  - name: raw\n    tables: [{name: payments}]\n"
        "exposures:\n  - {name: board, type: dashboard, depends_on: [\"ref('d')\"]}\n"
    ),
    "models/a.sql": "select * from {{ source('raw', 'payments') }}",
    "models/b.sql": "select * from {{ ref('a') }} -- {# {{ ref('d') }} #}",
    "models/c.sql": "select * from {{ ref(\"b\") }} join {{ ref('codes') }}",
    "models/d.sql": "select * from {{ ref('shop', 'c') }}",
    "models/e.py": "def model(dbt, session):\n    return dbt.ref('d')\n",
    "models/alone.sql": "select 1",
    "seeds/codes.csv": "code\n1\n",
    "macros/m.sql": "{% macro m() %}{{ ref('a') }}{% endmacro %}",
}


@pytest.fixture(autouse=True)
def shop(settings: Settings, tmp_path: Any) -> None:
    settings.KESTRA_STORAGE = tmp_path / "storage"
    forget()  # a project of another test may have had the same number
    write(SHOP)


@pytest.fixture
def page(ada: User) -> Client:
    client = Client(headers={"Accept": "application/json"})
    client.force_login(ada)
    return client


def write(texts: dict[str, str]) -> None:
    for path, content in texts.items():
        files.write(NAMESPACE, path, content.encode())


def around(page: Client, path: str) -> tuple[set[str], set[tuple[str, str]], dict[str, Any]]:
    """Names, edges by name, and the whole answer."""
    answer = page.get(AT, {"path": path}).json()
    names = [node[1] for node in answer["nodes"]]
    return set(names), {(names[one], names[other]) for one, other in answer["edges"]}, answer


def test_two_steps_up_and_down_of_a_model_are_drawn_from_its_files(page: Client) -> None:
    names, edges, answer = around(page, "models/c.sql")
    assert names == {"a", "b", "codes", "c", "d", "e", "board"}
    assert edges == {("a", "b"), ("b", "c"), ("codes", "c"), ("c", "d"), ("d", "e"), ("d", "board")}
    assert answer["own"] == ["model.shop.c"]
    assert (answer["paths"]["model.shop.e"], answer["paths"]["seed.shop.codes"]) == ("models/e.py", "seeds/codes.csv")
    assert around(page, "models/a.sql")[1] >= {("raw.payments", "a"), ("a", "b")}
    assert around(page, "models/alone.sql")[0] == {"alone"}


def test_what_was_saved_just_now_counts(page: Client) -> None:
    assert ("a", "alone") not in around(page, "models/alone.sql")[1]
    write({"models/alone.sql": "select * from {{ ref('a') }}", "models/new.sql": "select * from {{ ref('alone') }}"})
    assert around(page, "models/alone.sql")[1] >= {("a", "alone"), ("alone", "new")}
    files.delete(NAMESPACE, "models/new.sql")
    assert "new" not in around(page, "models/alone.sql")[0]


def test_yaml_of_sources_shows_what_reads_them_and_other_files_nothing(page: Client) -> None:
    names, _, answer = around(page, "models/sources.yml")
    assert {"raw.payments", "a", "b"} <= names
    assert set(answer["own"]) == {"source.shop.raw.payments", "exposure.shop.board"}
    assert around(page, "macros/m.sql")[2]["nodes"] == []
    assert page.get(AT, {"path": "models/none.sql"}).json()["nodes"] == []
    assert page.get(AT, {"path": "../x.sql"}).status_code == 422


def node(project: Project, unique_id: str, parents: list[str], **more: Any) -> None:
    kind, package, name = unique_id.split(".")
    about = {"path": f"models/{name}.sql", "digest": "x", **more}
    Node.objects.create(
        project=project, unique_id=unique_id, first=1, kind=kind, name=name, lower_name=name, package=package, parents=parents, **about
    )  # fmt: skip


def test_states_packages_and_what_only_dbt_sees_come_from_the_catalog(page: Client) -> None:
    write({"models/b.sql": "{{ m() }}", "models/c.sql": "select {{ m() }} from {{ ref('b') }}"})
    project = Project.objects.create(namespace=NAMESPACE, name="shop", adapter="duckdb", version=1)
    node(project, "model.shop.a", ["model.utils.days"], code=SHOP["models/a.sql"], materialized="view")
    node(project, "model.shop.b", ["model.shop.a"], code="{{ m() }}\n")  # the macro names it: only dbt sees that
    node(project, "model.shop.c", ["model.shop.d"], code="as it was", path="models/before/c.sql")
    node(project, "model.shop.gone", ["model.shop.b"])
    node(project, "model.utils.days", [])
    Outcome.objects.create(project=project, unique_id="model.shop.b", state="FAILED", status="error", seconds=1.0)
    names, edges, answer = around(page, "models/b.sql")
    assert {("days", "a"), ("a", "b"), ("b", "c")} <= edges
    assert ("d", "c") not in edges, "its text is another one now"
    assert "gone" not in names
    states = {one[1]: one[4] for one in answer["nodes"]}
    assert (states["b"], states["a"]) == ("FAILED", "")
    assert "model.utils.days" not in answer["paths"]


def test_of_a_model_in_versions_the_one_that_is_asked_for_is_meant(page: Client) -> None:
    write({
        "models/users_v1.sql": "select 1", "models/users_v2.sql": "select 2",
        "models/old.sql": "select * from {{ ref('users', v=1) }}", "models/latest.sql": "select * from {{ ref('users') }}",
    })  # fmt: skip
    project = Project.objects.create(namespace=NAMESPACE, name="shop", adapter="duckdb", version=1)
    for number in (1, 2):
        Node.objects.create(
            project=project, unique_id=f"model.shop.users.v{number}", first=1, kind="model", name="users", lower_name="users",
            package="shop", path=f"models/users_v{number}.sql", digest="x",
        )  # fmt: skip
    assert "old" in around(page, "models/users_v1.sql")[0]
    assert "latest" in around(page, "models/users_v2.sql")[0]
    assert "old" not in around(page, "models/users_v2.sql")[0]


def test_a_stranger_sees_nothing(client: Client) -> None:
    client.force_login(builders.person("stranger"))
    assert client.get(AT, {"path": "models/c.sql"}).status_code == 404
