"""Two executions side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from catalog import comparing
from executions.models import Execution
from tests.builders import people
from tests.catalog import manifests
from tests.catalog.conftest import TakeIn
from tests.executions.page_data import at, execution, task_run

pytestmark = pytest.mark.django_db


def result(name: str, **values: Any) -> dict[str, Any]:
    return {"unique_id": f"model.shop.{name}", "compiled_code": f"select 1 as {name}", **values}


@pytest.fixture
def pair(left: TakeIn, tmp_path: Path) -> tuple[Execution, Execution]:
    """Two executions: one model is edited, one breaks, one is slower, one writes more, one is new, one is gone, one is as it was."""
    names = ("edited", "broken", "slow", "more", "gone", "same")
    before, after = execution(created=at(0), inputs={"day": "1"}), execution(created=at(100), inputs={"day": "2"}, flow_revision=2)
    first = manifests.write_manifest(tmp_path, *map(manifests.model, names))
    rows = {"adapter_response": {"rows_affected": 10}}
    left(
        first,
        manifests.write_results(tmp_path, *(result(name, **(rows if name == "more" else {})) for name in names), vars={"a": 1}),
        run=task_run(before, "dbt"),
    )
    models = [manifests.model(name, **({"raw_code": "select 2"} if name == "edited" else {})) for name in ("new", *names) if name != "gone"]
    second = manifests.write_manifest(tmp_path, *models, at="2026-11-25T03:00:00Z")
    results = [
        result("edited", compiled_code="select 1 as edited\nfrom other"),
        result("broken", status="error", message="no such column"),
        result("slow", execution_time=9.0),
        result("more", adapter_response={"rows_affected": 25}),
        result("new"),
        result("same"),
    ]
    left(second, manifests.write_results(tmp_path, *results, vars={"a": 2}, at="2026-11-25T03:00:00Z"), run=task_run(after, "dbt"))
    return before, after


def test_every_difference_has_its_word(pair: tuple[Execution, Execution]) -> None:
    rows = comparing.node_rows(*map(comparing.side, pair))
    assert {row.name: row.ways for row in rows} == {
        "edited": ["sql", "definition"],
        "broken": ["state"],
        "slow": ["slower"],
        "more": ["rows"],
        "gone": ["gone"],
        "new": ["new"],
        "same": [],
    }
    assert rows[0].name == "broken", "what fails now stands first"
    assert rows[-1].name == "same"
    assert next(row for row in rows if row.name == "more").more_rows == 15


def test_what_dbt_was_given_is_compared(pair: tuple[Execution, Execution]) -> None:
    settings = {one.name: (one.before, one.after) for one in comparing.settings(*map(comparing.side, pair)) if one.differs}
    assert settings == {"flow revision": ("1", "2"), "input day": ("1", "2"), "var a": ("1", "2"), "manifest version": ("1", "2")}


def test_packages_and_where_it_ran_are_compared(left: TakeIn, tmp_path: Path) -> None:
    sides = []
    for number, version in enumerate(("1.1.0", "1.3.0")):
        run = execution(created=at(100 * number), header={"runner": f"Process, environment dbt-duckdb ({version})", "warnings": "1: a"})
        packages = {"dbt_utils": version, "codegen": "0.13.1"}
        files = (manifests.write_manifest(tmp_path, manifests.model("a")), manifests.write_results(tmp_path, result("a")))
        left(*files, run=task_run(run, "dbt", outputs={"packages": packages}))
        sides.append(comparing.side(run))
    settings = {one.name: (one.before, one.after) for one in comparing.settings(*sides)}
    assert settings["package dbt_utils"] == ("1.1.0", "1.3.0")
    assert settings["package codegen"] == ("0.13.1", "0.13.1")
    assert "package shop" not in settings, "that is the project itself"
    assert settings["ran in"] == ("Process, environment dbt-duckdb (1.1.0)", "Process, environment dbt-duckdb (1.3.0)")
    assert "warnings" not in settings


def test_the_sql_of_a_node_is_shown_line_by_line(client: Client, pair: tuple[Execution, Execution]) -> None:
    client.force_login(people()["reader"])
    text = client.get(f"/executions/{pair[1].id}/compare/?node=model.shop.edited").content.decode()
    assert 'data-diff="added">from other' in text
    assert pair[0].id in text, "it is compared with the one before"
    assert "other SQL" in text


def test_an_execution_alone_has_nothing_to_be_compared_with(client: Client) -> None:
    own = execution()
    client.force_login(people()["reader"])
    assert "Nothing to compare with" in client.get(f"/executions/{own.id}/compare/").content.decode()


def test_an_execution_that_one_may_not_see_is_not_compared(client: Client, pair: tuple[Execution, Execution]) -> None:
    elsewhere = execution(namespace="elsewhere")
    client.force_login(people()["reader"])
    assert client.get(f"/executions/{pair[1].id}/compare/?with={elsewhere.id}").status_code == 404
    assert elsewhere.id not in client.get(f"/executions/{pair[1].id}/compare/").content.decode()
    client.logout()
    assert client.get(f"/executions/{pair[1].id}/compare/").status_code == 302
