"""A task run that starts one execution for every line of a file: in waves, counted by state, remembered in a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine import states
from engine.attempts import settle_attempt
from engine.board import Board, new_attempt, open_attempt, with_attempt
from engine.commands import StartEach
from engine.endings import allowed, end_run
from engine.events import EachStarted
from engine.execution import TaskRun
from engine.steering import CallEach

WAVE = 20  # executions that are started at once
MOST_OPEN = 200  # executions that are waited for at a time
WORST = (states.FAILED, states.KILLED, states.WARNING)  # the first of these that is there (a level puts KILLED first)
NOTHING: Mapping[str, Any] = {"next": 0, "asked": 0, "total": None, "counts": {}, "low": 0, "late": [], "message": None}


def place_each(board: Board, run: TaskRun, call: CallEach) -> None:
    """Ask for the first wave; the run has one attempt for all of them."""
    if open_attempt(run) is not None:
        return
    run = board.put(with_attempt(board.put(new_attempt(run, board.now)), states.RUNNING, board.now))
    again = call.again and call.wait and "again" in run.notes
    told = {"wait": call.wait, "transmit": call.transmit_failed, "lines": call.lines, "again": again}
    _look(board, board.note(run, again=None), {**NOTHING, **told})


def each_started(board: Board, event: EachStarted) -> None:
    """A wave of executions exists."""
    run = _addressed(board, event.task_run_id, event.attempt)
    if run is None or event.first != run.notes["call"]["next"] + 1:
        return
    call = {**run.notes["call"], "total": event.total, "base": event.base, "message": event.message}
    call["asked"] = call["next"] = event.first - 1 + event.count
    _look(board, run, call)


def one_ended(board: Board, task_run_id: str, batch: tuple[int, int], state: str) -> None:
    """One of the executions ended, perhaps before we were told that it began."""
    attempt, line = batch
    run = _addressed(board, task_run_id, attempt)
    if run is None:
        return
    call = dict(run.notes["call"])
    if line <= call["low"] or line in call["late"]:
        return
    late = {*call["late"], line}
    while call["low"] + 1 in late:
        call["low"] += 1
        late.remove(call["low"])
    counts: Counter[str] = Counter(call["counts"])
    counts[state] += 1
    _look(board, run, {**call, "late": sorted(late), "counts": dict(counts)})


def _addressed(board: Board, task_run_id: str, attempt: int) -> TaskRun | None:
    run = board.run(task_run_id)
    if run is None or run.state.terminated or "lines" not in run.notes.get("call", ()) or board.state == states.KILLING:
        return None
    now_open = open_attempt(run)
    return run if now_open is not None and now_open.number == attempt else None


def _look(board: Board, run: TaskRun, call: Mapping[str, Any]) -> None:
    """Remember where we are; end the task run, or ask for the next wave."""
    run = board.note(board.put(replace(run, outputs=_outputs(call))), call=dict(call))
    ended = sum(call["counts"].values())
    if call["message"] is not None:
        if not call["wait"] or ended >= call["next"]:
            _fail(board, run, call["message"])
    elif call["total"] is not None and (ended if call["wait"] else call["next"]) >= call["total"]:
        _end(board, run, call)
    elif call["asked"] == call["next"] and call["next"] - ended <= MOST_OPEN - WAVE and call["next"] != call["total"]:
        _ask(board, run, call)


def _ask(board: Board, run: TaskRun, call: Mapping[str, Any]) -> None:
    board.note(run, call={**call, "asked": call["next"] + WAVE})
    board.command(StartEach(run.id, run.attempts[-1].number, call["lines"], call["next"] + 1, WAVE, call.get("again", False)))


def _outputs(call: Mapping[str, Any]) -> dict[str, Any] | None:
    """`iterations` by state, as Kestra counts them; nothing while the file was not looked at, or where it is empty."""
    total, started, counts = call["total"], call["next"], call["counts"]
    if not total:
        return None
    if not call["wait"]:
        return {"numberOfBatches": total, "iterations": {"RUNNING": 0, "SUCCESS": started}}
    ended = sum(counts.values())
    iterations = {"CREATED": total - max(started, ended), "RUNNING": max(started - ended, 0), **counts}
    return {"numberOfBatches": total, "iterations": iterations, "subflowOutputsBaseUri": call["base"]}


def _fail(board: Board, run: TaskRun, message: str) -> None:
    board.log("ERROR", message, run)
    outputs = run.outputs
    settle_attempt(board, board.note(run, call=None), states.FAILED, message=message, outputs=outputs)


def _end(board: Board, run: TaskRun, call: Mapping[str, Any]) -> None:
    worst = next((state for state in WORST if state in call["counts"]), states.SUCCESS)
    state = worst if call["transmit"] else states.SUCCESS
    if state == states.FAILED:
        failed = call["counts"][states.FAILED]
        message = f"{failed} of {call['total']} executions of the flow ended with {state}"
        settle_attempt(board, board.note(run, call=None), state, message=message, outputs=run.outputs)
        return
    run = board.put(with_attempt(board.note(run, call=None), state, board.now))
    end_run(board, run, allowed(state, board.task(run)))
