"""Tasks that run more than once, or in an order of their own."""

from __future__ import annotations

import pytest

from tests.engine.simulator import START, World, flow_of, ids, one


@pytest.mark.parametrize(
    ("loop", "order"),
    [
        ("type: ForEach, values: [x, y, x]", ["a", "b", "a", "b"]),
        ('type: ForEach, values: \'["x", "y"]\', concurrencyLimit: 0', ["a", "a", "b", "b"]),
        ("type: EachSequential, value: [x, y]", ["a", "b", "a", "b"]),
        ("type: EachParallel, value: [x, y]", ["a", "b", "a", "b"]),
        ("type: ForEach, values: '[]'", []),
    ],
)
def test_loops_run_their_tasks_for_every_distinct_value(loop: str, order: list[str]) -> None:
    execution = World().run(f"tasks: [{{id: l, {loop}, tasks: [{{id: a, type: Log}}, {{id: b, type: Log}}]}}]")
    assert (execution.state.current, ids(execution)[1:]) == ("SUCCESS", order)
    assert {(r.task_id, r.value) for r in execution.task_runs[1:]} == {(t, v) for t in "ab" for v in "xy" if order}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("[x, null, {k: v}]", "Found '1' null values on Each, with values=[x, null, {k=v}]"),
        ("[true]", "Unknown value element type: class java.lang.Boolean"),
        ("'{}'", "Expected a list of values"),
        ("oops", "Expected a JSON array of values"),
    ],
)
def test_values_that_cannot_be_looped_over_fail_the_loop(values: str, message: str) -> None:
    execution = World().run(f"tasks: [{{id: l, type: ForEach, values: {values}, tasks: [{{id: a, type: Log}}]}}]")
    assert execution.state.current == "FAILED"
    assert message in (execution.error or "")


def test_no_more_values_at_a_time_than_the_limit() -> None:
    world = World()
    world.start(
        flow_of("tasks: [{id: l, type: ForEach, values: [x, y, z], concurrencyLimit: 2, tasks: [{id: a, type: Log}, {id: b, type: Log}]}]")
    )
    assert [r.value for r in world.executions["execution"].task_runs] == [None, "x", "y"]
    assert len(world.finish().task_runs) == 7


def test_the_outputs_of_loops_are_nested_by_value() -> None:
    execution = World().run("""
tasks:
  - id: outer
    type: ForEach
    values: [x]
    tasks:
      - {id: inner, type: ForEach, values: [y], tasks: [{id: r, type: Return, format: "{{ parent.taskrun.value }}{{ taskrun.value }}"}]}
  - {id: last, type: Return, format: "{{ outputs.r.x.y.value }} {{ tasks.r.y.state }}"}
""")
    assert one(execution, "last").outputs == {"value": "xy SUCCESS"}


def test_a_dag_follows_dependencies_and_forgets_disabled_ones() -> None:
    execution = World().run("""
tasks:
  - id: d
    type: Dag
    tasks:
      - {task: {id: c, type: Log}, dependsOn: [a, b, off]}
      - {task: {id: a, type: Sleep, duration: PT1S}}
      - {task: {id: b, type: Log}}
      - {task: {id: "off", type: Fail, disabled: true}}
""")
    assert (execution.state.current, ids(execution)) == ("SUCCESS", ["d", "a", "b", "c"])


def test_wait_for_repeats_until_its_condition_holds() -> None:
    execution = World().run("""
tasks:
  - id: w
    type: WaitFor
    condition: "{{ outputs.look['values'].n == '3' }}"
    tasks: [{id: look, type: OutputValues, values: {n: "{{ outputs.w.iterationCount }}"}}]
""")
    assert (execution.state.current, ids(execution), one(execution, "w").outputs) == ("SUCCESS", ["w", "look"], {"iterationCount": 3})


@pytest.mark.parametrize(("fails", "state"), [("true", "FAILED"), ("false", "SUCCESS")])
@pytest.mark.parametrize(("kind", "rounds"), [("WaitFor", 4), ("LoopUntil", 3)])
def test_a_loop_ends_at_its_maximum(kind: str, rounds: int, fails: str, state: str) -> None:
    frequency = "{maxIterations: 3, interval: PT1S}"
    execution = World().run(
        f"tasks: [{{id: w, type: {kind}, condition: 'false', tasks: [{{id: a, type: Log}}], "
        f"checkFrequency: {frequency}, failOnMaxReached: {fails}}}]"
    )
    assert execution.state.current == state
    assert one(execution, "w").outputs == {"iterationCount": rounds}


def test_loop_until_has_no_limit_of_its_own_and_waits_a_minute() -> None:
    world = World()
    execution = world.run("""
tasks:
  - id: w
    type: LoopUntil
    condition: "{{ outputs.look['values'].n == '150' }}"
    tasks: [{id: look, type: OutputValues, values: {n: "{{ outputs.w.iterationCount }}"}}]
""")
    assert (execution.state.current, one(execution, "w").outputs) == ("SUCCESS", {"iterationCount": 150})
    assert (world.now - START).total_seconds() == pytest.approx(149 * 60, abs=1)


@pytest.mark.parametrize("most", ["maxIterations: '{{ vars.most }}'", "maxDuration: 'PT{{ vars.most }}S'"])
def test_the_limits_of_loop_until_may_be_expressions(most: str) -> None:
    execution = World().run(
        "variables: {most: 3}\ntasks: [{id: w, type: LoopUntil, condition: 'false', tasks: [{id: a, type: Log}], "
        f"checkFrequency: {{interval: PT1S, {most}}}, failOnMaxReached: '{{{{ vars.most > 2 }}}}'}}]"
    )
    assert execution.state.current == "FAILED"
    assert one(execution, "w").outputs in ({"iterationCount": 3}, {"iterationCount": 4})


def test_limits_that_are_none_fail_the_loop() -> None:
    execution = World().run(
        "tasks: [{id: w, type: LoopUntil, condition: 'false', tasks: [{id: a, type: Log}], checkFrequency: {interval: soon}}]"
    )
    assert (execution.state.current, "soon" in (execution.error or "")) == ("FAILED", True)


@pytest.mark.parametrize("beside", ["{id: p, type: Pause}", "{id: s, type: Sequential, tasks: [{id: p, type: Pause}]}"])
def test_a_group_that_failed_waits_for_nobody_to_resume_what_is_beside(beside: str) -> None:
    execution = World().run(f"tasks: [{{id: g, type: Parallel, tasks: [{beside}, {{id: f, type: Fail}}]}}]\nerrors: [{{id: e, type: Log}}]")
    assert execution.state.current == "FAILED"
    assert {run.task_id: run.state.current for run in execution.task_runs} | {"s": "CANCELLED"} == {
        "g": "FAILED", "p": "CANCELLED", "s": "CANCELLED", "f": "FAILED", "e": "SUCCESS",
    }  # fmt: skip


def test_what_still_works_beside_a_failure_is_waited_for() -> None:
    beside = "{id: s, type: Sequential, tasks: [{id: l, type: Log, duration: PT5S}, {id: m, type: Log}]}"
    execution = World().run(f"tasks: [{{id: g, type: Parallel, tasks: [{beside}, {{id: p, type: Pause}}, {{id: f, type: Fail}}]}}]")
    assert {run.task_id: run.state.current for run in execution.task_runs if run.task_id != "g"} == {
        "s": "SUCCESS", "l": "SUCCESS", "m": "SUCCESS", "p": "CANCELLED", "f": "FAILED",
    }  # fmt: skip
