"""Ending an execution early, in a state that one of its tasks names: what runs is waited for, nothing new starts.

Kestra calls the execution ended at once and lets what runs go on behind its end; here nothing outlives it.
"""

from __future__ import annotations

from dataclasses import replace

from engine import states
from engine.attempts import kill_run
from engine.board import Board
from engine.endings import end_execution
from engine.events import KillRequested
from engine.execution import TaskRun
from engine.killing import in_hand, kill_requested


def leave(board: Board, run: TaskRun, state: str) -> None:
    """A task says that the execution ends in this state; the first one that does is heard."""
    if board.terminated or board.state == states.KILLING or board.leaving:
        return
    if state == states.KILLED:
        kill_requested(board, KillRequested())
        return
    board.remember(leaving=[state, run.id], held=None)
    if state != states.SUCCESS:
        board.head = replace(board.head, error=f"Task {run.task_id} ended the execution")


def finish_leaving(board: Board) -> None:
    """Once no worker holds anything: what leads to the task that says so ends as it does, what is left is cancelled."""
    if not board.leaving or board.terminated or board.state == states.KILLING:
        return
    board.dirty.clear()
    if any(map(in_hand, board.runs.values())):
        return
    state, run_id = board.head.notes["leaving"]
    left = board.run(run_id)
    above = {run.id for run in board.ancestors(left)} if left is not None else set()
    for run in list(board.runs.values()):
        if not run.state.terminated:
            kill_run(board, run, state if run.id in above else states.CANCELLED)
    end_execution(board, state)
