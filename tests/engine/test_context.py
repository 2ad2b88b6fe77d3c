"""What a template may name."""

from __future__ import annotations

from engine.context import variables
from engine.ids import task_run_id
from tests.engine.simulator import World, flow_of, new_execution


def test_what_does_not_apply_is_absent() -> None:
    flow = flow_of("tasks: [{id: a, type: Log}]")
    found = variables(flow, new_execution(flow), world={"envs": {"a": "1"}, "globals": {"b": 2}})
    assert found.keys() == {"flow", "execution", "envs", "globals"}
    assert found["flow"] == {"id": "flow", "namespace": "tests", "revision": 1}
    assert found["execution"]["startDate"] == "2026-01-01T00:00:00.000Z"
    assert (found["envs"], found["globals"]) == ({"a": "1"}, {"b": 2})


def test_inputs_fall_back_to_their_defaults_at_any_depth() -> None:
    flow = flow_of(
        "tasks: [{id: a, type: Log}]\ninputs: [{id: x, type: STRING, defaults: d}, {id: n.m, type: INT, defaults: 1}, {id: y, type: INT}]"
    )
    found = variables(flow, new_execution(flow, inputs={"n": {"o": 2}, "y": None}))
    assert found["inputs"] == {"x": "d", "n": {"o": 2, "m": 1}, "y": None}


def test_the_first_label_wins_and_system_labels_stand_apart() -> None:
    flow = flow_of("tasks: [{id: a, type: Log}]")
    labels = (("a", "1"), ("a", "2"), ("system.correlationId", "c"))
    assert variables(flow, new_execution(flow, labels=labels))["labels"] == {"a": "1", "system": {"correlationId": "c"}}


def test_a_schedule_stands_under_both_its_names() -> None:
    flow = flow_of("tasks: [{id: a, type: Log}]")
    trigger = {"id": "t", "type": "io.kestra.plugin.core.trigger.Schedule", "variables": {"date": "2026"}}
    found = variables(flow, new_execution(flow, trigger=trigger, variables={"extra": 1}))
    assert found["trigger"] == found["schedule"] == {"date": "2026"}
    assert found["extra"] == 1


def test_a_task_run_sees_itself_and_those_above_it() -> None:
    text = "tasks: [{id: l, type: ForEach, values: [x], tasks: [{id: w, type: WorkingDirectory, tasks: [{id: a, type: Log}]}]}]"
    flow = flow_of(text)
    execution = World().run(flow)
    loop, folder, run = execution.task_runs
    found = variables(flow, execution, run)
    assert found["taskrun"]["parentId"] == folder.id
    assert found["taskrun"]["attemptsCount"] == 1
    assert found["parents"] == [{"taskrun": {"value": "x"}}]
    assert found["parent"] == found["parents"][0]
    assert found["workerTaskrun"]["id"] == folder.id
    assert "workerTaskrun" not in variables(flow, execution, folder)
    assert variables(flow, execution, loop)["parents"] == []


def test_the_tasks_of_a_loop_are_told_apart_by_value() -> None:
    flow = flow_of("tasks: [{id: l, type: ForEach, values: [x, y], tasks: [{id: a, type: Return, format: '{{ taskrun.value }}'}]}]")
    found = variables(flow, World().run(flow))
    assert found["outputs"]["a"] == {"x": {"value": "x"}, "y": {"value": "y"}}
    assert found["tasks"]["a"] == {"x": {"state": "SUCCESS"}, "y": {"state": "SUCCESS"}}
    assert found["tasks"]["l"] == {"state": "SUCCESS"}


def test_ids_are_the_same_for_the_same_and_different_for_anything_else() -> None:
    same = task_run_id("e", None, "tasks", "a", None, None, 1)
    assert same == task_run_id("e", None, "tasks", "a", None, None, 1)
    assert len(same) == 22
    others = [("e", None, "tasks", "a", "", None, 1), ("e", None, "tasks", "a", None, None, 2), ("e", "p", "tasks", "a", None, None, 1)]
    assert same not in {task_run_id(*names) for names in others}
