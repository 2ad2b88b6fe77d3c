"""The dbt task with the real dbt and DuckDB, and what it does around them."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import Result, StepReport, TaskFailed
from plugins.core.runner import _group
from plugins.dbt.cli.dbt_cli import DbtCLI
from plugins.scripts._script import open_place
from tests.plugins.context import MemoryContext

PROJECT = Path(__file__).parent / "project"
PROFILES = "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: warehouse.duckdb\n      threads: 2\n"
PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}
GOOD = "dbt build --select raw_people stg_people counts --exclude test_name:accepted_values"


def dbt(*commands: str, **given: Any) -> DbtCLI:
    properties = {"profiles": PROFILES, "containerImage": "ghcr.io/kestra-io/dbt-duckdb:latest", "taskRunner": PROCESS, **given}
    return DbtCLI.model_validate({"id": "a", "type": "d", "commands": list(commands), **properties})


def shell(*commands: str, **given: Any) -> DbtCLI:
    """The dbt task with commands that need no dbt, so no environment either."""
    return dbt(*commands, containerImage="ubuntu", **given)


def outputs(result: Result) -> dict[str, Any]:
    return dict(result.outputs or {})


def failure_of(task: DbtCLI, context: MemoryContext) -> TaskFailed:
    with pytest.raises(TaskFailed) as caught:
        task.run(context)
    return caught.value


@pytest.fixture
def project(context: MemoryContext) -> MemoryContext:
    """A context whose working directory holds the project."""
    shutil.copytree(PROJECT, context.working_dir, dirs_exist_ok=True)
    return context


@pytest.mark.dbt
def test_every_node_has_its_row_with_dbts_own_duration(project: MemoryContext) -> None:
    result = dbt(GOOD).run(project)
    steps = project.steps()
    assert {name: step.state for name, step in steps.items() if step.kind in ("seed", "model")} == {
        "seed.shop.raw_people": "SUCCESS",
        "model.shop.stg_people": "SUCCESS",
        "model.shop.counts": "SUCCESS",
    }
    run_results = json.loads(project.storage.text(outputs(result)["outputFiles"]["run_results.json"]))
    for row in run_results["results"]:
        assert steps[row["unique_id"]].data["duration"] == pytest.approx(row["execution_time"], abs=0.01)
    counts = steps["model.shop.counts"]
    assert counts.data["depends_on"] == ["model.shop.stg_people"]
    assert counts.data["materialized"] == "table"
    assert steps["seed.shop.raw_people"].data["rows_affected"] == 3
    assert result.state == "WARNING"  # one test warns
    assert outputs(result)["warnings"] == ["unique_stg_people_name"]
    assert project.headers["warnings"] == "1 warning: unique_stg_people_name"
    assert outputs(result)["runSummary"]["success"] == 3
    assert outputs(result)["testSummary"]["warn"] == 1
    assert "dbt-core 1.11" in project.headers["runner"]
    assert not any("\x1b" in line or "...." in line for line in project.lines())


@pytest.mark.dbt
def test_rows_are_told_while_dbt_runs(project: MemoryContext) -> None:
    seen: list[tuple[float, str, str]] = []
    tell = project.step

    def step(report: StepReport) -> None:
        seen.append((time.monotonic(), report.name, report.state))
        tell(report)

    project.step = step  # type: ignore[method-assign]  # the moment of each report is what is tested
    dbt(GOOD).run(project)
    ended = time.monotonic()
    started = next(at for at, name, state in seen if name == "seed.shop.raw_people" and state == "RUNNING")
    assert ended - started > 0.05  # the whole command takes only a little more
    assert [state for _, name, state in seen if name == "model.shop.stg_people"][:2] == ["RUNNING", "SUCCESS"]


@pytest.mark.dbt
def test_a_failed_build_keeps_artifacts_and_says_why_nodes_were_skipped(project: MemoryContext) -> None:
    failed = failure_of(dbt("dbt build --exclude resource_type:test"), project)
    given = failed.outputs or {}
    assert given["exitCode"] == 1
    assert {"manifest.json", "run_results.json"} <= given["outputFiles"].keys()
    steps = project.steps()
    assert steps["model.shop.broken"].state == "FAILED"
    assert "nope" in (steps["model.shop.broken"].message or "")
    assert steps["model.shop.after_after"].data["cause"] == "model.shop.broken"
    assert (steps["exposure.shop.dash"].state, steps["exposure.shop.dash"].data["badge"]) == ("SKIPPED", "no-op")
    assert any(line.level == "ERROR" and line.step == "model.shop.broken" and "nope" in line.message for line in project.logs)


@pytest.mark.dbt
def test_several_calls_have_sections_and_the_last_does_not_hide_the_first(project: MemoryContext) -> None:
    result = dbt(GOOD, "dbt docs generate --exclude broken+").run(project)
    sections = [step for step in project.steps().values() if step.kind == "command"]
    assert [(step.label, step.state) for step in sections] == [("dbt build", "WARNING"), ("dbt docs generate", "SUCCESS")]
    assert project.steps()["model.shop.counts"].parent == "dbt.1"
    kept = json.loads(project.storage.text(outputs(result)["outputFiles"]["run_results.json"]))
    assert kept["args"]["which"] == "build"


@pytest.mark.dbt
@pytest.mark.parametrize("log_format", ["TEXT", "NONE"])
def test_rows_and_warnings_come_from_the_artifacts_where_lines_say_nothing(project: MemoryContext, log_format: str) -> None:
    result = dbt(GOOD, logFormat=log_format).run(project)
    assert result.state == "WARNING"
    assert project.steps()["model.shop.counts"].state == "SUCCESS"
    assert project.steps()["test.shop.unique_stg_people_name.8b7fe20d78"].state == "WARNING"


@pytest.mark.dbt
def test_a_target_path_of_ones_own_is_found(project: MemoryContext) -> None:
    result = dbt(f"{GOOD} --target-path ./elsewhere/deep").run(project)
    assert project.steps()["model.shop.counts"].data["relation"] == '"warehouse"."main"."counts"'
    assert {"manifest.json", "run_results.json"} <= outputs(result)["outputFiles"].keys()


@pytest.mark.dbt
def test_freshness_has_a_row_for_every_source(project: MemoryContext) -> None:
    failure_of(dbt("dbt seed", "dbt source freshness"), project)
    step = project.steps()["source.shop.raw.raw_people"]
    assert step.state == "FAILED"
    assert step.data["max_loaded_at"].startswith("1950-01-01")


@pytest.mark.dbt
def test_no_rows_where_none_are_wanted(project: MemoryContext) -> None:
    result = dbt(GOOD, parseRunResults=False).run(project)
    assert project.reports == []
    assert list(outputs(result)["outputFiles"]) == ["manifest.json"]
    assert "runSummary" not in outputs(result)


@pytest.mark.dbt
def test_a_kill_interrupts_dbt_and_keeps_what_is_finished(project: MemoryContext) -> None:
    slow = "select sum(a.range * b.range) as n from range(10000000) a, range(10000000) b, {{ ref('stg_people') }}"
    (project.working_dir / "models" / "slow.sql").write_text('{{ config(materialized="table") }} ' + slow)
    asked: list[float] = []

    def kill_when_slow_runs() -> None:
        while not any(step.name == "model.shop.slow" and step.state == "RUNNING" for step in project.reports):
            time.sleep(0.05)
        time.sleep(0.5)
        asked.append(time.monotonic())
        project.cancel()

    threading.Thread(target=kill_when_slow_runs, daemon=True).start()
    failed = failure_of(dbt("dbt build --select raw_people stg_people slow --exclude resource_type:test"), project)
    assert time.monotonic() - asked[0] < 5
    assert failed.state == "KILLED"
    assert {name: step.state for name, step in project.steps().items() if step.kind in ("seed", "model")} == {
        "seed.shop.raw_people": "SUCCESS",
        "model.shop.stg_people": "SUCCESS",
        "model.shop.slow": "KILLED",
    }
    assert all(_group.members(group) == [] for group in project.groups)


@pytest.mark.dbt
@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("dbt build --target nope", "does not have a target named 'nope'"),
        ("dbt build --nope", "No such option"),
    ],
)
def test_what_dbt_says_of_a_mistake_is_an_error_line(project: MemoryContext, command: str, text: str) -> None:
    failed = failure_of(dbt(command), project)
    assert (failed.outputs or {})["exitCode"] == 2
    assert any(text in line for line in project.lines("ERROR"))


@pytest.mark.dbt
def test_a_selection_of_nothing_is_a_warning_as_in_kestra(project: MemoryContext) -> None:
    assert dbt("dbt build --select nope_xyz").run(project).state == "WARNING"


@pytest.mark.dbt
def test_a_manifest_is_stored_loaded_and_never_replaced_by_a_broken_run(project: MemoryContext) -> None:
    state = {"key": "manifest.json", "namespace": "{{ flow.namespace }}"}
    store = project.namespace("company.team").kv
    first = dbt("dbt parse", loadManifest=state, storeManifest=state)
    first.run(project)
    assert "Property `loadManifest` has been used but no manifest has been found in the KV Store." in project.lines("WARN")
    stored = store.values["manifest.json"]
    assert stored["metadata"]["project_name"] == "shop"
    failure_of(dbt("dbt build", storeManifest=state), project)
    assert store.values["manifest.json"] == stored
    (project.working_dir / "models" / "third.sql").write_text("select 1 as id")
    compared = "dbt build --select state:modified+ --state ./target --target-path ./dev"
    dbt(compared, loadManifest=state, storeManifest=state).run(project)
    assert "model.shop.third" in project.steps()
    assert "model.shop.third" not in store.values["manifest.json"]["nodes"]


@pytest.mark.parametrize("text", ['{"later": [{"a":\t1e2}], "nodes": {}, "later": 2}', "{ this is not json", "", "[]"])
def test_a_manifest_is_kept_to_the_byte_whatever_it_says(text: str, context: MemoryContext) -> None:
    (context.working_dir / "given").write_text(text)
    result = shell("mkdir target && cp given target/manifest.json").run(context)
    kept = context.storage.open(outputs(result)["outputFiles"]["manifest.json"])
    assert (result.state, kept.read_bytes()) == ("SUCCESS", text.encode())
    assert context.steps() == {}


def test_profiles_win_over_namespace_and_input_files(context: MemoryContext) -> None:
    context.namespace("company.team").files.write("profiles.yml", b"of: namespace")
    shell("cat profiles.yml", namespaceFiles={"enabled": True}, inputFiles={"profiles.yml": "of: input"}, profiles="of: task\n").run(
        context
    )
    assert "of: task" in context.lines("INFO")
    assert "A 'profiles.yml' file already exists in the task working directory; it will be overridden." in context.lines("INFO")


def test_empty_profiles_are_none(context: MemoryContext) -> None:
    shell("test ! -e profiles.yml", profiles="{{ '' }}").run(context)


@pytest.mark.parametrize("value", ['{"nodes": {}}', {"nodes": {}}])
def test_a_loaded_manifest_may_be_text_or_an_object(context: MemoryContext, value: Any) -> None:
    context.namespace("company.team").kv.set("state", value)
    task = shell("head -c 1 unit/target/manifest.json", projectDir="unit", loadManifest={"key": "state", "namespace": "company.team"})
    task.run(context)
    assert "{" in context.lines("INFO")


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc"])
def test_the_project_lies_below_the_working_directory(context: MemoryContext, folder: str) -> None:
    assert "projectDir" in failure_of(shell("true", projectDir=folder), context).message


def test_the_engine_chooses_the_image(make_context: Callable[..., MemoryContext]) -> None:
    context = make_context()
    task = DbtCLI.model_validate({"id": "a", "type": "d", "commands": ["dbt --version"], "engine": "FUSION", "taskRunner": PROCESS})
    assert task.image(context) == "ghcr.io/kestra-io/dbt-fusion"
    assert "dbt Fusion" in failure_of(task, context).message
    core = DbtCLI.model_validate({"id": "a", "type": "d", "commands": ["dbt --version"]})
    assert core.image(context) == "ghcr.io/kestra-io/dbt"


def test_adapters_of_the_profiles_choose_the_environment(context: MemoryContext) -> None:
    task = DbtCLI.model_validate({"id": "a", "type": "d", "commands": ["dbt build"], "profiles": PROFILES, "taskRunner": PROCESS})
    with open_place(task, context) as place:
        task.prepare(context, place)
        meaning = task.recipe(context, place, "ghcr.io/kestra-io/dbt")
    assert meaning.recipe is not None
    assert meaning.recipe.requirements == ("dbt-core~=1.11.0", "dbt-duckdb")
