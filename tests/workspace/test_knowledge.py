"""What the editor knows of a dbt project without asking dbt: its files, and what the catalog knows of the same nodes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.models import Node, Outcome, Project, Trace
from namespaces import files
from namespaces.models import User
from tests.workspace.conftest import NAMESPACE

pytestmark = pytest.mark.django_db
AT = f"/workspace/{NAMESPACE}/dbt/knowledge/"
SHOP = {
    "dbt_project.yml": "name: shop\nmodel-paths: [models]\nvars:\n  since: 2020-01-01\n  shop:\n    limit: 5\n",
    "models/orders.sql": "select 1 as id",
    "models/stores.sql": "select 2 as id",
    "models/schema.yml": (
        "models:\n  - name: orders\n    description: \"{{ doc('orders') }}\"\n    columns:\n"
        "      - {name: id, data_type: int}\n"
        "sources:\n  - name: raw\n    tables:\n"
        "      - name: payments\n        description: What was paid.\n        columns: [{name: amount}]\n"
        "exposures:\n  - {name: board, type: dashboard}\nmacros:\n  - {name: cents, description: In cents.}\n"
    ),
    "models/docs.md": "text\n{% docs orders %}All orders.{% enddocs %}\n",
    "seeds/countries.csv": "code,name\nde,Germany\n",
    "snapshots/prices.sql": "{% snapshot prices_history %}select 1{% endsnapshot %}",
    "macros/money.sql": "\n{% macro cents(column, scale=power(10, 2), *more) -%}\n{% endmacro %}\n{%- macro none() %}{% endmacro %}",
    "dbt_packages/utils/macros/star.sql": "{% macro star(from) %}{% endmacro %}",
    "dbt_packages/utils/models/theirs.sql": "select 1",
    "readme.md": "{% docs lost %}{% enddocs %}",
}


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Any) -> None:
    settings.KESTRA_STORAGE = tmp_path / "storage"


@pytest.fixture
def page(ada: User) -> Client:
    client = Client(headers={"Accept": "application/json"})
    client.force_login(ada)
    return client


def write(texts: dict[str, str], below: str = "") -> None:
    for path, content in texts.items():
        files.write(NAMESPACE, below + path, content.encode())


def named(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in entries}


def test_all_that_files_say_is_known_before_anything_was_run(page: Client) -> None:
    write(SHOP)
    known = page.get(AT).json()
    assert known["project"] == "shop"
    models = named(known["models"])
    assert {name: entry["kind"] for name, entry in models.items()} == {
        "orders": "model", "stores": "model", "payments": "source", "board": "exposure", "countries": "seed", "prices_history": "snapshot",
    }  # fmt: skip
    assert models["orders"]["columns"] == [{"name": "id", "type": "int", "description": ""}]
    assert models["payments"] | {"columns": 0} == {
        "name": "payments", "source": "raw", "kind": "source", "package": "shop", "path": "models/schema.yml",
        "description": "What was paid.", "columns": 0, "whole": False,
    }  # fmt: skip
    assert [column["name"] for column in models["countries"]["columns"]] == ["code", "name"]
    macros = named(known["macros"])
    assert macros["cents"] == {
        "name": "cents", "args": ["column", "scale", "*more"], "line": 2, "package": "shop", "path": "macros/money.sql",
        "description": "In cents.",
    }  # fmt: skip
    assert (macros["none"]["args"], macros["none"]["line"], macros["star"]["package"]) == ([], 4, "utils")
    assert known["vars"] == [{"name": "limit", "value": 5}, {"name": "since", "value": "2020-01-01"}]
    assert known["docs"] == [{"name": "orders", "line": 2, "text": "All orders.", "path": "models/docs.md"}]
    assert models["orders"]["description"] == "All orders."
    assert "materialized" in {entry["key"] for entry in known["configs"]}


def test_the_catalog_adds_types_columns_and_packages_but_no_file_that_is_gone(page: Client) -> None:
    write(SHOP)
    project = Project.objects.create(namespace=NAMESPACE, name="shop", version=1, adapter="duckdb")
    for name, package, description in (("orders", "shop", "All orders."), ("gone", "shop", ""), ("theirs", "utils", "")):
        unique_id = f"model.{package}.{name}"
        columns = [{"name": "id", "description": "A number."}]
        Node.objects.create(
            project=project, unique_id=unique_id, first=1, kind="model", name=name, package=package, path=f"models/{name}.sql",
            description=description, columns=columns,
        )  # fmt: skip
        Outcome.objects.create(project=project, unique_id=unique_id, types={"id": "BIGINT", "extra": "TEXT"})
        Trace.objects.create(project=project, unique_id=unique_id, key="k", names=["ID", "made"])
    known = page.get(AT).json()
    models = named(known["models"])
    assert (known["adapter"], "gone" in models, models["theirs"]["package"]) == ("duckdb", False, "utils")
    assert models["orders"]["description"] == "All orders."
    assert models["orders"]["columns"] == [
        {"name": "id", "type": "int", "description": "A number."},
        {"name": "made", "type": "", "description": ""},
        {"name": "extra", "type": "TEXT", "description": ""},
    ]
    assert models["stores"]["columns"] == []


def test_nothing_is_sent_again_until_something_changed(page: Client) -> None:
    write(SHOP)
    first = page.get(AT)
    again = page.get(AT, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    write({"models/new.sql": "select 1"})
    changed = page.get(AT, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert "new" in named(changed.json()["models"])
    files.delete(NAMESPACE, "models/new.sql")
    assert "new" not in named(page.get(AT).json()["models"])


def test_of_several_projects_the_one_around_the_file_is_told(page: Client) -> None:
    write({"dbt_project.yml": "name: outer\n", "models/a.sql": "select 1"}, "one/")
    write({"dbt_project.yml": "name: inner\nmodel-paths: ['m']\n", "m/b.sql": "select 1"}, "one/nested/")
    outer, inner = page.get(AT).json(), page.get(f"{AT}?path=one/nested/m/b.sql").json()
    assert (outer["project"], list(named(outer["models"]))) == ("outer", ["a"])
    assert (inner["project"], [(model["name"], model["path"]) for model in inner["models"]]) == ("inner", [("b", "one/nested/m/b.sql")])


@pytest.mark.parametrize("path", ["", "elsewhere/a.sql"])
def test_without_a_project_that_is_said(page: Client, path: str) -> None:
    if path:
        write({"dbt_project.yml": "name: x"}, "one/")
    answer = page.get(f"{AT}?path={path}")
    assert answer.status_code == 404
    assert "dbt_project.yml" in answer.json()["message"]


@pytest.mark.parametrize("content", ["", "name: [", "- a", "vars: 3\nmodel-paths: x\nname: {}", "\0", "vars: {a: {b: {c: 1}}, 1: 2}"])
def test_a_broken_project_is_still_told_as_far_as_it_can_be_read(page: Client, content: str) -> None:
    write({**SHOP, "dbt_project.yml": content, "models/schema.yml": content, "macros/m.sql": content, "seeds/s.csv": content})
    known = page.get(AT).json()
    assert "orders" in named(known["models"])
