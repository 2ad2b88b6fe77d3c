"""Why a node would run, what it waits for, and how long all of them take."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.dbt import _plan
from tests.plugins.context import MemoryContext
from tests.plugins.dbt.test_dbt_cli import dbt, failure_of, project, shell

__all__ = ["project"]
AFTER: dict[str, dict[str, Any]] = {
    "model.s.a": {"name": "a", "sql": "1", "parents": []},
    "model.s.b": {"name": "b", "sql": "1", "parents": ["model.s.a"]},
    "model.s.c": {"name": "c", "sql": "1", "parents": ["model.s.b"]},
    "model.s.d": {"name": "d", "sql": "1", "parents": []},
    "test.s.t": {"name": "t", "parents": ["model.s.a"]},
    "test.s.both": {"name": "both", "parents": ["model.s.a", "model.s.b"]},
}
NODES = list(AFTER)


def test_each_node_says_why_it_would_run() -> None:
    before = {**AFTER, "model.s.a": {**AFTER["model.s.a"], "sql": "0"}}
    del before["model.s.d"]
    found = _plan.reasons(NODES, AFTER, before)
    assert found["model.s.a"] == "changed: SQL"
    assert found["model.s.c"] == "comes after a, which changed"
    assert found["model.s.d"] == "new"
    assert set(_plan.reasons(NODES, AFTER, AFTER).values()) == {"selected, unchanged"}
    assert "no state" in _plan.reasons(NODES, AFTER, None)["model.s.a"]


def test_a_model_waits_for_its_parents_and_their_tests() -> None:
    gates = _plan.gates(NODES, AFTER)
    assert gates["model.s.b"] == {"model.s.a", "test.s.t"}  # not for the test that waits for b itself
    assert gates["test.s.both"] == {"model.s.a", "model.s.b"}
    order = _plan.ordered(NODES, gates)
    assert order.index("test.s.t") < order.index("model.s.b") < order.index("model.s.c")
    assert sorted(order) == sorted(NODES)


@pytest.mark.parametrize(("threads", "took"), [(1, 6.0), (2, 5.0), (8, 5.0)])
def test_more_threads_help_as_far_as_nodes_do_not_wait(threads: int, took: float) -> None:
    gates = _plan.gates(NODES, AFTER)
    assert _plan.seconds(NODES, gates, dict.fromkeys(NODES, 1.0), threads) == took


def test_nodes_that_wait_for_each_other_do_not_hang_it() -> None:
    circle = {"a": {"b"}, "b": {"a"}}
    assert _plan.seconds(["a", "b"], circle, {"a": 1.0, "b": 1.0}, 1) == 0.0
    assert sorted(_plan.ordered(["a", "b"], circle)) == ["a", "b"]


@pytest.mark.dbt
def test_dbt_itself_says_what_it_would_run_and_runs_nothing(project: MemoryContext) -> None:
    found = dbt("dbt deps", "dbt seed", "dbt build --select +counts --threads 3").plan(project)
    names = [node["id"] for node in found["nodes"] if not node["id"].startswith("test.")]
    assert names == ["seed.shop.raw_people", "model.shop.stg_people", "model.shop.counts"]
    assert any(node["id"].startswith("test.shop.unique_stg_people_id") for node in found["nodes"])
    assert found["threads"] == 3
    others = {node["name"]: node for node in found["others"]}
    assert others["broken"]["parents"] == ["model.shop.stg_people"]
    assert not {"counts", "stg_people", "raw_people"} & others.keys()
    assert found["unknown"] == []
    assert project.reports == []
    assert not (project.working_dir / "warehouse.duckdb").exists()


@pytest.mark.parametrize(
    ("wanted", "planned", "command", "may"),
    [
        ("never", "", "dbt build", True),
        ("always", "", "dbt build", False),
        ("always", "", "dbt test", True),
        ("always", "planned", "dbt build", True),
        ("approved", "planned", "dbt deps\ndbt run", False),
        ("approved", "approved", "dbt run", True),
    ],
)
def test_a_task_may_build_only_what_was_planned(project: MemoryContext, wanted: str, planned: str, command: str, may: bool) -> None:
    project.planned = planned
    task = shell(*command.splitlines(), requirePlan=wanted, beforeCommands=["dbt() { true; }"])
    if may:
        task.run(project)
        return
    failed = failure_of(task, project)
    assert "runs here only from a plan" in failed.message
    assert not failed.retryable


def test_what_a_trigger_starts_needs_no_plan(project: MemoryContext) -> None:
    project.variables["trigger"] = {"date": "2026-01-01"}
    shell("dbt build", requirePlan="approved", beforeCommands=["dbt() { true; }"]).run(project)
