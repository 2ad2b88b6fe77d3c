"""What dbt's artifacts add, and that reading them never fails a task."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugins.dbt._artifacts import Artifact, Artifacts, complete, parents_of, summaries
from plugins.dbt._steps import Steps
from tests.plugins.context import MemoryContext


def write(context: MemoryContext, name: str, content: Any, folder: str = "target") -> Path:
    path = context.working_dir / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def results(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"invocation_id": "one", "generated_at": "2024-01-01T00:00:09Z"},
        "results": list(rows),
        "elapsed_time": 2.5,
        **more,
    }


def kept(context: MemoryContext) -> Artifacts:
    artifacts = Artifacts(context.working_dir, [context.working_dir / "target"], 0.0)
    artifacts.keep()
    return artifacts


def completed(context: MemoryContext) -> Steps:
    artifacts = kept(context)
    steps = Steps(context, [], artifacts.depends_on)
    complete(steps, artifacts, context)
    return steps


TIMING = [
    {"name": "compile", "started_at": "2024-01-01T00:00:00Z", "completed_at": "2024-01-01T00:00:01Z"},
    {"name": "execute", "started_at": "2024-01-01T00:00:01Z", "completed_at": "2024-01-01T00:00:02Z"},
]


def test_results_make_the_steps_that_no_event_told_of(context: MemoryContext) -> None:
    good = {"unique_id": "model.s.a", "status": "success", "timing": TIMING, "execution_time": 5.0, "message": "CREATE VIEW"}
    rows = {"rows_affected": 10, "bytes_processed": "99", "nested": {"a": [1]}}
    write(
        context,
        "run_results.json",
        results({**good, "adapter_response": rows}, {"unique_id": "model.s.b", "status": "skipped", "timing": []}),
    )
    completed(context)
    a, b = context.steps()["model.s.a"], context.steps()["model.s.b"]
    assert (a.state, a.message, a.data["rows_affected"]) == ("SUCCESS", "CREATE VIEW", 10)
    assert a.started is not None
    assert a.ended is not None
    assert (a.ended - a.started).total_seconds() == 5.0  # the phases say 2 s, dbt's execution_time 5 s
    assert (b.state, str(b.started)) == ("SKIPPED", "2024-01-01 00:00:09+00:00")
    assert [(metric.name, metric.value, metric.tags) for metric in context.metrics] == [
        ("rows.affected", 10, {"node": "model.s.a"}),
        ("bytes.processed", 99, {"node": "model.s.a"}),
        ("node.execution.duration", 5, {"node": "model.s.a"}),
    ]


def test_the_duration_of_run_results_is_the_one_that_counts(context: MemoryContext) -> None:
    write(context, "run_results.json", results({"unique_id": "exposure.s.a", "status": "no-op", "execution_time": 0.02}))
    artifacts = kept(context)
    steps = Steps(context, [], artifacts.depends_on)
    steps.put("exposure.s.a", None, lambda report: replace(report, state="SUCCESS", data={**report.data, "duration": 0.0}))
    complete(steps, artifacts, context)
    assert context.steps()["exposure.s.a"].data["duration"] == 0.02


@pytest.mark.parametrize(
    "content",
    [
        "{ this is not json",
        "[]",
        "null",
        {"results": None},
        {"results": [None, 3, {}, {"unique_id": None}, {"unique_id": "model.s.a"}]},
        {
            "results": [
                {"unique_id": "model.s.a", "status": {"x": 1}, "timing": {"a": 1}, "adapter_response": "OK", "execution_time": "soon"}
            ]
        },
        {"metadata": 3, "results": [{"unique_id": "model.s.a", "status": "success", "timing": [{"started_at": 3}], "message": 7}]},
    ],
)
def test_a_strange_artifact_never_fails_the_task(context: MemoryContext, content: Any) -> None:
    write(context, "run_results.json", content)
    write(context, "sources.json", content)
    write(context, "manifest.json", content)
    completed(context)
    assert all(step.state in ("WARNING", "SUCCESS") for step in context.steps().values())
    summaries(kept(context).runs())


def test_the_results_of_a_rewriting_do_not_hide_those_of_the_run(context: MemoryContext) -> None:
    artifacts = Artifacts(context.working_dir, [context.working_dir / "target"], 0.0)
    write(context, "run_results.json", results({"unique_id": "model.s.a", "status": "error"}, args={"which": "build"}))
    artifacts.keep()
    write(context, "run_results.json", results({"unique_id": "model.s.a", "status": "success"}, args={"which": "generate"}))
    artifacts.keep()
    assert [found.command for found in artifacts.runs()] == ["build"]
    last = artifacts.last("run_results.json")
    assert last is not None
    assert last.command == "build"


def test_an_artifact_from_before_the_run_is_left_out(context: MemoryContext) -> None:
    path = write(context, "run_results.json", results({"unique_id": "model.s.a", "status": "success"}))
    artifacts = Artifacts(context.working_dir, [path.parent], path.stat().st_mtime + 10)
    artifacts.keep()
    assert artifacts.last("run_results.json") is None


def test_an_artifact_in_a_folder_that_nothing_named_is_found(context: MemoryContext) -> None:
    write(context, "manifest.json", {"nodes": {}}, folder="somewhere/built")
    assert kept(context).last("manifest.json") is not None


def test_a_link_is_no_artifact(context: MemoryContext, tmp_path: Path) -> None:
    outside = tmp_path / "secret.json"
    outside.write_text('{"nodes": {}}')
    (context.working_dir / "target").mkdir()
    (context.working_dir / "target" / "manifest.json").symlink_to(outside)
    assert kept(context).last("manifest.json") is None


def test_parents_come_from_the_manifest() -> None:
    manifest = {
        "nodes": {
            "model.s.b": {"depends_on": {"nodes": ["model.s.a"], "macros": ["macro.x"]}},
            "seed.s.x": {"depends_on": {"macros": []}},
            "bad": None,
        },
        "exposures": {"exposure.s.d": {"depends_on": {"nodes": ["model.s.b"]}}},
    }
    assert parents_of(manifest) == {"model.s.b": ("model.s.a",), "exposure.s.d": ("model.s.b",)}


def test_the_manifests_map_of_parents_comes_before_what_a_node_says() -> None:
    nodes = {f"model.s.{name}": {"depends_on": {"nodes": ["model.s.x", "model.s.y"]}} for name in "abc"}
    manifest = {"nodes": nodes, "parent_map": {"model.s.a": ["model.s.y"], "model.s.b": "model.s.y", "source.s.raw.r": []}}
    expected = {"model.s.a": ("model.s.y",), "model.s.b": ("model.s.x", "model.s.y"), "model.s.c": ("model.s.x", "model.s.y")}
    assert parents_of(manifest) == {**expected, "source.s.raw.r": ()}
    assert parents_of({**manifest, "parent_map": 7}) == dict.fromkeys(nodes, ("model.s.x", "model.s.y"))


def test_a_source_that_was_looked_at_is_made_of_nothing_and_makes_nothing(context: MemoryContext) -> None:
    raw, model = "source.s.raw.people", "model.s.people"
    write(context, "manifest.json", {"nodes": {model: {"depends_on": {"nodes": [raw]}}}, "parent_map": {model: [raw]}})
    rows = ({"unique_id": raw, "status": "pass"}, {"unique_id": model, "status": "success", "relation_name": '"w"."main"."people"'})
    write(context, "run_results.json", results(*rows))
    completed(context)
    steps = context.steps()
    assert set(steps) == {raw, model}
    assert not {"depends_on", "relation"} & set(steps[raw].data)
    assert (steps[model].data["depends_on"], steps[model].data["relation"]) == ([raw], '"w"."main"."people"')


def test_what_is_read_of_a_manifest_alone_is_what_all_of_it_says() -> None:
    odd = 'a "quoted" name: {"unique_id": "model.s.b"}, "parent_map": {"model.s.b": ["x"]}'
    nodes = {
        "model.s.a": {"unique_id": "model.s.a", "raw_code": odd, "meta": {"model.s.b": {"unique_id": "of nothing"}}},
        "model.s.b": {"unique_id": "model.s.b", "depends_on": {"nodes": ["model.s.a"]}, "meta": {"parent_map": {"a": "b"}}},
        "model.s.é": {"unique_id": "model.s.é", "depends_on": {"nodes": ["model.s.b", "model.s.a"]}},
    }
    parents: dict[str, Any] = {"model.s.a": [], "model.s.b": ["model.s.a"], "model.s.é": ["model.s.a", "model.s.b"]}
    told = {"metadata": {"invocation_id": "one"}, "nodes": nodes, "disabled": {}, "parent_map": parents, "child_map": {}}
    for text in (json.dumps(told), json.dumps(told, separators=(",", ":")), json.dumps({**told, "metadata": {}}, indent=1)):
        artifact = Artifact(Path("manifest.json"), text.encode())
        assert {name: artifact.node(name) for name in nodes} == nodes
        assert artifact.node("model.s.none") == {}
        assert {name: set(found) for name, found in artifact.parents.items()} | {"model.s.a": set()} == {
            name: set(found) for name, found in parents.items()
        }
        assert artifact.invocation == json.loads(text)["metadata"].get("invocation_id")
    for text in ("", "[]", '{"metadata": {', '{"metadata": [], "parent_map": {"a": 1}}'):
        broken = Artifact(Path("manifest.json"), text.encode())
        assert (broken.node("model.s.a"), broken.parents, broken.invocation) == ({}, {}, None)


def test_freshness_becomes_facts_of_its_source(context: MemoryContext) -> None:
    source = {
        "unique_id": "source.s.raw.people",
        "status": "runtime error",
        "max_loaded_at": "2024-01-01T00:00:00Z",
        "error": "no such table",
    }
    write(context, "sources.json", results(source))
    completed(context)
    step = context.steps()["source.s.raw.people"]
    assert (step.state, step.message, step.data["max_loaded_at"]) == ("FAILED", "no such table", "2024-01-01T00:00:00Z")


def test_runs_and_tests_are_summed_up_apart(context: MemoryContext) -> None:
    rows = [
        ("model.shop.customers", "success", 1.0),
        ("model.shop.orders", "run", 42.0),
        ("model.shop.payments", "error", 3.0),
        ("seed.shop.countries", "success", 0.5),
        ("snapshot.shop.orders_snapshot", "skipped", None),
        ("operation.shop.shop-on-run-end-0", "success", 99.0),
        ("test.shop.not_null.a1", "fail", 0.2),
        ("test.shop.unique.c3", "pass", 0.1),
        ("test.shop.accepted.e5", "warn", 0.1),
        ("test.shop.relationships.g7", "skipped", None),
        ("unit_test.shop.orders.totals", "pass", 0.3),
    ]
    write(
        context,
        "run_results.json",
        results(*({"unique_id": name, "status": status, "execution_time": time} for name, status, time in rows)),
    )
    assert summaries(kept(context).runs()) == {
        "runSummary": {
            "total": 5,
            "success": 3,
            "error": 1,
            "warn": 0,
            "skipped": 1,
            "elapsedTime": 2.5,
            "slowest": [
                {"uniqueId": "model.shop.orders", "executionTime": 42},
                {"uniqueId": "model.shop.payments", "executionTime": 3},
                {"uniqueId": "model.shop.customers", "executionTime": 1},
            ],
        },
        "testSummary": {"total": 5, "pass": 2, "fail": 1, "warn": 1, "error": 0, "skipped": 1},
    }


def test_words_nobody_knows_count_in_the_total_only(context: MemoryContext) -> None:
    rows = [
        ("model.s.a", None),
        ("model.s.b", "some-future-status"),
        ("model.s.c", "no-op"),
        ("model.s.d", "partial success"),
        ("test.s.t", None),
    ]
    write(context, "run_results.json", results(*({"unique_id": name, "status": status} for name, status in rows), {"unique_id": None}))
    found = summaries(kept(context).runs())
    assert found["runSummary"] == {"total": 4, "success": 0, "error": 0, "warn": 1, "skipped": 1, "elapsedTime": 2.5, "slowest": []}
    assert found["testSummary"] == {"total": 1, "pass": 0, "fail": 0, "warn": 0, "error": 0, "skipped": 0}
