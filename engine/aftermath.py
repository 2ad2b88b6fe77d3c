"""What runs after an execution has ended, without changing how it ended: its listeners (deprecated in Kestra), then `afterExecution`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine import states
from engine.beginning import begin, create
from engine.board import Board
from engine.commands import JudgeListener
from engine.document import Task
from engine.events import ListenerJudged
from engine.steering import sequential

ENDED = (states.SUCCESS, states.WARNING, states.FAILED, states.CANCELLED)  # after a kill nothing starts any more
KILLED = "killed"


def follow(board: Board) -> None:
    """Bring it forward: one branch after another, a failing one does not stop the next."""
    if board.state not in ENDED or board.head.notes.get("aftermath") == KILLED:
        return
    for path, tasks in _branches(board):
        if tasks is None:
            return
        runs = [run for run in board.children(None) if run.path == path]
        for waiting in runs:
            begin(board, waiting)
        if not any(run.state.current == states.FAILED for run in runs):
            for start in sequential(tasks, runs, path=path):
                board.remember(aftermath="open")
                begin(board, create(board, None, start))
        if any(not run.state.terminated for run in board.children(None) if run.path == path):
            return


def _branches(board: Board) -> Iterator[tuple[str, Sequence[Task] | None]]:
    """Path and tasks of each branch that runs; None for one whose conditions are being looked at."""
    for number, listener in enumerate(board.flow.listeners):
        holds = _holds(board, number) if listener.conditions else True
        if holds is not False:
            yield f"listeners.{number}", listener.tasks if holds else None
    if board.flow.after_execution:
        yield "afterExecution", board.flow.after_execution


def _holds(board: Board, number: int) -> bool | None:
    """Whether the conditions of a listener hold; None while they are looked at."""
    judged = board.head.notes.get("listeners", {})
    if str(number) not in judged:
        board.remember(listeners={**judged, str(number): None})
        board.command(JudgeListener(number))
        return None
    answer: bool | None = judged[str(number)]
    return answer


def listener_judged(board: Board, event: ListenerJudged) -> None:
    """The conditions of a listener were looked at."""
    judged = board.head.notes.get("listeners", {})
    if board.terminated and judged.get(str(event.number), False) is None:
        board.remember(listeners={**judged, str(event.number): event.holds})
        if event.error is not None:
            board.log("WARN", f"Evaluate Condition Failed with error '{event.error}'")
