"""profiles.yml made of a connection: which one, with which fields, and when it is refused."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import yaml

from plugins.contract import Connection, TaskFailed
from plugins.dbt import _adapters
from plugins.dbt.cli.dbt_cli import DbtCLI
from plugins.scripts._script import open_place
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import PROCESS, PROFILES, PROJECT, dbt

DEV = Connection("dev", "duckdb", {"path": "{{ flow.id }}.duckdb", "schema": "main", "threads": 2})
PROD = Connection(
    "prod",
    "postgres",
    {"host": "db", "port": "{{ 5 * 1000 }}", "user": "dbt", "password": "{{not}} a template", "dbname": "shop", "schema": "marts"},
    protected=True,
)


@pytest.fixture
def project(context: MemoryContext) -> MemoryContext:
    shutil.copytree(PROJECT, context.working_dir, dirs_exist_ok=True)
    (context.working_dir / "profiles.yml").unlink(missing_ok=True)
    context.namespace().connections.known = {None: DEV, "dev": DEV, "prod": PROD}
    return context


def task(*commands: str, **given: Any) -> DbtCLI:
    return DbtCLI.model_validate({"id": "a", "type": "d", "commands": commands, "taskRunner": PROCESS, **given})


def profiles(context: MemoryContext, made: DbtCLI) -> Any:
    with open_place(made, context) as place:
        made.prepare(context, place)
    path = context.working_dir / "profiles.yml"
    return yaml.safe_load(path.read_text()) if path.exists() else None


def test_the_default_stands_in_for_a_missing_file(project: MemoryContext) -> None:
    assert profiles(project, task("dbt build")) == {
        "shop": {
            "target": "dev",
            "outputs": {"dev": {"type": "duckdb", "threads": 2, "path": "a_flow.duckdb", "schema": "main"}},
        }
    }
    assert project.headers["connection"] == "dev (duckdb)"
    assert (project.working_dir / "profiles.yml").stat().st_mode & 0o077 == 0


def test_a_connection_that_is_named_wins_over_the_projects_file(project: MemoryContext) -> None:
    (project.working_dir / "profiles.yml").write_text("shop: {}\n")
    assert profiles(project, task("dbt build")) == {"shop": {}}
    made = profiles(project, task("dbt compile", connection="{{ 'prod' }}"))["shop"]
    assert made["outputs"]["prod"] == {
        "type": "postgres",
        "threads": 4,
        "host": "db",
        "port": 5000,
        "user": "dbt",
        "password": "{{not}} a template",
        "dbname": "shop",
        "schema": "marts",
    }
    assert "{{not}} a template" in project.hidden


def test_a_target_may_be_another_connection(project: MemoryContext) -> None:
    made = profiles(project, task("dbt build", "dbt compile --target prod"))["shop"]
    assert made["target"] == "dev"
    assert list(made["outputs"]) == ["dev", "prod"]


@pytest.mark.parametrize("given", [{"profiles": PROFILES}, {"env": {"DBT_PROFILES_DIR": "/x"}}])
def test_nothing_is_made_where_the_task_says_how_to_connect(project: MemoryContext, given: dict[str, Any]) -> None:
    profiles(project, task("dbt build", **given))
    assert "connection" not in project.headers


def test_both_are_refused() -> None:
    with pytest.raises(ValueError, match="both say how to connect"):
        task("dbt build", connection="dev", profiles=PROFILES)


@pytest.mark.parametrize("command", ["dbt build --target prod", "dbt run -t prod", "dbt seed --target=prod"])
def test_a_protected_one_is_built_only_by_triggers_and_plans(project: MemoryContext, command: str) -> None:
    with pytest.raises(TaskFailed, match=r"'prod' is protected: `dbt"):
        profiles(project, task(command))
    project.planned = "planned"
    assert profiles(project, task(command)) is not None
    project.planned, project.variables["trigger"] = "", {"date": "2026-01-01"}
    assert profiles(project, task(command)) is not None


@pytest.mark.parametrize(("adapter", "key"), [("postgres", "schema"), ("bigquery", "dataset")])
def test_what_people_try_goes_to_a_schema_of_their_own(project: MemoryContext, adapter: str, key: str) -> None:
    fields = {"host": "h", "user": "u", "dbname": "d", "schema": "marts"} if adapter == "postgres" else {"project": "p", "dataset": "marts"}
    own = Connection("prod", adapter, fields, protected=True, schema="dbt_ada")
    project.namespace().connections.known = {None: own}
    assert profiles(project, task("dbt build"))["shop"]["outputs"]["prod"][key] == "dbt_ada"
    assert "dbt_ada" in project.headers["schema"]


def test_one_that_is_missing_is_told(project: MemoryContext) -> None:
    with pytest.raises(TaskFailed, match=r"no connection 'none' in the namespace company\.team"):
        profiles(project, task("dbt build", connection="none"))


@pytest.mark.parametrize(
    ("adapter", "values", "says"),
    [
        ("postgres", {"host": "a", "port": "x"}, "Port must be a whole number"),
        ("duckdb", {"path": ""}, "lacks Path"),
        ("bigquery", {"keyfile_json": "{", "project": "p", "dataset": "d"}, "must be a JSON object"),
    ],
)
def test_fields_that_cannot_be_used_are_told(adapter: str, values: dict[str, str], says: str) -> None:
    with pytest.raises(TaskFailed, match=says):
        _adapters.output(adapter, values)


def test_fields_have_the_types_that_dbt_wants() -> None:
    made = _adapters.output("bigquery", {"method": "oauth", "project": "p", "dataset": "d", "keyfile_json": '{"a": 1}'})
    assert made["keyfile_json"] == {"a": 1}
    assert _adapters.output("clickhouse", {"host": "h", "user": "u", "secure": "true"})["secure"] is True
    assert _adapters.output("duckdb", {"path": "md:x", "motherduck_token": "t"})["settings"] == {"motherduck_token": "t"}


@pytest.mark.dbt
def test_dbt_builds_with_it(project: MemoryContext) -> None:
    result = dbt("dbt build --select raw_people stg_people --exclude resource_type:test", profiles=None).run(project)
    assert result.state == "SUCCESS"
    assert (project.working_dir / "a_flow.duckdb").exists()
