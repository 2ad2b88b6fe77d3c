"""Flows that bring a dbt project into a working directory and run it there: what they leave for others, and what is known of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalog import intake
from catalog.graph import graph
from catalog.models import Intake, Project
from executions import storage
from executions.models import Execution, Step
from kestra_web.demo_repository import build_repository
from kv import services as kv
from tests.executions.flows import NAMESPACE, messages, save, start, states, work_off
from tests.plugins.dbt.pairs import ROOT

pytestmark = [pytest.mark.long, pytest.mark.redis, pytest.mark.dbt, pytest.mark.linux, pytest.mark.django_db(transaction=True)]
PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}
DOCKER = {"type": "io.kestra.plugin.scripts.runner.docker.Docker", "pullPolicy": "NEVER", "delete": True}
RUNNERS = [pytest.param(PROCESS, id="process"), pytest.param(DOCKER, id="docker", marks=pytest.mark.docker)]
SETTINGS = "name: shop\nversion: '1.0'\nprofile: shop\nmodels: {shop: {+materialized: table}}\n"
STATE = {"namespace": "{{ inputs.where }}", "key": "{{ inputs.key }}"}
VIEW = "{{ \"{{ config(materialized='view') }}\" }} "
KEPT = ("manifest.json", "run_results.json")


def profiles(name: str, path: str) -> str:
    return json.dumps({name: {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": path, "threads": 4}}}})


def ref(name: str) -> str:
    """A reference to a model, which the expressions of the flow leave as it is for dbt."""
    return "{{ \"{{ ref('" + name + "') }}\" }}"


def brought(**models: str) -> dict[str, Any]:
    """A task that writes a project of these models; two underscores stand for a folder."""
    files = {f"models/{name.replace('__', '/')}.sql": text for name, text in models.items()}
    return {
        "id": "project",
        "type": "io.kestra.plugin.core.storage.LocalFiles",
        "inputs": {"dbt_project.yml": SETTINGS, "packages.yml": "packages: []\n", **files},
    }


def dbt(task_id: str, runner: dict[str, Any], *commands: str, **more: Any) -> dict[str, Any]:
    image = "ghcr.io/kestra-io/dbt-duckdb:latest"
    given = {"profiles": profiles("shop", ":memory:"), "taskRunner": runner, "containerImage": image, **more}
    return {"id": task_id, "type": "io.kestra.plugin.dbt.cli.DbtCLI", "commands": list(commands), **given}


def ran(flow_id: str, *tasks: dict[str, Any], **more: Any) -> Execution:
    """An execution of a flow of these tasks in one working directory, at its end."""
    together = {"id": "together", "type": "io.kestra.plugin.core.flow.WorkingDirectory", "tasks": list(tasks)}
    flow = {**more, "tasks": [together]}
    done = work_off(start(save(flow_id, "".join(f"{key}: {json.dumps(value)}\n" for key, value in flow.items()))))
    assert done.state == "SUCCESS", (states(done), messages(done, 3))
    return done


def known() -> Project:
    """The project that the execution left artifacts of."""
    for row in Intake.objects.order_by("id"):
        intake.take_in(row.id)
    return Project.objects.get()


def edges(project: Project) -> set[tuple[str, str]]:
    found = graph(project)
    return {(found.members[parent].name, found.members[name].name) for name, above in found.parents.items() for parent in above}


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_manifest_that_one_task_stores_is_loaded_by_the_next(runner: dict[str, Any]) -> None:
    pairs = [(task, file) for task in ("first", "second") for file in KEPT]
    named = {f"{task}_{file.partition('.')[0]}": f"{{{{ outputs.{task}.outputFiles['{file}'] }}}}" for task, file in pairs}
    done = ran(
        "stored",
        brought(one="select 1 as id", two="select 2 as id", three="select 3 as id"),
        dbt("first", runner, "dbt deps", "dbt build --no-partial-parse", storeManifest=STATE),
        dbt("second", runner, "dbt build --no-partial-parse", loadManifest=STATE),
        inputs=[
            {"id": "where", "type": "STRING", "defaults": "{{ flow.namespace }}"},
            {"id": "key", "type": "STRING", "defaults": "manifest.json"},
        ],
        outputs=[{"id": name, "type": "STRING", "value": value} for name, value in named.items()],
    )
    stored = kv.get(NAMESPACE, "manifest.json")
    assert set(stored["nodes"]) == {"model.shop.one", "model.shop.two", "model.shop.three"}
    assert done.outputs.keys() == named.keys()
    left = {name: json.loads(storage.existing(uri).read_bytes()) for name, uri in done.outputs.items()}
    assert left["first_manifest"] == stored
    for task in ("first", "second"):
        assert len(left[f"{task}_run_results"]["results"]) == 3
        rows = Step.objects.filter(task_run__task_id=task, execution=done, kind="model")
        assert sorted(rows.values_list("name", "state")) == [(f"model.shop.{name}", "SUCCESS") for name in ("one", "three", "two")]
    assert not [line for line in messages(done) if "no manifest has been found" in line]
    assert edges(known()) == set()


@pytest.mark.parametrize("runner", RUNNERS)
def test_who_is_made_of_whom_is_known_after_a_run(runner: dict[str, Any]) -> None:
    parents = {
        "people": (),
        "orders": (),
        "parts__bought": ("people", "orders"),
        "parts__daily": ("orders",),
        "totals": ("bought", "people"),
        "report": ("totals", "daily"),
    }
    reads = {name: [f"select id from {ref(parent)}" for parent in above] for name, above in parents.items()}
    models = {name: " union all ".join([VIEW * name.startswith("parts__") + "select 1 as id", *selects]) for name, selects in reads.items()}
    done = ran("made_of", brought(**models), dbt("build", runner, "dbt deps", "dbt run"))
    rows = Step.objects.filter(execution=done, kind="model")
    assert set(rows.values_list("label", "state")) == {(name.rpartition("__")[2], "SUCCESS") for name in parents}
    expected = {(parent, name.rpartition("__")[2]) for name, above in parents.items() for parent in above}
    assert edges(known()) == expected
    told = {(parent.rpartition(".")[2], row.label) for row in rows for parent in row.data.get("depends_on", ())}
    assert told == expected
    assert {member.name: member.materialized for member in graph(known()).members.values()}["daily"] == "view"


EXPORT = """import duckdb

with duckdb.connect("shop.duckdb", read_only=True) as database:
    tables = database.execute("select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'").fetchall()
    for schema, name in tables:
        database.execute(f"select * from {schema}.{name}").fetchdf().to_csv(f"{name}.csv", index=False)
"""


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_warehouse_that_dbt_filled_is_read_by_the_next_task(runner: dict[str, Any], tmp_path: Path, settings: Any) -> None:
    settings.KESTRA_GIT_FOLDERS = [tmp_path]
    repository = build_repository(tmp_path / "git" / "shop.git", source=ROOT / "demo", warehouse=tmp_path)
    script = {"type": "io.kestra.plugin.scripts.python.Script", "script": EXPORT, "outputFiles": ["*.csv"]}
    done = ran(
        "exported",
        {"id": "clone", "type": "io.kestra.plugin.git.Clone", "url": repository, "branch": "main"},
        dbt("build", runner, "dbt deps", "dbt build", profiles=profiles("my_dbt_project", "shop.duckdb"), warnings="never"),
        {"id": "export", "containerImage": "ghcr.io/kestra-io/duckdb:latest", "taskRunner": PROCESS, **script},
    )
    files = done.task_runs.get(task_id="export").outputs["outputFiles"]
    built = Step.objects.filter(execution=done, kind="model", state="SUCCESS", data__materialized="table")
    expected = {f"{name}.csv" for name in built.values_list("label", flat=True)}
    assert expected
    assert expected <= files.keys()
    assert all(b"," in storage.existing(files[name]).read_bytes().splitlines()[0] for name in expected)
