"""One execution for every line of a file: waves, counts, ends in any order, failures, kills."""

from __future__ import annotations

from collections import Counter

import pytest

from engine import commands, events
from engine.calls_of_each import MOST_OPEN
from tests.engine.simulator import World, as_json, flow_of, ids, one, state_of

FLOW = "tasks: [{id: f, type: ForEachItem, items: x, namespace: tests, flowId: child%s}, {id: after, type: Log}]"


class Batches(World):
    """Starts what it is asked for as if it were there, and lets each end as `states` says by its line."""

    total: int
    states: dict[int, str]
    order: int

    def of(self, total: int, states: dict[int, str] | None = None, order: int = 1) -> Batches:
        self.total, self.states, self.order = total, states or {}, order
        kind = "io.kestra.plugin.core.flow.ForEachItem$"
        self.answers = {
            f"{kind}ForEachItemSplit": lambda run, task: {"splits": "kestra:///splits.txt"},
            f"{kind}ForEachItemMergeOutputs": lambda run, task: None,
        }
        return self

    def carry_out(self, execution_id: str, flow: object, command: commands.Command) -> None:
        if not isinstance(command, commands.StartEach):
            super().carry_out(execution_id, flow, command)  # type: ignore[arg-type] -- handed on as it came
            return
        lines = range(command.first, min(command.first + command.count, self.total + 1))
        answer = events.EachStarted(command.task_run_id, command.attempt, command.first, len(lines), self.total, "kestra:///base")
        for line in lines[:: self.order]:
            ended = self.states.get(line, "SUCCESS")
            if ended:
                batch = (command.attempt, line)
                self.later(events.ChildEnded(command.task_run_id, f"c{line}", ended, batch=batch), execution_id, 0.01 * (line % 7))
        self.later(answer, execution_id, 0.02)

    def open_now(self) -> int:
        return Counter(one(self.executions["execution"], "f_items").outputs["iterations"])["RUNNING"]  # type: ignore[index] -- it has begun


@pytest.mark.parametrize("order", [1, -1])
def test_every_line_gets_an_execution_and_all_are_counted(order: int) -> None:
    world = Batches().of(503, order=order)
    execution = world.run(FLOW % "")
    assert ids(execution) == ["f", "f_split", "f_items", "f_merge", "after"]
    items = one(execution, "f_items")
    assert items.outputs == {
        "numberOfBatches": 503,
        "iterations": {"CREATED": 0, "RUNNING": 0, "SUCCESS": 503},
        "subflowOutputsBaseUri": "kestra:///base",
    }
    assert len(items.attempts) == 1
    asked = [c for _, c in world.commanded if isinstance(c, commands.StartEach)]
    assert [c.first for c in asked] == list(range(1, 504, 20))
    assert len(as_json(execution)) < 2000


def test_no_more_are_open_than_are_waited_for_at_a_time() -> None:
    world = Batches().of(1000, dict.fromkeys(range(1, 1001), ""))
    execution = world.run(FLOW % "")
    assert execution.state.current == "RUNNING"
    assert world.open_now() == MOST_OPEN
    run = one(execution, "f_items")
    world.tell(events.ChildEnded(run.id, "c3", "SUCCESS", batch=(0, 3)))
    again = world.tell(events.ChildEnded(run.id, "c3", "SUCCESS", batch=(0, 3)))
    assert one(again, "f_items").outputs["iterations"] == {"CREATED": 800, "RUNNING": 199, "SUCCESS": 1}  # type: ignore[index] -- counted


@pytest.mark.parametrize(
    ("ends", "extra", "state", "whole"),
    [
        ({2: "FAILED", 3: "KILLED"}, "", "FAILED", "FAILED"),
        ({2: "WARNING", 3: "KILLED"}, "", "KILLED", "KILLED"),
        ({2: "WARNING", 3: "CANCELLED"}, "", "WARNING", "WARNING"),
        ({2: "FAILED"}, ", transmitFailed: false", "SUCCESS", "SUCCESS"),
        ({2: "FAILED"}, ", allowFailure: true", "FAILED", "WARNING"),
        ({2: "FAILED"}, ", allowFailure: true, allowWarning: true", "FAILED", "SUCCESS"),
    ],
)
def test_it_ends_as_the_worst_of_them(ends: dict[int, str], extra: str, state: str, whole: str) -> None:
    execution = Batches().of(4, ends).run(FLOW % extra)
    assert (state_of(execution, "f_items"), execution.state.current) == (state, whole)


def test_without_waiting_it_ends_when_all_are_started() -> None:
    execution = Batches().of(45, dict.fromkeys(range(46), "")).run(FLOW % ", wait: false")
    assert execution.state.current == "SUCCESS"
    assert one(execution, "f_items").outputs == {"numberOfBatches": 45, "iterations": {"RUNNING": 0, "SUCCESS": 45}}


def test_an_empty_file_starts_nothing() -> None:
    execution = Batches().of(0).run(FLOW % "")
    assert execution.state.current == "SUCCESS"
    assert one(execution, "f_items").outputs is None


def test_one_that_cannot_be_started_fails_the_task_when_the_others_have_ended() -> None:
    world = Batches().of(5)
    world.start(flow_of(FLOW % ""))
    while one_or_none(world) is None:
        assert world.step()
    run = one(world.executions["execution"], "f_items")
    world.agenda.clear()
    world.tell(events.EachStarted(run.id, 0, 1, 1, 5, "kestra:///base", "Unable to find flow"))
    assert state_of(world.executions["execution"], "f_items") == "RUNNING"
    execution = world.tell(events.ChildEnded(run.id, "c1", "SUCCESS", batch=(0, 1)))
    assert execution.state.current == "FAILED"
    assert "Unable to find flow" in (execution.error or "")


def one_or_none(world: World) -> object:
    return next((r for r in world.executions["execution"].task_runs if r.task_id == "f_items" and r.attempts), None)


def test_a_retry_starts_all_of_them_again_and_forgets_the_first_ones() -> None:
    world = Batches().of(2, {1: "FAILED"})
    retry = ", retry: {type: constant, interval: PT1S, maxAttempt: 2}"
    execution = world.run(FLOW % retry)
    assert (execution.state.current, len(one(execution, "f_items").attempts)) == ("FAILED", 2)
    late = events.ChildEnded(one(execution, "f_items").id, "c1", "SUCCESS", batch=(0, 1))
    assert world.tell(late) is execution


def test_a_kill_ends_it_and_asks_for_nothing_more() -> None:
    world = Batches().of(100, dict.fromkeys(range(101), ""))
    world.run(FLOW % "")
    before = len(world.commanded)
    execution = world.tell(events.KillRequested())
    assert execution.state.current == "KILLED"
    assert {type(c) for _, c in world.commanded[before:]} == {commands.KillChildren, commands.StopTask}
