"""The dbt task where nothing or little of dbt is there: shell commands leave artifacts and lines as dbt would."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.contract import TaskFailed
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import outputs, shell
from tests.plugins.dbt.test_reader import line, node

TIMING = [
    {"name": "compile", "started_at": "2026-01-01T00:00:00Z", "completed_at": "2026-01-01T00:00:01Z"},
    {"name": "execute", "started_at": "2026-01-01T00:00:01Z", "completed_at": "2026-01-01T00:00:02Z"},
]


def results(*rows: dict[str, Any], which: str = "build", call: str = "one") -> str:
    metadata = {"invocation_id": call, "generated_at": "2026-01-01T00:00:09Z"}
    return json.dumps({"metadata": metadata, "args": {"which": which}, "elapsed_time": 1.0, "results": list(rows)})


def row(unique_id: str, status: str, **more: Any) -> dict[str, Any]:
    return {"unique_id": unique_id, "status": status, "timing": TIMING, **more}


def leaving(files: dict[str, str], *commands: str, **given: Any) -> Any:
    """A task that puts files into the target folder, as dbt would leave them, and goes on with commands."""
    copies = [f"mkdir -p target && cp given/{name} target/{name}" for name in files]
    return shell(*copies, *commands, inputFiles={f"given/{name}": content for name, content in files.items()}, **given)


def told(context: MemoryContext, name: str) -> list[tuple[str, str]]:
    return [(entry.level, entry.message) for entry in context.logs if entry.step == name]


def test_a_node_of_which_no_line_told_has_a_log_of_its_own(context: MemoryContext) -> None:
    found = results(
        row("model.s.good", "success", execution_time=0.42, message="CREATE VIEW"),
        row("model.s.bad", "error", execution_time=0.128, failures=1, message="Database Error\n  no such table"),
        row("test.s.many", "fail", failures=3),
        row("test.s.none", "pass", failures=0),
        row("model.s.careful", "warn"),
    )
    leaving({"run_results.json": found}).run(context)
    assert told(context, "model.s.good") == [("INFO", "model.s.good => success in 0.42s"), ("INFO", "CREATE VIEW")]
    assert told(context, "model.s.bad") == [
        ("ERROR", "model.s.bad => error in 0.13s (1 failure)"),
        ("ERROR", "Database Error\n  no such table"),
    ]
    assert told(context, "test.s.many") == [("ERROR", "test.s.many => fail (3 failures)")]
    assert told(context, "test.s.none") == [("INFO", "test.s.none => pass")]
    assert told(context, "model.s.careful") == [("WARN", "model.s.careful => warn")]
    good = context.steps()["model.s.good"]
    assert [str(moment)[17:19] for moment in (good.started, good.working, good.ended)] == ["00", "01", "02"]


def test_a_node_of_which_dbt_told_is_not_told_of_again(context: MemoryContext) -> None:
    said = line("LogModelResult", "1 of 1 OK", node_info=node("model.s.a", "success", finished="2026-11-22T07:48:22"))
    leaving({"run_results.json": results(row("model.s.a", "success")), "lines": said}, "cat target/lines").run(context)
    assert told(context, "model.s.a") == [("INFO", "1 of 1 OK")]


DEPRECATED = line("Deprecation", "old", "warn")
TEST_WARNED = line(
    "LogTestResult", "WARN 1", "warn", node_info=node("test.s.t.1", "warn", finished="2026-11-22T07:48:22", node_name="t"), num_failures=1
)


@pytest.mark.parametrize(
    ("policy", "lines", "state"),
    [
        ("kestra", DEPRECATED, "WARNING"),
        ("kestra", TEST_WARNED, "WARNING"),
        ("tests-only", DEPRECATED, "SUCCESS"),
        ("tests-only", DEPRECATED + "\n" + TEST_WARNED, "WARNING"),
        ("never", DEPRECATED + "\n" + TEST_WARNED, "SUCCESS"),
        ("{{ 'NEVER' }}", DEPRECATED, "SUCCESS"),
        ("kestra", "", "SUCCESS"),
    ],
)
def test_the_policy_says_which_warnings_count_and_the_chip_names_them_all(
    context: MemoryContext, policy: str, lines: str, state: str
) -> None:
    result = shell("cat lines", inputFiles={"lines": lines + "\n"}, warnings=policy).run(context)
    assert result.state == state
    names = [name for name, said in (("Deprecation", DEPRECATED), ("t", TEST_WARNED)) if said in lines]
    assert outputs(result).get("warnings", []) == names
    assert (", ".join(names) in context.headers.get("warnings", "")) if names else ("warnings" not in context.headers)


@pytest.mark.parametrize("rows", [True, False])
def test_warned_tests_count_by_the_artifact_too(context: MemoryContext, rows: bool) -> None:
    task = leaving({"run_results.json": results(row("test.s.t", "warn"))}, warnings="tests-only", parseRunResults=rows)
    assert task.run(context).state == "WARNING"


def test_a_warning_counts_in_the_section_of_any_command(context: MemoryContext) -> None:
    found = results(row("model.s.micro", "partial success"))
    result = leaving({"run_results.json": found}, "# dbt run", "true; #", "echo dbt; # dbt test").run(context)
    assert result.state == "WARNING"
    assert outputs(result)["warnings"] == ["micro"]


def test_every_artifact_is_an_output(context: MemoryContext) -> None:
    sources = json.dumps({"results": [{"unique_id": "source.s.raw.a", "status": "warn", "max_loaded_at": "2026-01-01T00:00:00Z"}]})
    files = {"manifest.json": '{"nodes": {}, "unknown": 1}', "run_results.json": results(), "sources.json": sources, "catalog.json": "{}"}
    result = leaving(files).run(context)
    kept = outputs(result)["outputFiles"]
    assert kept.keys() == files.keys()
    assert {name: context.storage.text(uri) for name, uri in kept.items()} == files
    assert context.steps()["source.s.raw.a"].state == "WARNING"


@pytest.mark.parametrize("broken", ["{ this is not json", "", "[1]"])
def test_artifacts_that_cannot_be_read_are_kept_and_fail_nothing(context: MemoryContext, broken: str) -> None:
    files = dict.fromkeys(("manifest.json", "run_results.json", "sources.json", "catalog.json"), broken)
    result = leaving(files).run(context)
    assert result.state == "SUCCESS"
    assert outputs(result)["outputFiles"].keys() == files.keys()


def test_the_failure_of_the_commands_keeps_what_was_left(context: MemoryContext) -> None:
    task = leaving({"run_results.json": results(row("model.s.a", "error", message="no"))}, "exit 3")
    with pytest.raises(TaskFailed) as caught:
        task.run(context)
    assert caught.value.outputs is not None
    assert caught.value.outputs["exitCode"] == 3
    assert caught.value.outputs["runSummary"]["error"] == 1
    assert context.steps()["model.s.a"].state == "FAILED"


def test_the_shell_gets_all_commands_at_once_after_those_that_prepare(context: MemoryContext) -> None:
    result = shell("echo $x", "echo ::'{\"outputs\":{\"x\":\"'$x'\"}}'::", beforeCommands=["x=hello", "echo quiet"]).run(context)
    assert outputs(result)["vars"] == {"x": "hello"}
    said = [(entry.level, entry.message) for entry in context.logs]
    assert said.index(("DEBUG", "quiet")) < said.index(("INFO", "hello"))
    assert not any("##kestra" in text for _, text in said)
