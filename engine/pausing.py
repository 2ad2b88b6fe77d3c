"""Pausing and going on: by hand, by a Pause task, by a timer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine import states
from engine.attempts import kill_run, retry_due
from engine.board import Board
from engine.endings import allowed, end_run, is_main
from engine.events import ForceRunRequested, PauseRequested, ResumeRequested, TimerElapsed
from engine.execution import TaskRun
from engine.limits import cut_off, limit_elapsed, start_execution

RUNNABLE = (states.RUNNING, states.RETRYING)


def pause_requested(board: Board, _event: PauseRequested) -> None:
    """Paused by hand: what runs finishes, nothing new starts."""
    if board.state in RUNNABLE:
        board.remember(held=True)
        board.to(states.PAUSED)


def resume_requested(board: Board, event: ResumeRequested) -> None:
    """Go on: from a pause by hand, or with the first paused task run (or the one named)."""
    if board.state != states.PAUSED:
        return
    if board.held and event.task_run_id is None:
        board.remember(held=None)
    else:
        run = _paused(board, event.task_run_id)
        if run is None:
            return
        resume_run(board, run, inputs=event.inputs)
    if not _is_paused(board):
        board.to(states.RESTARTED)
        board.to(states.RUNNING)
    board.touch_all()


def _paused(board: Board, task_run_id: str | None) -> TaskRun | None:
    if task_run_id is not None:
        run = board.run(task_run_id)
        return run if run is not None and run.state.current == states.PAUSED else None
    return next((run for run in board.runs.values() if run.state.current == states.PAUSED and "next_iteration" not in run.notes), None)


def _is_paused(board: Board) -> bool:
    return board.held or board.counts[states.PAUSED] > 0


def resume_run(board: Board, run: TaskRun, inputs: Mapping[str, Any] | None = None) -> None:
    """A paused task run goes on with its tasks, or ends where it has none."""
    run = board.note(run, resumed=True)
    if inputs is not None:
        run = board.put(replace(run, outputs={**(run.outputs or {}), "onResume": dict(inputs)}))
    task = board.task(run)
    inside = task is not None and any(not inner.disabled for inner in task.branches.get("tasks", ()))
    if not inside and all(child.state.terminated for child in board.children(run.id)):
        end_run(board, run, allowed(states.SUCCESS, task))
        return
    board.move(run, states.RUNNING)
    board.touch(run.id)


def timer_elapsed(board: Board, event: TimerElapsed) -> None:
    """A timer is due; what it was for may be over, then it means nothing."""
    kind, _, rest = event.key.partition(":")
    if kind in ("schedule", "sla"):
        limit_elapsed(board, kind, rest)
        return
    run = board.run(rest.partition(":")[0])
    if run is None or board.over or board.state == states.KILLING:
        return
    if kind == "retry":
        retry_due(board, run, event.key)
    elif run.state.current == states.PAUSED:
        _hold_over(board, run, kind, rest)


def _hold_over(board: Board, run: TaskRun, kind: str, rest: str) -> None:
    if kind == "repeat" and rest.partition(":")[2] == str(run.notes.get("next_iteration")):
        repeat(board, run)
    elif kind == "resume" and "next_iteration" not in run.notes:
        resume_run(board, run)
    elif kind == "expire" and "next_iteration" not in run.notes:
        _expire(board, run, run.notes.get("end", states.FAILED))


def _expire(board: Board, run: TaskRun, state: str) -> None:
    """Nobody resumed it in time."""
    message = "Timeout reached while it was paused"
    board.log("WARN" if state == states.WARNING else "ERROR", message, run)
    if state == states.CANCELLED:
        board.head = replace(board.head, error=message)
        cut_off(board, states.CANCELLED)
        return
    for below in board.descendants(run.id):
        if not below.state.terminated:
            board.stop(below)
            kill_run(board, below)
    end_run(board, run, allowed(state, board.task(run)), message=message)


def repeat(board: Board, run: TaskRun) -> None:
    """Begin a loop's next round: the task runs of the last one are gone, its history starts anew."""
    for child in board.children(run.id):
        if is_main(child):
            board.drop(child.id)
    iteration = run.notes["next_iteration"]
    fresh = states.State.new(run.state.start).to(states.RUNNING, board.now)
    board.put(replace(run, state=fresh, iteration=iteration, notes={**run.notes, "iteration": iteration}))
    board.note(board.runs[run.id], next_iteration=None, answers=None)
    board.touch(run.id)


def force_run_requested(board: Board, _event: ForceRunRequested) -> None:
    """Start what waits for a date or a slot, resume what is paused."""
    if board.state in (states.CREATED, states.QUEUED):
        start_execution(board)
    elif board.state == states.PAUSED:
        resume_requested(board, ResumeRequested())
