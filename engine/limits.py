"""When an execution may start and how long it may go on: schedule date, concurrency, service levels."""

from __future__ import annotations

from dataclasses import replace

from engine import states
from engine.asking import known_to, worldly
from engine.attempts import kill_run
from engine.board import Board
from engine.commands import AskSlot, Evaluate, KillChildren, WakeAt
from engine.document import Sla
from engine.errors import ExpressionError
from engine.events import Evaluated, ExecutionCreated, SlotDecided
from engine.expressions import BOUNDED, SHORT, render, to_text, truthy

ASSERTION = "sla:"  # the property of an Evaluate that is about an assertion, before its number
EXCEEDED = "Flow is FAILED due to concurrency limit exceeded"


def execution_created(board: Board, _event: ExecutionCreated) -> None:
    """Begin, once: at its date, with a slot. On one that has begun: look at everything again."""
    if board.state == states.RESTARTED:  # a copy of another execution that goes on from the middle
        board.to(states.RUNNING)
    if board.state != states.CREATED:
        if not board.still:
            board.touch_all()
        return
    if "refused" in board.head.notes:
        _refuse(board, str(board.head.notes["refused"]))
        return
    date = board.head.schedule_date
    if date is not None and date > board.now:
        if "scheduled" not in board.head.notes:
            board.remember(scheduled=True)
            board.command(WakeAt("schedule", date))
        return
    ask_to_start(board)


def _refuse(board: Board, message: str) -> None:
    """A check of the flow, looked at before the execution was made, lets it begin only to fail."""
    board.log("ERROR", message)
    board.blame(None, message)
    board.to(states.FAILED)


def ask_to_start(board: Board) -> None:
    """Start, or ask for a slot first where the flow bounds its executions."""
    _watch(board)
    if board.flow.concurrency is None:
        start_execution(board)
    elif "slot" not in board.head.notes:
        board.remember(slot=True)
        board.command(AskSlot())


def start_execution(board: Board) -> None:
    """CREATED or QUEUED becomes RUNNING."""
    _watch(board)
    board.to(states.RUNNING)
    board.touch_all()


def _watch(board: Board) -> None:
    """Have the service levels about time looked at when that is over: from the creation, waiting for a slot too, or the schedule date."""
    timed = {number: sla.duration for number, sla in enumerate(board.flow.sla) if sla.type == "MAX_DURATION" and sla.duration is not None}
    if not timed or "watched" in board.head.notes:
        return
    board.remember(watched=True)
    begins = board.head.state.start
    if board.head.schedule_date is not None:
        begins = max(begins, min(board.head.schedule_date, board.now))
    for number, duration in timed.items():
        board.command(WakeAt(f"sla:{number}", begins + duration))


def slot_decided(board: Board, event: SlotDecided) -> None:
    """The flow's executions were counted."""
    if board.state not in (states.CREATED, states.QUEUED) or "slot" not in board.head.notes:
        return
    if event.free:
        start_execution(board)
    elif board.state == states.CREATED and board.flow.concurrency is not None:
        _without_slot(board, board.flow.concurrency.behavior)


def _without_slot(board: Board, behavior: str) -> None:
    if behavior == "QUEUE":
        board.to(states.QUEUED)
    elif behavior == "CANCEL":
        board.head = replace(board.head, error="Cancelled because the flow's concurrency limit was reached")
        board.to(states.CANCELLED)
    else:
        _refuse(board, EXCEEDED)


def limit_elapsed(board: Board, kind: str, rest: str) -> None:
    """A schedule date came, or a service level's time is over."""
    if kind == "schedule":
        if board.state == states.CREATED:
            ask_to_start(board)
        return
    number = int(rest)
    if board.terminated or board.state == states.KILLING or number >= len(board.flow.sla):
        return
    sla = board.flow.sla[number]
    violated(board, number, sla, f"execution duration of {_iso(sla)} exceeded.")


def _iso(sla: Sla) -> str:
    seconds = sla.duration.total_seconds() if sla.duration is not None else 0
    return f"PT{seconds:g}S"


def check_assertions(board: Board) -> None:
    """Look at the assertions of an execution that runs."""
    if board.state not in (states.RUNNING, states.PAUSED, states.RETRYING):
        return
    for number, sla in enumerate(board.flow.sla):
        if sla.type == "EXECUTION_ASSERTION" and sla.assertion is not None and number not in board.head.notes.get("violated", ()):
            if worldly(sla.assertion):
                _ask(board, number, sla.assertion)
                continue
            reason = _broken(board, number, sla.assertion)
            if reason is not None:
                violated(board, number, sla, reason)
                if board.terminated:
                    return


def _broken(board: Board, number: int, assertion: str) -> str | None:
    try:
        held = truthy(render(assertion, known_to(board, None, assertion), functions=BOUNDED, options=SHORT))
    except ExpressionError as error:
        _ignore(board, number, error.message)
        return None
    return None if held else _false(assertion)


def _false(assertion: str) -> str:
    return f"assertion is false: {assertion}."


def _ignore(board: Board, number: int, message: str) -> None:
    told = list(board.head.notes.get("ignored", ()))
    if number not in told:  # once: it is looked at at every step
        board.remember(ignored=[*told, number])
        board.log("ERROR", f"Ignoring SLA '{board.flow.sla[number].id}' because of the error: {message}")


def _ask(board: Board, number: int, assertion: str) -> None:
    """Have the world look at an assertion, once for every change of a task run's state."""
    seen = sorted(board.counts.items())
    asked = board.head.notes.get("assertions", {})
    now = [[state, count] for state, count in seen if count]
    if asked.get(str(number)) != now:
        board.remember(assertions={**asked, str(number): now})
        board.command(Evaluate(None, f"{ASSERTION}{number}", assertion))


def assertion_evaluated(board: Board, event: Evaluated) -> None:
    """The world has looked at an assertion."""
    number = int(event.property.removeprefix(ASSERTION))
    if board.state not in (states.RUNNING, states.PAUSED, states.RETRYING) or number >= len(board.flow.sla):
        return
    sla = board.flow.sla[number]
    if event.error is not None:
        _ignore(board, number, event.error)
    elif sla.assertion is not None and not truthy(None if event.value is None else to_text(event.value)):
        violated(board, number, sla, _false(sla.assertion))


def violated(board: Board, number: int, sla: Sla, reason: str) -> None:
    """Do what the service level says; each acts once."""
    known = list(board.head.notes.get("violated", ()))
    if number in known:
        return
    board.remember(violated=[*known, number])
    fresh = dict(sla.labels)
    kept = tuple(pair for pair in board.head.labels if pair[0] not in fresh)
    board.head = replace(board.head, labels=(*kept, *sla.labels))
    if sla.behavior == "NONE":
        return
    state = states.FAILED if sla.behavior == "FAIL" else states.CANCELLED
    message = f"Execution {'failed' if state == states.FAILED else 'cancelled'} due to SLA '{sla.id}' violated: {reason}"
    board.log("ERROR", message)
    board.head = replace(board.head, error=message)
    cut_off(board, state)


def cut_off(board: Board, state: str) -> None:
    """End everything now: the last open task run carries the state, the others are killed; children go on."""
    unfinished = [run for run in board.runs.values() if not run.state.terminated]
    for run in unfinished:
        board.stop(run)
        kill_run(board, run, state if run is unfinished[-1] else states.KILLED)
    board.remember(held=None, leaving=None)
    board.to(state)


def kill_children(board: Board) -> None:
    """Executions that this one started are killed with it."""
    if any("call" in run.notes for run in board.runs.values()):
        board.command(KillChildren())
