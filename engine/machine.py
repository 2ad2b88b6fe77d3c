"""The state machine: one event in, the execution as it is afterwards and what must now be done out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
from engine.document import Flow
from engine.endings import outputs_rendered
from engine.events import Event
from engine.execution import Execution
from engine.killing import finish_kill, kill_requested
from engine.levels import settle
from engine.limits import check_assertions, execution_created, slot_decided
from engine.pausing import force_run_requested, pause_requested, resume_requested, timer_elapsed
from engine.restart import restart_requested, state_change_requested
from engine.steering import Flowable

MOVING = (states.RUNNING, states.PAUSED, states.RETRYING)


def _outputs_rendered(board: Board, event: events.OutputsRendered) -> None:
    outputs_rendered(board, event.outputs, event.error)


HANDLERS: Mapping[type, Callable[[Board, Any], None]] = {
    events.ExecutionCreated: execution_created,
    events.SlotDecided: slot_decided,
    events.TaskStarted: task_started,
    events.TaskSucceeded: task_succeeded,
    events.TaskFailed: task_failed,
    events.WorkerLost: worker_lost,
    events.TimerElapsed: timer_elapsed,
    events.Evaluated: evaluated,
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


def advance(
    flow: Flow,
    execution: Execution,
    event: Event,
    now: datetime,
    flowables: Mapping[str, type[Flowable]],
    *,
    world: Mapping[str, Any] = EMPTY,
) -> tuple[Execution, tuple[Command, ...]]:
    """Tell the machine that something happened.

    `now` is an aware UTC datetime; `flowables` maps a task type to the class that steers it, a type that is not in it is run by a worker;
    `world` gives `envs` and `globals` to expressions. Answers the execution afterwards (the very same object where nothing changed) and the
    commands to carry out. An event that is late, repeated or meant for something else changes nothing.
    """
    return advance_all(flow, execution, (event,), now, flowables, world=world)


def advance_all(
    flow: Flow,
    execution: Execution,
    happened: Iterable[Event],
    now: datetime,
    flowables: Mapping[str, type[Flowable]],
    *,
    world: Mapping[str, Any] = EMPTY,
) -> tuple[Execution, tuple[Command, ...]]:
    """Tell it several things at once, in order: the same as one after another, with the indexes made once."""
    board = Board(flow, execution, now, flowables, world)
    for event in happened:
        HANDLERS[type(event)](board, event)
        _follow_up(board)
    return board.value(), tuple(board.commands)


def _follow_up(board: Board) -> None:
    settle(board)
    follow(board)
    while board.dirty:
        settle(board)
        follow(board)
    check_assertions(board)
    finish_kill(board)
    if board.state in MOVING:
        board.to(_moving_state(board))


def _moving_state(board: Board) -> str:
    """What an execution that goes on is called: paused by hand or by a task, waiting to try again, or running."""
    if board.held or board.counts[states.PAUSED]:
        return states.PAUSED
    return states.RETRYING if board.counts[states.RETRYING] else states.RUNNING
