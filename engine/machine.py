"""The state machine: one event in, the execution as it is afterwards and what must now be done out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from engine import events, states
from engine.aftermath import follow, listener_judged
from engine.asking import evaluated
from engine.attempts import task_failed, task_started, task_succeeded, worker_lost
from engine.board import Board
from engine.calls import child_ended, child_started
from engine.calls_of_each import each_started
from engine.commands import Command
from engine.context import EMPTY
from engine.document import Flow, Task
from engine.endings import outputs_rendered
from engine.events import Event
from engine.execution import Execution, TaskRun
from engine.folding import fold
from engine.killing import finish_kill, kill_requested
from engine.leaving import finish_leaving, leave
from engine.levels import settle
from engine.limits import ASSERTION, assertion_evaluated, check_assertions, execution_created, slot_decided
from engine.pausing import force_run_requested, pause_requested, resume_requested, timer_elapsed
from engine.restart import restart_requested, state_change_requested
from engine.steering import Flowable

MOVING = (states.RUNNING, states.PAUSED, states.RETRYING)


def _evaluated(board: Board, event: events.Evaluated) -> None:
    if event.task_run_id is None and event.property.startswith(ASSERTION):
        assertion_evaluated(board, event)
    else:
        evaluated(board, event)


def _succeeded(board: Board, event: events.TaskSucceeded) -> None:
    run = task_succeeded(board, event)
    if run is not None and event.ends is not None:
        leave(board, run, event.ends)


def _outputs_rendered(board: Board, event: events.OutputsRendered) -> None:
    outputs_rendered(board, event.outputs, event.error)


HANDLERS: Mapping[type, Callable[[Board, Any], None]] = {
    events.ExecutionCreated: execution_created,
    events.SlotDecided: slot_decided,
    events.TaskStarted: task_started,
    events.TaskSucceeded: _succeeded,
    events.TaskFailed: task_failed,
    events.WorkerLost: worker_lost,
    events.TimerElapsed: timer_elapsed,
    events.Evaluated: _evaluated,
    events.ChildStarted: child_started,
    events.ChildEnded: child_ended,
    events.EachStarted: each_started,
    events.KillRequested: kill_requested,
    events.PauseRequested: pause_requested,
    events.ResumeRequested: resume_requested,
    events.RestartRequested: restart_requested,
    events.StateChangeRequested: state_change_requested,
    events.ForceRunRequested: force_run_requested,
    events.OutputsRendered: _outputs_rendered,
    events.ListenerJudged: listener_judged,
}


class Table:
    """An execution that is told one thing after another, its indexes made once.

    `flowables` maps a task type to the class that steers it, a type that is not in it is run by a worker; `world` gives `envs` and
    `globals` to expressions. An event that is late, repeated or meant for something else changes nothing.
    """

    def __init__(
        self, flow: Flow, execution: Execution, now: datetime, flowables: Mapping[str, type[Flowable]], *, world: Mapping[str, Any] = EMPTY
    ) -> None:
        self.board = Board(flow, execution, now, flowables, world)

    @property
    def execution(self) -> Execution:
        """The execution as it stands; the very same object while nothing changes."""
        return self.board.value()

    @property
    def head(self) -> Execution:
        """The same without a promise about its task runs, at no cost."""
        return self.board.head

    def hear(self, event: Event, now: datetime) -> None:
        """Take note of what happened at `now`, an aware UTC datetime; what comes of it is decided by `decide`."""
        self.board.now = now
        HANDLERS[type(event)](self.board, event)

    @property
    def runs(self) -> Mapping[str, TaskRun]:
        """The task runs by id, in the order of creation, as they stand."""
        return self.board.runs

    def task(self, task_run_id: str) -> Task | None:
        """The task that a task run runs; None where either is not there."""
        run = self.board.run(task_run_id)
        return self.board.task(run) if run is not None else None

    def fold(self) -> list[TaskRun]:
        """Put away what has ended well in long loops: the task runs that are in the store alone from now on."""
        return fold(self.board)

    def decide(self) -> tuple[Command, ...]:
        """Everything that must now be done because of what was heard."""
        _follow_up(self.board)
        decided, self.board.commands = tuple(self.board.commands), []
        return decided


def advance(
    flow: Flow,
    execution: Execution,
    event: Event,
    now: datetime,
    flowables: Mapping[str, type[Flowable]],
    *,
    world: Mapping[str, Any] = EMPTY,
) -> tuple[Execution, tuple[Command, ...]]:
    """Tell the machine that something happened: the execution afterwards, and the commands to carry out."""
    table = Table(flow, execution, now, flowables, world=world)
    table.hear(event, now)
    decided = table.decide()
    return table.execution, decided


def _follow_up(board: Board) -> None:
    _bring_forward(board)
    check_assertions(board)
    finish_leaving(board)
    finish_kill(board)
    if board.terminated:
        _bring_forward(board)  # what runs because it has just ended
    elif board.state in MOVING:
        board.to(_moving_state(board))


def _bring_forward(board: Board) -> None:
    settle(board)
    follow(board)
    while board.dirty:
        settle(board)
        follow(board)


def _moving_state(board: Board) -> str:
    """What an execution that goes on is called: paused by hand or by a task, waiting to try again, or running."""
    if board.held or board.counts[states.PAUSED]:
        return states.PAUSED
    return states.RETRYING if board.counts[states.RETRYING] else states.RUNNING
