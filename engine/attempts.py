"""What workers say of the attempts they were given, and what becomes of the task run: its end, or another try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine import states
from engine.board import Board, open_attempt, with_attempt, with_log
from engine.commands import StartExecution, WakeAt
from engine.document import Retry
from engine.endings import allowed, end_run, fail_run
from engine.events import TaskFailed, TaskStarted, TaskSucceeded, WorkerLost
from engine.execution import TaskRun
from engine.retry import next_date

LOST = "The worker that ran this attempt was lost"
ENDINGS = (states.SUCCESS, states.WARNING, states.SKIPPED)


def _addressed(board: Board, event: TaskStarted | TaskSucceeded | TaskFailed | WorkerLost) -> TaskRun | None:
    """The task run whose open attempt the event speaks of; None for what is late, repeated or unknown."""
    run = board.run(event.task_run_id)
    if run is None or run.state.terminated:
        return None
    if event.phase != "run":
        opened = run.notes.get("phase") == event.phase and run.notes.get("opened") == event.attempt
        return run if opened else None
    attempt = open_attempt(run)
    return run if attempt is not None and attempt.number == event.attempt else None


def task_started(board: Board, event: TaskStarted) -> None:
    run = _addressed(board, event)
    if run is None:
        return
    if event.phase != "run":
        if run.notes.get("begun") != event.phase:
            board.note(run, begun=event.phase)
        return
    if run.attempts[-1].state.current != states.CREATED:
        return
    board.move(board.put(with_attempt(run, states.RUNNING, board.now)), states.RUNNING)


def task_succeeded(board: Board, event: TaskSucceeded) -> TaskRun | None:
    """The task run that ended because of it, if one did."""
    run = _addressed(board, event)
    if run is None:
        return None
    if event.phase != "run":
        _phase_succeeded(board, run, event)
        return None
    state = event.state if event.state in ENDINGS else states.SUCCESS
    run = _begun(board, board.put(with_log(run, event.log_file)))
    board.put(with_attempt(run, state, board.now))
    if event.labels:
        board.head = replace(board.head, labels=labelled(board.head.labels, event.labels))
    if event.variables or event.forgotten:
        kept = {name: value for name, value in board.head.variables.items() if name not in event.forgotten}
        board.head = replace(board.head, variables={**kept, **event.variables})
    policy = policy_of(board, run)
    if state == states.SUCCESS and policy is not None and policy.warning_on_retry and event.attempt > 1:
        state = states.WARNING  # as Kestra: only from the third attempt on
    end_run(board, run, event.ends or allowed(state, board.task(run)), outputs=event.outputs)
    return run


def labelled(labels: Iterable[tuple[str, str]], fresh: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Labels with others put over them: a key that is there again stands once, at the end."""
    return (*((key, value) for key, value in labels if key not in fresh), *fresh.items())


def task_failed(board: Board, event: TaskFailed) -> None:
    run = _addressed(board, event)
    if run is None:
        return
    if event.phase != "run":
        _phase_failed(board, run, event.message, event.state)
        return
    run = _begun(board, board.put(with_log(run, event.log_file)))
    state = states.KILLED if event.state == states.KILLED else states.FAILED
    settle_attempt(board, run, state, message=event.message, outputs=event.outputs, retryable=event.retryable)


def worker_lost(board: Board, event: WorkerLost) -> None:
    """Counts as a failed attempt; while the execution is being killed it is what the kill was to bring about."""
    run = _addressed(board, event)
    if run is None:
        return
    killing = board.state == states.KILLING
    if event.phase != "run":
        _phase_failed(board, run, LOST, states.KILLED if killing else states.FAILED)
        return
    run = _begun(board, run)
    board.log("WARN" if killing else "ERROR", LOST, run)
    settle_attempt(board, run, states.KILLED if killing else states.FAILED, message=LOST)


def _begun(board: Board, run: TaskRun) -> TaskRun:
    """An end that overtook its beginning implies it."""
    return board.move(run, states.RUNNING) if run.state.current in (states.CREATED, states.RESTARTED) else run


def settle_attempt(
    board: Board, run: TaskRun, state: str, *, message: str = "", outputs: Mapping[str, Any] | None = None, retryable: bool = True
) -> None:
    """End the open attempt as FAILED or KILLED, then try again or end the task run."""
    run = board.put(with_attempt(run, state, board.now))
    if outputs is not None:
        run = board.put(replace(run, outputs=dict(outputs)))
    if state == states.KILLED:
        end_run(board, run, states.KILLED)
        return
    policy = policy_of(board, run)
    if retryable and policy is not None and not board.over and board.state != states.KILLING and _try_again(board, run, policy):
        return
    end_run(board, run, allowed(states.FAILED, board.task(run)), message=message)


# --- trying again


def policy_of(board: Board, run: TaskRun) -> Retry | None:
    """The retry that counts for a task run: its task's, else that of the closest flowable above, else the flow's."""
    for each in (run, *board.ancestors(run)):
        task = board.task(each)
        if task is not None and task.retry is not None:
            return task.retry
    return board.flow.retry if not board.terminated else None


def _try_again(board: Board, run: TaskRun, policy: Retry) -> bool:
    if policy.behavior == "CREATE_NEW_EXECUTION" and not board.terminated:
        return _new_execution(board, run, policy)
    date = next_date(policy, attempts=len(run.attempts), first_start=run.attempts[0].state.start, now=board.now, seed=run.id)
    if date is None:
        return False
    board.move(run, states.RETRYING)
    board.command(WakeAt(retry_key(run), date))
    return True


def retry_key(run: TaskRun) -> str:
    return f"retry:{run.id}:{len(run.attempts)}"


def retry_due(board: Board, run: TaskRun, key: str) -> None:
    """The wait before the next attempt is over."""
    if run.state.current != states.RETRYING or key != retry_key(run):
        return
    board.note(run, answers=None)  # `runIf` is looked at anew before every attempt
    board.move(board.runs[run.id], states.CREATED)
    board.touch(run.parent_id)


def _new_execution(board: Board, run: TaskRun, policy: Retry) -> bool:
    """The whole flow again, as a new execution: this one and what led to the failure are RETRIED, what runs beside it is stopped."""
    first: datetime = board.head.original_created or board.head.state.start
    date = next_date(
        policy, attempts=board.head.attempt_number, first_start=first, now=board.now, seed=board.head.original_id or board.head.id
    )
    if date is None:
        return False
    above = {run.id, *(ancestor.id for ancestor in board.ancestors(run))}
    for other in list(board.runs.values()):
        if other.id in above:
            board.move(other, states.RETRIED)
        elif not other.state.terminated:
            board.stop(other)
            kill_run(board, other)
    board.to(states.RETRIED)
    board.command(
        StartExecution(
            board.head.namespace,
            board.head.flow_id,
            revision=board.head.flow_revision,
            labels=board.head.labels,
            schedule_date=date,
            replay_of=board.head.id,
        )
    )
    return True


def kill_run(board: Board, run: TaskRun, state: str = states.KILLED) -> None:
    """End a task run at once, with the attempt that may be open."""
    run = board.runs[run.id]
    if open_attempt(run) is not None:
        run = replace(run, attempts=(*run.attempts[:-1], replace(run.attempts[-1], state=run.attempts[-1].state.to(state, board.now))))
    board.put(replace(run, state=run.state.to(state, board.now)))


# --- opening and closing a working directory


def _phase_succeeded(board: Board, run: TaskRun, event: TaskSucceeded) -> None:
    if event.phase == "open":
        board.note(run, phase="opened")
        board.touch(run.id)
        return
    run = board.note(run, phase="closed")
    merged = {**(run.outputs or {}), **event.outputs} if event.outputs else run.outputs
    board.put(replace(run, outputs=merged))
    board.touch(run.id)


def _phase_failed(board: Board, run: TaskRun, message: str, state: str) -> None:
    run = board.note(run, phase="closed")
    if state == states.KILLED:
        end_run(board, run, states.KILLED)
        return
    fail_run(board, run, message)
