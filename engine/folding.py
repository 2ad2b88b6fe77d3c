"""Keeping long loops small: what has ended well in one is folded away, so that the machine holds only what it may still decide about.

A folded task run stays in the store, where pages and templates find it; its loop remembers which values are done and how they ended, in its
notes: `folded: {"done": [[first, end], …], "states": [state, …]}`, places of values, `end` not included.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from engine import states
from engine.board import FOLDED, Board
from engine.endings import situation
from engine.execution import Execution, TaskRun

FROM: Final = 100  # task runs of one loop; a shorter one is left whole, so that its outputs are at hand
GOOD: Final = frozenset({states.SUCCESS, states.WARNING, states.SKIPPED, states.CANCELLED})


def fold(board: Board) -> list[TaskRun]:
    """Take what ended well in long loops off the table; answers the task runs that were taken."""
    taken: list[TaskRun] = []
    for parent_id, children in list(board.families.items()):
        loop = board.run(parent_id)
        if loop is not None and len(children) >= FROM and loop.state.current == states.RUNNING:
            taken += _fold(board, loop)
    return taken


def _fold(board: Board, loop: TaskRun) -> list[TaskRun]:
    task, kind = board.task(loop), board.kind(loop)
    if task is None or kind is None or not kind.loops:
        return []
    known = loop.notes.get(FOLDED, {"done": [], "states": []})
    done, seen, taken = [list(span) for span in known["done"]], set(known["states"]), []
    for place, runs in kind.rounds(situation(board, loop, task)):
        ended = {run.state.current for run in runs}
        if ended <= GOOD:
            insort(done, [place, place + 1])
            seen |= ended
            taken += [each for run in runs for each in (run, *board.descendants(run.id))]
    if taken:
        board.forget([run.id for run in taken])
        board.folds = True
        board.note(board.runs[loop.id], folded={"done": merged(done), "states": sorted(seen)})
    return taken


def merged(spans: Sequence[Sequence[int]]) -> list[list[int]]:
    """Sorted spans, those that touch made one."""
    found: list[list[int]] = []
    for first, end in spans:
        if found and first <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([first, end])
    return found


def folds(run: TaskRun) -> bool:
    """Whether it is a loop some of whose task runs are folded."""
    return FOLDED in run.notes


def unfolded(execution: Execution) -> Execution:
    """An execution of which every task run was brought back, as if nothing had been folded."""
    runs = tuple(_without(run) if folds(run) else run for run in execution.task_runs)
    return replace(execution, task_runs=runs)


def _without(run: TaskRun) -> TaskRun:
    return replace(run, notes={key: value for key, value in run.notes.items() if key != FOLDED})


def open_places(count: int, notes: Mapping[str, Any]) -> Iterator[int]:
    """Places of the values, of so many, that are not folded, in order."""
    at = 0
    for first, end in notes.get(FOLDED, {}).get("done", ()):
        yield from range(at, min(first, count))
        at = end
    yield from range(at, count)


def states_of(notes: Mapping[str, Any]) -> frozenset[str]:
    """The states that folded task runs of a loop ended in."""
    return frozenset(notes.get(FOLDED, {}).get("states", ()))
