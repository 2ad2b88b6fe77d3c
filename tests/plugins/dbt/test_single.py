"""The tasks of one dbt command each, which Kestra had before DbtCLI."""

from __future__ import annotations

import shutil
import subprocess
from importlib import import_module
from typing import Any

import pytest

from plugins.catalog import CATALOG
from plugins.contract import TaskFailed
from plugins.dbt.cli._single import SingleCommand
from plugins.dbt.cli.setup import Setup
from plugins.scripts._script import open_place
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import PROCESS, PROFILES, PROJECT

KINDS = ("Build", "Run", "Test", "Compile", "Deps", "Freshness", "List", "Seed", "Snapshot")


def task(kind: str, **given: Any) -> SingleCommand:
    made = getattr(import_module(f"plugins.dbt.cli.{kind.lower()}"), kind)
    properties = {"containerImage": "ghcr.io/kestra-io/dbt-duckdb", "taskRunner": PROCESS, **given}
    result: SingleCommand = made.model_validate({"id": "a", "type": f"io.kestra.plugin.dbt.cli.{kind}", **properties})
    return result


def line(context: MemoryContext, single: SingleCommand) -> str:
    with open_place(single, context) as place:
        single.prepare(context, place)
        (found,) = single.lines(context, place)
        return found


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_deprecated_and_ask_for_nothing(kind: str) -> None:
    type_ = f"io.kestra.plugin.dbt.cli.{kind}"
    assert CATALOG.check({"id": "a", "type": type_}, "task") == []
    assert "DbtCLI" in CATALOG.deprecated(type_)


def test_the_command_of_a_build(context: MemoryContext) -> None:
    given: dict[str, Any] = {
        "debug": True,
        "failFast": "{{ true }}",
        "warnError": True,
        "thread": 3,
        "fullRefresh": True,
        "target": "{{ 'prod' }}",
        "selector": "nightly",
        "select": ["a+", "tag:it's"],
        "exclude": ["b"],
        "projectDir": "/dbt",
        "profiles": PROFILES,
    }
    found = line(context, task("Build", **given))
    assert found == (
        "dbt '--log-format' 'json' '--debug' '--fail-fast' '--warn-error' 'build' '--profiles-dir' '.profile' '--threads' '3' "
        "'--full-refresh' '--target' 'prod' '--selector' 'nightly' '--select' 'a+' 'tag:it'\\''s' '--exclude' 'b' "
        "'--project-dir' 'dbt' '--log-path' 'logs'"
    )


@pytest.mark.parametrize(("kind", "verb"), [("Freshness", "'source' 'freshness'"), ("List", "'list'"), ("Deps", "'deps'")])
def test_the_other_commands(context: MemoryContext, kind: str, verb: str) -> None:
    assert line(context, task(kind)) == f"dbt '--log-format' 'json' {verb} '--log-path' 'logs'"


def test_which_dbt_runs(context: MemoryContext) -> None:
    assert line(context, task("Deps", dbtPath="/opt/dbt/bin/dbt")).startswith("'/opt/dbt/bin/dbt' ")
    (context.working_dir / "bin").mkdir()
    (context.working_dir / "bin" / "dbt").touch()
    assert line(context, task("Deps")).startswith("'./bin/dbt' ")


def test_commands_are_not_theirs() -> None:
    with pytest.raises(ValueError, match="makes its own command"):
        task("Build", commands=["rm -r x"])


@pytest.mark.dbt
def test_setup_and_build_as_one_working_directory_has_them(context: MemoryContext) -> None:
    shutil.copytree(PROJECT, context.working_dir, dirs_exist_ok=True)
    profiles = {"shop": {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": "{{ 'warehouse' }}.duckdb"}}}}
    given = {"id": "s", "type": "s", "requirements": ["dbt-core~=1.11.0", "dbt-duckdb"], "profiles": profiles, "taskRunner": PROCESS}
    for _ in range(2):  # the second is a retry in the same folder
        Setup.model_validate(given).run(context)
    assert any(said.startswith("dbt 1.11") for said in context.lines())
    assert (context.working_dir / ".profile" / "profiles.yml").stat().st_mode & 0o077 == 0
    home = subprocess.run(
        ["./bin/python", "-c", "import sys, dbt.version; print(sys.prefix)"],
        cwd=context.working_dir,
        capture_output=True,
        text=True,
        check=True,
    )
    assert home.stdout.strip() == str(context.working_dir)

    result = task("Build", select=["raw_people", "stg_people"], exclude=["resource_type:test"]).run(context)
    assert result.state == "SUCCESS"
    assert (context.working_dir / "warehouse.duckdb").exists()
    assert context.steps()["model.shop.stg_people"].state == "SUCCESS"
    with pytest.raises(TaskFailed, match="exit code"):
        task("Run", select=["broken"], failFast=True).run(context)
    assert context.steps()["model.shop.broken"].state == "FAILED"
