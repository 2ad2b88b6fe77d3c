"""Whatever flow somebody invents and in whatever order its events arrive, some things always hold."""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime, timedelta
from itertools import cycle, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from engine import commands, events, folding, states
from engine.document import Flow, Task
from engine.execution import Execution, TaskRun
from engine.machine import advance
from engine.restart import restartable
from tests.engine.inventing import Inventor
from tests.engine.simulator import FLOWABLES, START, advance_folded, as_json, new_execution

FACTS = (
    events.TaskStarted,
    events.TaskSucceeded,
    events.TaskFailed,
    events.WorkerLost,
    events.TimerElapsed,
    events.Evaluated,
    events.ChildEnded,
)
ENDS = (*["SUCCESS"] * 20, "WARNING", "WARNING", *["FAILED"] * 4, "LOST", "LOST", "LEFT")
LEAVES = ("SUCCESS", "WARNING", "FAILED", "CANCELLED", "KILLED")
OUTCOMES = st.sampled_from(ENDS)


AFTER = "afterExecution"
IN_A_ROW = ("Sequential", "If", "Switch", "WorkingDirectory", "AllowFailure", "Pause", "LoopUntil")


def after_end(execution: Execution) -> list[TaskRun]:
    """The task runs of what runs after the end of an execution."""
    found: dict[str, TaskRun] = {}
    for run in execution.task_runs:
        if run.parent_id in found or (run.parent_id is None and run.path == AFTER):
            found[run.id] = run
    return list(found.values())


# --- the world around it


class AnyOrder(RuleBasedStateMachine):
    """Delivers what workers, timers and people say in any order, late, early or twice."""

    flow: Flow
    execution: Execution

    @initialize(choices=st.binary(min_size=20, max_size=400), luck=st.binary(min_size=10, max_size=40))
    def start(self, choices: bytes, luck: bytes) -> None:
        self.flow = Inventor(choices).flow()
        self.luck = cycle(luck)  # for what is left when the rules are through
        self.execution = new_execution(self.flow)
        self.now = START
        self.waiting: list[events.Event] = []  # promised, not yet delivered
        self.delivered: list[events.Event] = []
        self.killed = False
        self.sent: Counter[tuple[str, int, str]] = Counter()
        self.tell(events.ExecutionCreated())

    def tell(self, event: events.Event) -> Execution:
        before = self.execution
        self.now += timedelta(milliseconds=1)
        self.execution, decided = self.advance(event, self.now)
        self.check_move(before, event, decided)
        for command in decided:
            self.carry_out(command)
        if isinstance(event, FACTS):
            self.check_repeat(event)
            self.delivered.append(event)
        return self.execution

    def advance(self, event: events.Event, now: datetime) -> tuple[Execution, tuple[commands.Command, ...]]:
        return advance(self.flow, self.execution, event, now, FLOWABLES)

    def carry_out(self, command: commands.Command) -> None:
        match command:
            case commands.RunTask():
                self.sent[command.task_run_id, command.attempt, command.phase] += 1
                self.waiting.append(events.TaskStarted(command.task_run_id, command.attempt, phase=command.phase))
                self.waiting.append(events.TaskSucceeded(command.task_run_id, command.attempt, {"x": 1}, phase=command.phase))
            case commands.WakeAt():
                self.waiting.append(events.TimerElapsed(command.key))
            case commands.StopTask():
                self.waiting.append(events.TaskFailed(command.task_run_id, command.attempt, state="KILLED", phase=self.phase_of(command)))
            case commands.AskSlot():
                if next(self.luck) % 2:
                    self.waiting.append(events.SlotDecided(False))
                self.waiting.append(events.SlotDecided(True))
            case commands.Evaluate():
                self.waiting.append(events.Evaluated(command.task_run_id, command.property, "true"))
            case commands.RenderOutputs():
                self.waiting.append(events.OutputsRendered({}))
            case commands.StartExecution():
                assert command.task_run_id is not None
                self.waiting.append(events.ChildStarted(command.task_run_id, f"child-{len(self.delivered)}"))

    def phase_of(self, command: commands.StopTask) -> Any:
        run = self.execution.run(command.task_run_id)
        phase = run.notes.get("phase") if run is not None else None
        return phase if phase in ("open", "close") else "run"

    def changed(self, event: events.Event, outcome: str) -> events.Event:
        """The same end of an attempt, with another outcome."""
        if not isinstance(event, events.TaskSucceeded):
            return event
        ident = (event.task_run_id, event.attempt)
        if outcome == "LOST":
            return events.WorkerLost(*ident, phase=event.phase)
        if outcome == "FAILED":
            return events.TaskFailed(*ident, "it failed", phase=event.phase)
        if outcome == "LEFT":
            state = LEAVES[next(self.luck) % len(LEAVES)]
            return events.TaskSucceeded(*ident, phase=event.phase, ends=state)
        return events.TaskSucceeded(*ident, {"x": 1}, outcome, event.phase)

    # --- what may happen

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 10_000), outcome=OUTCOMES)
    def something_arrives(self, which: int, outcome: str) -> None:
        self.deliver(which, outcome)

    @precondition(lambda self: self.waiting)
    @rule(outcome=OUTCOMES)
    def the_oldest_arrives(self, outcome: str) -> None:
        self.deliver(0, outcome)

    def deliver(self, which: int, outcome: str) -> None:
        event = self.changed(self.waiting.pop(which % len(self.waiting)), outcome)
        self.tell(event)
        if isinstance(event, events.ChildStarted):
            self.waiting.append(events.ChildEnded(event.task_run_id, event.execution_id, "FAILED" if outcome == "FAILED" else "SUCCESS"))

    @precondition(lambda self: self.delivered)
    @rule(which=st.integers(0, 10_000))
    def something_old_arrives_again(self, which: int) -> None:
        before = self.execution
        self.tell(self.delivered[which % len(self.delivered)])
        if before.state.terminated and not after_end(before):
            assert self.execution == before

    @rule(event=st.sampled_from([events.PauseRequested(), events.ResumeRequested(), events.ResumeRequested(), events.ExecutionCreated()]))
    def somebody_asks(self, event: events.Event) -> None:
        self.tell(event)

    @rule(sure=st.integers(0, 9))
    def somebody_kills(self, sure: int) -> None:
        if sure == 9 and not self.execution.state.terminated:
            self.tell(events.KillRequested())
            self.killed = True

    @rule(sure=st.integers(0, 2))
    def somebody_restarts(self, sure: int) -> None:
        if sure == 2 and restartable(self.execution):
            self.killed = False
            self.tell(events.RestartRequested())
            assert self.execution.state.current != states.KILLED

    @rule(which=st.integers(0, 10_000), state=st.sampled_from(["SUCCESS", "FAILED", "WARNING"]))
    def somebody_sets_a_state(self, which: int, state: str) -> None:
        if self.execution.task_runs and which % 11 == 0 and not self.killed:
            run = self.execution.task_runs[which % len(self.execution.task_runs)]
            self.tell(events.StateChangeRequested(run.id, state))

    # --- what always holds

    def check_move(self, before: Execution, event: events.Event, decided: tuple[commands.Command, ...]) -> None:
        after = self.execution
        if before.state.terminated and not isinstance(event, events.RestartRequested | events.StateChangeRequested):
            self.check_ended(before, decided)
        if self.killed:
            assert not [c for c in decided if isinstance(c, commands.RunTask | commands.StartExecution)], "after a kill nothing starts"
        known = {run.id: run for run in before.task_runs}
        for run in after.task_runs:
            check_histories(run)
            if run.id not in known:
                self.check_start(run)
        for ident in [(c.task_run_id, c.attempt, c.phase) for c in decided if isinstance(c, commands.RunTask)]:
            assert not self.sent[ident], "the same attempt is given out twice"
        as_json(after)

    def check_ended(self, before: Execution, decided: tuple[commands.Command, ...]) -> None:
        """An ended execution changes only when somebody restarts it, but for what is to run after its end."""
        after = self.execution
        if after_end(before):
            assert after.state == before.state
            known = {run.id: run for run in before.task_runs}
            late = {run.id for run in after_end(after)}
            assert all(run.id in late for run in after.task_runs if run != known.get(run.id))
        else:
            assert after is before
            assert not decided

    def check_start(self, run: TaskRun) -> None:
        """Nothing starts before what it depends on has ended."""
        parent = self.execution.run(run.parent_id) if run.parent_id else None
        siblings = [other for other in self.execution.children(run.parent_id) if other.id != run.id]
        if run.path in ("errors", "finally"):
            assert all(other.state.terminated for other in siblings if other.path not in ("errors", "finally", AFTER))
        sequence = run.parent_id is None or self.kind(parent) in IN_A_ROW
        if sequence:
            assert all(other.state.terminated for other in siblings if other.path == run.path and other.position < run.position)

    def kind(self, run: TaskRun | None) -> str:
        return self.task(run).type if run is not None else ""

    def task(self, run: TaskRun) -> Task:
        waiting = [*self.flow.tasks, *self.flow.errors, *self.flow.finally_, *self.flow.after_execution]
        while waiting:
            found = waiting.pop()
            if found.id == run.task_id:
                return found
            for inner in found.branches.values():
                waiting += inner
        raise AssertionError(run.task_id)

    def check_repeat(self, event: events.Event) -> None:
        again, decided = self.advance(event, self.now + timedelta(seconds=1))
        assert again is self.execution, f"{event} twice changes something"
        assert not decided

    @invariant()
    def attempts_never_exceed_the_policy(self) -> None:
        if not hasattr(self, "execution"):
            return
        restarts = self.execution.attempt_number - 1
        for run in self.execution.task_runs:
            assert len(run.attempts) <= self.allowed_attempts(run) + restarts

    def allowed_attempts(self, run: TaskRun) -> int:
        """What the closest retry allows, the task's before those of the flowables above it before the flow's."""
        above: TaskRun | None = run
        while above is not None:
            retry = self.task(above).retry
            if retry is not None:
                return retry.max_attempts or 1
            above = self.execution.run(above.parent_id) if above.parent_id else None
        return (self.flow.retry.max_attempts or 1) if self.flow.retry is not None else 1

    @invariant()
    def an_unfinished_execution_has_something_under_way(self) -> None:
        if not hasattr(self, "execution") or self.execution.state.terminated or self.execution.state.current == "PAUSED":
            return
        assert self.waiting, (
            f"{self.execution.state.current} and nothing is coming: {[(r.task_id, r.state.current) for r in self.execution.task_runs]}"
        )

    @invariant()
    def nothing_outlives_its_parent(self) -> None:
        if not hasattr(self, "execution"):
            return
        for run in self.execution.task_runs:
            parent = self.execution.run(run.parent_id) if run.parent_id else None
            over = parent.state.terminated if parent is not None else self.execution.state.terminated
            if parent is None and run.path == AFTER:
                over = False
            assert run.state.terminated or not over, f"{run.task_id} is {run.state.current} under what has ended"

    def teardown(self) -> None:
        """Whatever happened before: everything delivered in some order, and resumed wherever it is paused, it ends."""
        if not hasattr(self, "execution"):
            return
        for _ in range(3_000):
            if self.execution.state.terminated and all(run.state.terminated for run in self.execution.task_runs):
                return
            if self.waiting:
                self.deliver(next(self.luck), ENDS[next(self.luck) % len(ENDS)])
            else:
                self.tell(events.ResumeRequested())
        raise AssertionError(f"it does not end: {self.execution}")


class AnyOrderFolding(AnyOrder):
    """The same, with long loops folded away after every event."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()

    def advance(self, event: events.Event, now: datetime) -> tuple[Execution, tuple[commands.Command, ...]]:
        return advance_folded(self.flow, self.execution, self.away, event, now)


def check_histories(run: TaskRun) -> None:
    moments = [moment.state for moment in run.state.histories]
    for before, after in pairwise(moments):
        assert after in states.MOVES[before], f"{before} to {after}"
    assert sum(not attempt.state.terminated for attempt in run.attempts) <= 1
    assert [attempt.number for attempt in run.attempts] == list(range(len(run.attempts)))


EXAMPLES = int(os.environ.get("KESTRA_WEB_TEST_EXAMPLES", "300"))
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.mark.timeout(600)  # finding the smallest example of a failure takes its time
class TestAnyOrder(AnyOrder.TestCase):
    settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None, suppress_health_check=QUIET)


@pytest.mark.timeout(600)
def test_any_order_with_loops_that_are_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "FROM", 1)
    quick = settings(max_examples=EXAMPLES // 3, stateful_step_count=30, deadline=None, suppress_health_check=QUIET)
    run_state_machine_as_test(AnyOrderFolding, settings=quick)


@pytest.mark.long
@pytest.mark.timeout(1800)
class TestAnyOrderForLong(AnyOrder.TestCase):
    settings = settings(max_examples=5_000, stateful_step_count=50, deadline=None, suppress_health_check=QUIET)
