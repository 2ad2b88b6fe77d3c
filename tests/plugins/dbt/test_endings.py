"""However dbt ends, the task tells the truth: state, rows, message and outputs of each ending, with the real dbt and DuckDB."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import TaskFailed
from plugins.core.runner import _group
from plugins.dbt import _hosts
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import PROFILES, PROJECT, dbt
from tests.stack import wait_until

pytestmark = [pytest.mark.dbt, pytest.mark.linux, pytest.mark.timeout(300)]

ARTIFACTS = {"manifest.json", "run_results.json"}
GOOD = "dbt build --select raw_people stg_people counts --exclude test_name:accepted_values"
ENDLESS = '{{ config(materialized="table") }} select count(*) as n from range(300000000) a, range(1000) b, {{ ref("stg_people") }}'
CLONE = "dbt clone --select counts --state target --target-path cloned --target other"
SLOW = "dbt build --select raw_people stg_people slow --exclude resource_type:test"


@pytest.fixture(autouse=True, scope="module")
def _no_host_stays() -> Iterator[None]:
    yield
    _hosts.end()


@dataclass
class Ending:
    """What a task came to."""

    state: str
    message: str
    outputs: dict[str, Any]
    context: MemoryContext
    rows: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def end(make_context: Callable[..., MemoryContext]) -> Callable[..., Ending]:
    """Runs the task over a copy of the project with these files in it, `meanwhile` in a thread of its own; answers how it ended."""

    def run(
        *commands: str,
        files: dict[str, str] | None = None,
        meanwhile: Callable[[MemoryContext], None] | None = None,
        context: MemoryContext | None = None,
        **given: Any,
    ) -> Ending:
        context = context or make_context()
        shutil.copytree(PROJECT, context.working_dir, dirs_exist_ok=True)
        for name, text in (files or {}).items():
            (context.working_dir / name).parent.mkdir(parents=True, exist_ok=True)
            (context.working_dir / name).write_text(text)
        if meanwhile is not None:
            threading.Thread(target=meanwhile, args=[context], daemon=True).start()
        try:
            result = dbt(*commands, **given).run(context)
            ending = Ending(result.state, "", dict(result.outputs or {}), context)
        except TaskFailed as failed:
            ending = Ending(failed.state, failed.message, dict(failed.outputs or {}), context)
        ending.rows = {name.partition(".")[2]: step.state for name, step in context.steps().items() if step.kind != "command"}
        assert all(step.state in ("SUCCESS", "WARNING", "FAILED", "SKIPPED", "KILLED") for step in context.steps().values())
        assert all(_group.members(group) == [] for group in context.groups)
        return ending

    return run


def runs(context: MemoryContext, name: str = "model.shop.slow") -> None:
    """Return when this node has been running for a moment."""
    wait_until(lambda: any(step.name == name and step.state == "RUNNING" for step in context.reports), 60, f"{name} runs")
    time.sleep(0.5)


def kept(ending: Ending) -> set[str]:
    return set(ending.outputs["outputFiles"])


def test_a_model_fails(end: Callable[..., Ending]) -> None:
    ending = end("dbt build --exclude resource_type:test")
    assert (ending.state, ending.outputs["exitCode"], kept(ending)) == ("FAILED", 1, ARTIFACTS)
    assert ending.message.startswith("Command failed with exit code 1: broken failed: Runtime Error in model broken")
    assert ending.message.endswith("(2 skipped)")
    assert ending.rows["shop.broken"] == "FAILED"
    assert ending.rows["shop.after_broken"] == ending.rows["shop.after_after"] == "SKIPPED"
    assert ending.rows["shop.counts"] == "SUCCESS"
    assert ending.outputs["runSummary"]["error"] == 1


def test_a_test_fails(end: Callable[..., Ending]) -> None:
    ending = end("dbt build --select raw_people stg_people")
    assert (ending.state, ending.outputs["exitCode"], kept(ending)) == ("FAILED", 1, ARTIFACTS)
    assert "accepted_values_stg_people_name__Ada failed: Got 1 result, configured to fail if != 0" in ending.message
    assert ending.rows["shop.stg_people"] == "SUCCESS"
    assert ending.outputs["testSummary"] == {"total": 4, "pass": 2, "fail": 1, "warn": 1, "error": 0, "skipped": 0}


def test_a_test_warns(end: Callable[..., Ending]) -> None:
    ending = end(GOOD)
    assert (ending.state, ending.outputs["exitCode"], kept(ending)) == ("WARNING", 0, ARTIFACTS)
    assert ending.outputs["warnings"] == ["unique_stg_people_name"]
    assert set(ending.rows.values()) == {"SUCCESS", "WARNING"}


@pytest.mark.parametrize(
    ("command", "files", "given", "code", "message"),
    [
        ("dbt build", {"models/x.sql": "select {{ 1 "}, {}, 2, "Compilation Error in model x (models/x.sql) unexpected end of template"),
        ("dbt build", {"models/x.sql": "select * from {{ ref('gone') }}"}, {}, 2, "depends on a node named 'gone' which was not found"),
        ("dbt build --target nope", {}, {}, 2, "does not have a target named 'nope'. The valid target names"),
        ("dbt build", {}, {"profiles": PROFILES.replace("shop:", "other:")}, 2, "Could not find profile named 'shop' (give `profiles`"),
        ("dbt build", {}, {"profiles": PROFILES.replace("duckdb", "snowflake", 1)}, 2, "ghcr.io/kestra-io/dbt-snowflake` has it"),
        ("dbt build --nope", {}, {}, 2, "No such option"),
        ("dbt build --select state:modified --state nowhere", {}, {}, 2, "no comparison manifest"),
        ("dbt run-operation nope", {}, {}, 2, 'could not find a macro with the name "nope"'),
        ("dbt retry", {}, {}, 2, "Could not find previous run"),
    ],
)
def test_dbt_refuses_before_any_node_runs(
    end: Callable[..., Ending], command: str, files: dict[str, str], given: dict[str, Any], code: int, message: str
) -> None:
    ending = end(command, files=files, **given)
    assert (ending.state, ending.outputs["exitCode"]) == ("FAILED", code)
    assert ending.message.startswith(f"Command failed with exit code {code}: ")
    assert message in ending.message
    assert ending.rows == {}
    assert "run_results.json" not in kept(ending)
    assert any(message.split(" (", maxsplit=1)[0][:20] in text for text in ending.context.lines("ERROR")) or "has it" in message


def test_nothing_is_selected(end: Callable[..., Ending]) -> None:
    ending = end("dbt build --select nope_xyz")
    assert (ending.state, ending.message, ending.rows, ending.outputs["exitCode"]) == ("WARNING", "", {}, 0)
    assert len(ending.outputs["warnings"]) == 2
    assert ending.outputs["runSummary"]["total"] == 0
    assert end("dbt build --select nope_xyz", warnings="tests-only").state == "SUCCESS"


def test_a_kill_in_a_query_is_done_within_a_second(end: Callable[..., Ending]) -> None:
    asked: list[float] = []

    def kill(context: MemoryContext) -> None:
        runs(context)
        asked.append(time.monotonic())
        context.cancel()

    ending = end(SLOW, files={"models/slow.sql": ENDLESS}, meanwhile=kill)
    took = time.monotonic() - asked[0]
    assert (ending.state, ending.message, ending.outputs["exitCode"]) == ("KILLED", "The task was killed", 1)
    assert {name: ending.rows[name] for name in ("shop.raw_people", "shop.stg_people", "shop.slow")} == {
        "shop.raw_people": "SUCCESS",
        "shop.stg_people": "SUCCESS",
        "shop.slow": "KILLED",
    }
    assert kept(ending) == ARTIFACTS
    assert ending.outputs["runSummary"]["success"] == 2
    assert took < 1 + 6 * _load()


def _load() -> float:
    """Seconds that this machine, busy as it is, takes for a third of a second of work."""
    began = time.monotonic()
    subprocess.run(["python3", "-c", "sum(range(3_000_000))"], check=True)
    return time.monotonic() - began


@pytest.mark.parametrize("warm", ["auto", pytest.param("never", marks=pytest.mark.long)])
def test_dbt_is_ended_from_outside(end: Callable[..., Ending], warm: str) -> None:
    def shoot(context: MemoryContext) -> None:
        runs(context)
        for pid in _commands(context.working_dir):
            os.kill(pid, signal.SIGKILL)

    ending = end(SLOW, files={"models/slow.sql": ENDLESS}, meanwhile=shoot, warm=warm)
    assert (ending.state, ending.outputs["exitCode"]) == ("FAILED", 137)
    assert "slow failed: dbt ended before this did" in ending.message
    assert (ending.rows["shop.stg_people"], ending.rows["shop.slow"]) == ("SUCCESS", "FAILED")
    assert kept(ending) == {"manifest.json"}
    assert ending.context.steps()["model.shop.stg_people"].detail["sql"]


@pytest.mark.long
def test_the_process_that_keeps_dbt_loaded_is_ended(end: Callable[..., Ending]) -> None:
    def shoot(context: MemoryContext) -> None:
        runs(context)
        for host in _hosts._hosts.values():
            host.process.kill()

    ending = end(SLOW, files={"models/slow.sql": ENDLESS}, meanwhile=shoot)
    assert (ending.state, ending.outputs["exitCode"]) == ("FAILED", 137)
    assert "slow failed: dbt ended before this did" in ending.message
    assert ending.rows["shop.slow"] == "FAILED"
    assert end(GOOD).state == "WARNING"  # the next one finds another


def _commands(folder: Path) -> list[int]:
    """The processes that work in this folder and are dbt, not the shell or the client that waits for it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = (entry / "cwd").resolve() == folder.resolve()
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if inside and not words[0].endswith(b"sh") and not any(word.endswith(b"client.py") for word in words):
            found.append(int(entry.name))
    return found


@pytest.mark.root
@pytest.mark.long
@pytest.mark.parametrize(
    ("megabytes", "message", "rows"),
    [
        (1, "[Errno 28] No space left on device (the disk on which the task works is full)", {}),
        (2, "large failed: Runtime Error in seed large (seeds/large.csv)", {"shop.large": "FAILED", "shop.raw_people": "SUCCESS"}),
    ],
)
def test_the_disk_is_full(
    end: Callable[..., Ending], make_context: Callable[..., MemoryContext], megabytes: int, message: str, rows: dict[str, str]
) -> None:
    context = make_context()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(context.working_dir)]
    subprocess.run(mounting, check=True)
    try:
        seed = "id,name,born\n" + "".join(f"{number},name {number},2000-01-01\n" for number in range(20_000))
        ending = end("dbt build --exclude resource_type:test", context=context, files={"seeds/large.csv": seed})
    finally:
        subprocess.run(["umount", "-l", str(context.working_dir)], check=True)
    assert ending.state == "FAILED"
    assert message in ending.message
    assert "No space left on device" in ending.message
    assert {name: ending.rows.get(name) for name in rows} == rows
    assert ending.outputs["exitCode"] in (1, 2)


@pytest.mark.long
def test_two_commands_in_one_task(end: Callable[..., Ending]) -> None:
    ending = end("dbt run --select raw_people stg_people", "dbt build --exclude resource_type:test", "dbt test", failFast=False)
    assert ending.state == "FAILED"
    sections = [(step.label, step.state) for step in ending.context.steps().values() if step.kind == "command"]
    assert sections == [("dbt run", "FAILED"), ("dbt build", "FAILED"), ("dbt test", "FAILED")]
    steps = ending.context.steps()
    assert steps["model.shop.stg_people"].state == "FAILED"  # there was no seed yet
    assert steps["model.shop.stg_people@2"].state == "SUCCESS"
    assert steps["model.shop.broken"].parent == "dbt.2"
    assert "in model stg_people" in ending.message


@pytest.mark.parametrize("command", [f"{GOOD} --target-path ./else/where", f"DBT_TARGET_PATH=else/where {GOOD}"])
def test_another_target_path(end: Callable[..., Ending], command: str) -> None:
    ending = end(command)
    assert (ending.state, kept(ending)) == ("WARNING", ARTIFACTS)
    assert ending.context.steps()["model.shop.counts"].detail["sql"]
    assert not (ending.context.working_dir / "target").exists()


def test_no_json_at_all(end: Callable[..., Ending]) -> None:
    ending = end("dbt build --exclude resource_type:test --log-format text --quiet")
    assert (ending.state, kept(ending)) == ("FAILED", ARTIFACTS)
    assert (ending.rows["shop.broken"], ending.rows["shop.after_broken"], ending.rows["shop.counts"]) == ("FAILED", "SKIPPED", "SUCCESS")
    assert "broken failed: Runtime Error in model broken" in ending.message
    said = [entry.message for entry in ending.context.logs if entry.step == "model.shop.broken"]
    assert said[0].startswith("model.shop.broken => error in ")


@pytest.mark.long
@pytest.mark.parametrize(
    ("commands", "rows", "files"),
    [
        (["dbt seed", "dbt compile --select counts"], {"shop.raw_people": "SUCCESS"}, ARTIFACTS),
        (["dbt seed", "dbt show --inline 'select 1 as a'"], {"shop.raw_people": "SUCCESS"}, ARTIFACTS),
        (["dbt ls"], {}, {"manifest.json"}),
        (["dbt seed && dbt run --select stg_people", "dbt docs generate"], {"shop.stg_people": "SUCCESS"}, ARTIFACTS | {"catalog.json"}),
        (["dbt run-operation hi"], {"shop.hi": "SUCCESS"}, ARTIFACTS),
        (["dbt seed", "dbt run --select counts stg_people", CLONE], {"shop.counts@3": "SUCCESS"}, ARTIFACTS),
    ],
)
def test_every_command_is_understood(end: Callable[..., Ending], commands: list[str], rows: dict[str, str], files: set[str]) -> None:
    macro = '{% macro hi() %}{% do log("hi there", info=true) %}{% endmacro %}'
    both = PROFILES + "    other:\n      type: duckdb\n      path: warehouse.duckdb\n      schema: other\n"
    ending = end(*commands, files={"macros/hi.sql": macro}, profiles=both)
    assert (ending.state, ending.message) in (("SUCCESS", ""), ("WARNING", ""))
    assert {name: ending.rows.get(name) for name in rows} == rows
    assert kept(ending) == files


@pytest.mark.long
def test_a_retry_runs_what_had_failed_under_a_section_of_its_own(end: Callable[..., Ending]) -> None:
    ending = end("dbt build --select raw_people stg_people broken --exclude resource_type:test", "dbt retry", failFast=False)
    assert ending.state == "FAILED"
    sections = [(step.label, step.state) for step in ending.context.steps().values() if step.kind == "command"]
    assert sections == [("dbt build", "FAILED"), ("dbt retry", "FAILED")]
    assert ending.rows["shop.broken"] == ending.rows["shop.broken@2"] == "FAILED"
    assert "shop.stg_people@2" not in ending.rows
    assert "(1 more failed)" in ending.message


@pytest.mark.long
def test_a_source_that_is_not_there_says_so(end: Callable[..., Ending]) -> None:
    ending = end("dbt source freshness")
    assert (ending.state, ending.rows["shop.raw.raw_people"], kept(ending)) == ("FAILED", "FAILED", {"manifest.json", "sources.json"})
    assert "raw_people failed: Runtime Error in source raw_people (models/schema.yml) Catalog Error" in ending.message
