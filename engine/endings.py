"""How task runs, levels and the execution end: which state comes of what happened inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from engine import states
from engine.asking import answers_of
from engine.board import Board
from engine.commands import RenderOutputs
from engine.document import Task
from engine.execution import TaskRun
from engine.steering import Situation

BESIDE = ("errors", "finally", "afterExecution", "listeners.")
# So many open children of a loop keep every worker busy, more would only fill memory. Where some merely wait (Pause, Subflow) all begin.
WINDOW = 200


def is_main(run: TaskRun) -> bool:
    """Whether a task run counts for the state of its level: neither of `errors`, `finally` nor of what runs after the execution."""
    return not run.path.startswith(BESIDE)


def final_state(runs: Iterable[TaskRun], others: Iterable[str] = ()) -> str:
    """The state that comes of ended task runs, and of the states of others: KILLED, else FAILED, else WARNING, else SUCCESS."""
    seen = {run.state.current for run in runs} | set(others)
    return next((state for state in (states.KILLED, states.FAILED, states.WARNING) if state in seen), states.SUCCESS)


def allowed(state: str, task: Task | None) -> str:
    """A state after `allowFailure` and `allowWarning` of the task; both together make a failure a success."""
    if task is None:
        return state
    if state == states.FAILED and task.allow_failure:
        state = states.WARNING
    if state == states.WARNING and task.allow_warning:
        state = states.SUCCESS
    return state


def situation(board: Board, run: TaskRun, task: Task) -> Situation:
    """What a flowable sees of itself now."""
    children = tuple(child for child in board.children(run.id) if is_main(child))
    return Situation(
        task=task,
        run=run,
        children=children,
        answers=answers_of(run),
        now=board.now,
        resumed=bool(run.notes.get("resumed")),
        iteration=int(run.notes.get("iteration", 1)),
        namespace=board.head.namespace,
        window=WINDOW if not board.waits_inside(task) else 0,
    )


def refresh_outputs(board: Board, run: TaskRun) -> TaskRun:
    """A flowable's own outputs, computed when it starts, when an answer came and when it ends."""
    task = board.task(run)
    kind = board.flowable(task) if task is not None else None
    if task is None or kind is None:
        return run
    given = kind.outputs(situation(board, run, task))
    if given is None:
        return run
    merged = {**(run.outputs or {}), **given}
    return board.put(replace(run, outputs=merged)) if merged != run.outputs else run


def end_run(board: Board, run: TaskRun, state: str, *, message: str | None = None, outputs: Mapping[str, Any] | None = None) -> None:
    """End a task run and have the level above it walked."""
    run = board.runs[run.id]
    if outputs is not None:
        run = replace(run, outputs=dict(outputs))
    if run.state.current == states.CREATED and state == states.FAILED:
        run = replace(run, state=run.state.to(states.RUNNING, board.now))
    run = board.put(replace(run, state=run.state.to(state, board.now)))
    if state == states.FAILED and not _blamed_below(board, run):
        board.blame(run, message or "")
    board.touch(run.parent_id)


def _blamed_below(board: Board, run: TaskRun) -> bool:
    return any(child.state.current == states.FAILED for child in board.children(run.id))


def fail_run(board: Board, run: TaskRun, message: str) -> None:
    """End a task run that the machine itself found impossible: an expression, a missing task, a timer."""
    board.log("ERROR", message, run)
    end_run(board, run, allowed(states.FAILED, board.task(run)), message=message)


def end_execution(board: Board, state: str) -> None:
    """End the execution; its declared outputs are rendered first, and a failure there makes it FAILED."""
    if board.flow.outputs and state in (states.SUCCESS, states.WARNING, states.FAILED) and "rendered" not in board.head.notes:
        if "ending" not in board.head.notes:
            board.remember(ending=state)
            board.command(RenderOutputs())
        return
    if state in (states.SUCCESS, states.WARNING) and board.head.notes.get("rendered") == "failed":
        state = states.FAILED
    if state in (states.SUCCESS,):
        board.head = replace(board.head, error=None)
    board.remember(ending=None, rendered=None, held=None, leaving=None)
    board.to(state)


def outputs_rendered(board: Board, outputs: Mapping[str, Any] | None, error: str | None) -> None:
    """The declared outputs came, or could not be rendered."""
    ending = board.head.notes.get("ending")
    if ending is None or board.terminated:
        return
    if error is not None:
        board.log("ERROR", f"Failed to render output values: {error}")
        board.blame(None, f"Failed to render output values: {error}")
        board.remember(rendered="failed")
    else:
        board.head = replace(board.head, outputs=dict(outputs) if outputs is not None else None)
        board.remember(rendered="done")
    end_execution(board, ending)
