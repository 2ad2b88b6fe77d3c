"""Killing an execution: nothing new starts, what runs is stopped, and it is KILLED when the last of it has ended.

Kestra calls the execution KILLED before its processes are gone; here KILLED means that nothing of it runs any more.
"""

from __future__ import annotations

from engine import states
from engine.aftermath import KILLED
from engine.attempts import kill_run
from engine.board import Board, open_attempt
from engine.events import KillRequested
from engine.execution import TaskRun
from engine.limits import kill_children

ERROR = "Killed"


def kill_requested(board: Board, event: KillRequested) -> None:
    if board.aftermath:
        _kill_aftermath(board)
    if board.terminated or board.state == states.KILLING:
        return
    board.remember(held=None)
    board.to(states.KILLING)
    if event.cascade:
        kill_children(board)
    for run in list(board.runs.values()):
        if not run.state.terminated:
            board.stop(run)
    finish_kill(board)


def _kill_aftermath(board: Board) -> None:
    """End what runs after the execution; how the execution ended stays."""
    board.remember(aftermath=KILLED)
    for run in list(board.runs.values()):
        if not run.state.terminated:
            board.stop(run)
            if not in_hand(run):
                kill_run(board, run)


def finish_kill(board: Board) -> None:
    """Kill what no worker holds; KILLED once no worker holds anything."""
    if board.state != states.KILLING:
        return
    board.dirty.clear()
    worked_on = [run for run in board.runs.values() if in_hand(run)]
    kept = {run.id for run in worked_on} | {above.id for run in worked_on for above in board.ancestors(run)}
    for run in list(board.runs.values()):
        if not run.state.terminated and run.id not in kept:
            kill_run(board, run)
    if not worked_on:
        board.blame(None, ERROR)
        board.to(states.KILLED)


def in_hand(run: TaskRun) -> bool:
    """Whether a worker holds an attempt of it. One that was not begun yet is taken back; a child execution is killed on its own."""
    if run.state.terminated or "call" in run.notes:
        return False
    attempt = open_attempt(run)
    if attempt is not None:
        return attempt.state.current == states.RUNNING
    return run.notes.get("phase") in ("open", "close") and run.notes.get("begun") == run.notes["phase"]
