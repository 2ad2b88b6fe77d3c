"""Listeners: tasks that run after the execution has ended, without changing how it ended (deprecated in Kestra, still honoured)."""

from __future__ import annotations

from engine import states
from engine.beginning import create, submit
from engine.board import Board
from engine.steering import sequential

ENDED = (states.SUCCESS, states.WARNING, states.FAILED, states.CANCELLED)  # after a kill nothing starts any more


def listen(board: Board) -> None:
    """Bring the listeners of an ended execution forward, one after another; a failing one does not stop the next."""
    if not board.flow.listeners or board.state not in ENDED:
        return
    for number, listener in enumerate(board.flow.listeners):
        if listener.conditions:
            continue
        path = f"listeners.{number}"
        runs = [run for run in board.children(None) if run.path == path]
        if any(run.state.current == states.FAILED for run in runs):
            continue
        for start in sequential(listener.tasks, runs, path=path):
            if board.flowable(start.task) is None:
                submit(board, create(board, None, start))
        if any(not run.state.terminated for run in board.children(None) if run.path == path):
            return
