"""Task runs that start another execution and wait for its end."""

from __future__ import annotations

from dataclasses import replace

from engine import states
from engine.attempts import settle_attempt
from engine.board import Board, new_attempt, open_attempt, with_attempt
from engine.calls_of_each import one_ended
from engine.commands import StartExecution
from engine.endings import allowed, end_run, refresh_outputs
from engine.events import ChildEnded, ChildStarted
from engine.execution import TaskRun
from engine.steering import Call, FlowableFailed

TRANSMITTED = (states.FAILED, states.KILLED, states.WARNING, states.PAUSED)


def place_call(board: Board, run: TaskRun, call: Call) -> None:
    """Ask for the child execution; the run has one attempt per child."""
    if open_attempt(run) is not None:
        return
    run = board.put(new_attempt(run, board.now))
    run = board.put(with_attempt(run, states.RUNNING, board.now))
    again = run.notes.get("again") if call.again and call.wait else None
    board.note(run, call={"wait": call.wait, "transmit": call.transmit_failed}, again=None)
    board.command(
        StartExecution(
            namespace=call.namespace,
            flow_id=call.flow_id,
            task_run_id=run.id,
            revision=call.revision,
            inputs=call.inputs,
            labels=call.labels,
            wait=call.wait,
            schedule_date=call.schedule_date,
            inherit_labels=call.inherit_labels,
            outputs=call.outputs,
            again=again,
        )
    )


def child_started(board: Board, event: ChildStarted) -> None:
    """The child exists: its id is an output at once; where nobody waits, that it was CREATED is all that is told of it."""
    run = board.run(event.task_run_id)
    if run is None or run.state.terminated or open_attempt(run) is None or "call" not in run.notes or "child" in run.notes:
        return
    run = board.put(replace(run, outputs={**(run.outputs or {}), "executionId": event.execution_id}))
    run = board.note(run, child=event.execution_id)
    if not run.notes["call"]["wait"]:
        run = board.put(with_attempt(run, states.SUCCESS, board.now))
        end_run(board, run, states.SUCCESS, outputs={**(run.outputs or {}), "state": states.CREATED})


def child_ended(board: Board, event: ChildEnded) -> None:
    """The child ended (or never began): the parent's task run takes over what it says to take over."""
    if event.batch is not None:
        one_ended(board, event.task_run_id, event.batch, event.state)
        return
    run = board.run(event.task_run_id)
    if run is None or run.state.terminated or open_attempt(run) is None or "call" not in run.notes:
        return
    if run.notes.get("child", event.execution_id) != event.execution_id:
        return  # the child of an earlier attempt
    outputs = dict(run.outputs or {})
    if event.execution_id:
        outputs |= {"executionId": event.execution_id, "state": event.state}
    if event.outputs is not None:
        outputs["outputs"] = dict(event.outputs)
    never_began = not event.execution_id
    taken = never_began or (run.notes["call"]["transmit"] and event.state in TRANSMITTED) or event.message is not None
    state = event.state if taken else states.SUCCESS
    if state == states.PAUSED:
        return
    board.note(run, call=None, child=None)
    told = event.message or _refused(board, board.put(replace(board.runs[run.id], outputs=outputs)))
    if told is not None:
        state = states.FAILED
    if state == states.FAILED:
        message = told or f"the execution {event.execution_id} of the flow ended with {event.state}"
        if told:
            board.log("ERROR", message, run)
        settle_attempt(board, board.runs[run.id], states.FAILED, message=message, outputs=outputs)
        return
    run = board.put(with_attempt(board.runs[run.id], state, board.now))
    end_run(board, run, allowed(state, board.task(run)), outputs=outputs)


def _refused(board: Board, run: TaskRun) -> str | None:
    """Why the task type itself does not take what the child gave back."""
    try:
        refresh_outputs(board, run)
    except FlowableFailed as error:
        return str(error)
    return None
