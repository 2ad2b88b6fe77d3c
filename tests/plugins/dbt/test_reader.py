"""From dbt's lines to log lines, steps and warnings, with lines as dbt writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from plugins.dbt._alerts import Alerts
from plugins.dbt._artifacts import Artifacts, target_folders
from plugins.dbt._command import invocations
from plugins.dbt._events import read_event
from plugins.dbt._reader import DbtReader
from plugins.dbt._steps import Steps
from tests.plugins.context import MemoryContext

RED, OFF = "\x1b[31m", "\x1b[0m"


def node(unique_id: str, status: str, *, finished: str = "", **more: Any) -> dict[str, Any]:
    return {
        "unique_id": unique_id,
        "node_name": unique_id.rpartition(".")[2],
        "resource_type": unique_id.partition(".")[0],
        "node_status": status,
        "node_started_at": "2026-11-22T07:48:21.000000",
        "node_finished_at": finished,
        "node_path": "a/b.sql",
        "materialized": "table",
        "node_relation": {"relation_name": '"db"."main"."b"'},
        **more,
    }


def line(name: str, msg: str = "", level: str = "info", call: str = "one", **data: Any) -> str:
    info = {"name": name, "msg": msg, "level": level, "ts": "2026-11-22T07:48:22.500000Z", "thread": "Thread-1", "invocation_id": call}
    return json.dumps({"info": info, "data": data})


@pytest.fixture
def reader(context: MemoryContext) -> DbtReader:
    return make_reader(context)


def make_reader(context: MemoryContext, *labels: str, parents: dict[str, tuple[str, ...]] | None = None) -> DbtReader:
    steps = Steps(context, list(labels), lambda unique_id: (parents or {}).get(unique_id, ()))
    artifacts = Artifacts(context.working_dir, [context.working_dir / "target"], 0.0)
    return DbtReader(context, steps, artifacts, Alerts.of(None, context, json_format=True))


def feed(reader: DbtReader, *lines: str) -> None:
    for text in lines:
        reader.line("stdout", text)


def test_a_row_appears_when_a_node_starts_and_changes_when_it_ends(reader: DbtReader, context: MemoryContext) -> None:
    feed(
        reader, line("MainReportVersion"), line("LogStartLine", "1 of 1 START ..... [RUN]", node_info=node("model.shop.orders", "started"))
    )
    running = context.steps()["model.shop.orders"]
    assert (running.state, running.label, running.kind) == ("RUNNING", "orders", "model")
    assert running.started == datetime(2026, 11, 22, 7, 48, 21, tzinfo=UTC)
    ended = node("model.shop.orders", "success", finished="2026-11-22T07:48:22.100000")
    feed(reader, line("LogModelResult", "1 of 1 OK ..... [OK in 0.06s]", node_info=ended, execution_time=2.0, index=1, total=1))
    done = context.steps()["model.shop.orders"]
    assert (done.state, done.data["duration"], done.data["relation"]) == ("SUCCESS", 2.0, '"db"."main"."b"')
    assert done.ended == datetime(2026, 11, 22, 7, 48, 23, tzinfo=UTC)  # dbt's execution_time is the truth
    assert [entry.step for entry in context.logs] == ["model.shop.orders"] * 2


def test_a_failed_test_tells_its_failures_and_its_model(reader: DbtReader, context: MemoryContext) -> None:
    info = node("test.shop.unique_id.abc", "fail", finished="2026-11-22T07:48:22.1")
    feed(reader, line("LogTestResult", "FAIL 3", "error", node_info=info, num_failures=3, attached_node="model.shop.orders"))
    step = context.steps()["test.shop.unique_id.abc"]
    assert (step.state, step.message, step.data["attached_node"]) == ("FAILED", "3 failures", "model.shop.orders")


@pytest.mark.parametrize(("word", "badge"), [("no-op", "no-op"), ("reused", "reused")])
def test_words_that_kestra_does_not_know_have_a_badge(reader: DbtReader, context: MemoryContext, word: str, badge: str) -> None:
    feed(reader, line("LogNodeNoOpResult", node_info=node("exposure.shop.dash", word, finished="2026-11-22T07:48:22")))
    assert context.steps()["exposure.shop.dash"].data["badge"] == badge


def test_a_word_nobody_knows_is_told_once(reader: DbtReader, context: MemoryContext) -> None:
    for name in ("a", "b"):
        feed(reader, line("LogModelResult", node_info=node(f"model.shop.{name}", "mystery", finished="2026-11-22T07:48:22")))
    assert [step.state for step in context.steps().values()] == ["WARNING", "WARNING"]
    assert len(context.lines("WARN")) == 1


def test_a_skipped_node_names_the_node_that_failed(context: MemoryContext) -> None:
    parents = {"model.s.b": ("model.s.a",), "model.s.c": ("model.s.b",), "model.s.y": ("model.s.x",)}
    reader = make_reader(context, parents=parents)
    feed(
        reader,
        line("LogModelResult", level="error", node_info=node("model.s.a", "error", finished="2026-11-22T07:48:22")),
        line("LogModelResult", node_info=node("model.s.x", "success", finished="2026-11-22T07:48:22")),
        line("LogTestResult", node_info=node("test.s.t.1", "fail", finished="2026-11-22T07:48:22"), attached_node="model.s.x"),
        line("SkippingDetails", "SKIP", node_info=node("model.s.b", "skipped", finished="2026-11-22T07:48:22")),
        line("SkippingDetails", "SKIP", node_info=node("model.s.c", "skipped")),
        line("SkippingDetails", "SKIP", node_info=node("model.s.y", "skipped")),
    )
    steps = context.steps()
    assert {name: steps[f"model.s.{name}"].data["cause"] for name in "bcy"} == {"b": "model.s.a", "c": "model.s.a", "y": "test.s.t.1"}
    assert steps["model.s.c"].message == "Skipped because of model.s.a"


def test_batches_are_rows_below_their_model(reader: DbtReader, context: MemoryContext) -> None:
    feed(
        reader,
        line("LogStartLine", node_info=node("model.s.micro", "started")),
        line(
            "LogBatchResult",
            "Batch 1",
            node_info=node("model.s.micro", "success", finished="2026-11-22T07:48:22"),
            batch_index=1,
            total_batches=2,
        ),
        line(
            "LogBatchResult",
            "Batch 2",
            "error",
            node_info=node("model.s.micro", "error", finished="2026-11-22T07:48:22"),
            batch_index=2,
            total_batches=2,
        ),
        line("LogModelResult", node_info=node("model.s.micro", "partial success", finished="2026-11-22T07:48:22")),
    )
    steps = context.steps()
    assert [(name, step.state, step.parent) for name, step in steps.items()] == [
        ("model.s.micro", "WARNING", None),
        ("model.s.micro.batch_1", "SUCCESS", "model.s.micro"),
        ("model.s.micro.batch_2", "FAILED", "model.s.micro"),
    ]


def test_every_call_has_its_section_and_repeated_nodes_their_own_rows(context: MemoryContext) -> None:
    reader = make_reader(context, "dbt run", "dbt test", "dbt run")
    done = node("model.s.a", "success", finished="2026-11-22T07:48:22")
    feed(
        reader,
        line("MainReportVersion", call="one"),
        line("LogModelResult", call="one", node_info=done),
        line("MainReportVersion", call="two"),
        line("LogTestResult", call="two", level="warn", node_info=node("test.s.t.1", "warn", finished="2026-11-22T07:48:22")),
        line("MainReportVersion", call="three"),
        line("LogModelResult", call="three", node_info=done),
    )
    assert reader.steps is not None
    reader.steps.end_section(datetime.now(UTC))
    found = [(name, step.label, step.state, step.parent) for name, step in context.steps().items()]
    assert found == [
        ("dbt.1", "dbt run", "SUCCESS", None),
        ("model.s.a", "a", "SUCCESS", "dbt.1"),
        ("dbt.2", "dbt test", "WARNING", None),
        ("test.s.t.1", "1", "WARNING", "dbt.2"),
        ("dbt.3", "dbt run", "SUCCESS", None),
        ("model.s.a@3", "a", "SUCCESS", "dbt.3"),
    ]


def test_colours_dots_and_empty_lines_are_left_out(reader: DbtReader, context: MemoryContext) -> None:
    feed(reader, line("Formatting", ""), line("X", f"1 of 2 OK created view a.b ............ [{RED}OK{OFF} in 0.13s]"))
    assert context.lines() == ["1 of 2 OK created view a.b [OK in 0.13s]"]


def test_warnings_are_named_once(reader: DbtReader) -> None:
    feed(
        reader,
        line("NoNodeForYamlKey", "no node", "warn", patch_name="ghost"),
        line(
            "LogTestResult",
            "WARN 1",
            "warn",
            node_info=node("test.s.unique_a.1", "warn", finished="2026-11-22T07:48:22", node_name="unique_a"),
        ),
        line("RunResultWarning", "Warning in test", "warn", node_info=node("test.s.unique_a.1", "None", node_name="unique_a")),
        line("RunResultWarningMessage", "Got 1 result", "warn", node_info=node("test.s.unique_a.1", "None", node_name="unique_a")),
    )
    assert list(reader.warnings) == ["NoNodeForYamlKey (ghost)", "unique_a"]


def test_lines_of_fusion_and_of_old_versions_are_read() -> None:
    fusion = read_event(
        '{"level":"warning","ts":"2024-01-01T00:00:00Z","name":"Deprecation","message":"old","thread_name":"Main","pid":42}'
    )
    assert fusion is not None
    assert (fusion.level, fusion.name, fusion.text) == ("WARN", "Deprecation", "old")
    old = read_event('{"level":"info","ts":"2024-01-01T00:00:00Z","thread_name":"Main","type":"log_line","msg":"hello"}')
    assert old is not None
    assert (old.level, old.text) == ("INFO", "hello")
    nested = read_event('{"info":{"level":"error","msg":"m","name":"N","ts":"2024-01-01T00:00:00Z","thread":null},"data":{}}')
    assert nested is not None
    assert (nested.level, nested.thread, nested.at) == ("ERROR", None, datetime(2024, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["plain text", "{broken", "[1]", '{"a": 1}', "", "{}", '{"info": 3, "level": "info"}'])
def test_a_line_that_is_no_event_is_none(text: str) -> None:
    assert read_event(text) is None


def test_text_is_information_and_text_on_stderr_an_error(reader: DbtReader, context: MemoryContext) -> None:
    reader.line("stdout", f"plain {RED}text{OFF}")
    reader.line("stderr", "Traceback (most recent call last):")
    reader.line("stdout", "")
    assert [(entry.level, entry.message) for entry in context.logs] == [
        ("INFO", "plain text"),
        ("ERROR", "Traceback (most recent call last):"),
    ]


def test_answers_and_marks_are_no_log_lines(reader: DbtReader, context: MemoryContext) -> None:
    feed(
        reader,
        "##kestra:log:debug##",
        "quiet",
        "##kestra:log:info##",
        '::{"outputs":{"some_value":"hello"}}::',
        '::{"logs":[{"message":"said"}]}::',
    )
    assert reader.vars == {"some_value": "hello"}
    assert [(entry.level, entry.message) for entry in context.logs] == [("DEBUG", "quiet"), ("INFO", "said")]


def test_stats_are_metrics(reader: DbtReader, context: MemoryContext) -> None:
    feed(reader, line("StatsLine", "Done.", stats={"pass": 3, "error": 1}))
    assert {metric.name: metric.value for metric in context.metrics} == {"pass": 3, "error": 1}


def test_a_node_that_an_interrupt_ended_was_killed(reader: DbtReader, context: MemoryContext) -> None:
    feed(reader, line("LogStartLine", node_info=node("model.s.slow", "started")))
    context.cancel()
    feed(reader, line("LogModelResult", level="error", node_info=node("model.s.slow", "error", finished="2026-11-22T07:48:22")))
    assert context.steps()["model.s.slow"].state == "KILLED"


def test_lines_that_were_told_before_change_steps_but_not_the_log(reader: DbtReader, context: MemoryContext) -> None:
    reader.replay(True)
    feed(reader, line("LogStartLine", "START", node_info=node("model.s.a", "started")))
    reader.replay(False)
    feed(reader, line("LogModelResult", "OK", node_info=node("model.s.a", "success", finished="2026-11-22T07:48:22")))
    assert context.steps()["model.s.a"].state == "SUCCESS"
    assert context.lines() == ["OK"]


def test_folders_of_artifacts_are_found_by_flag_variable_and_project(tmp_path: Path) -> None:
    project = tmp_path / "dbt"
    project.mkdir()
    (project / "dbt_project.yml").write_text('name: x\ntarget-path: "built"  # where\n')
    calls = invocations(["dbt build --project-dir dbt --target-path ./dev"])
    assert target_folders(tmp_path, calls, project, {}) == [project / "dev", project / "built"]
    assert target_folders(tmp_path, invocations(["dbt build"]), project, {"DBT_TARGET_PATH": "var"}) == [project / "var"]
