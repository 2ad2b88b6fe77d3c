"""Creating task runs and beginning them: `runIf`, then a worker for what does, a walk for what steers."""

from __future__ import annotations

from dataclasses import replace

from engine import states
from engine.asking import PENDING, AnswerFailed, ask
from engine.board import Board, new_attempt, open_attempt
from engine.commands import RunTask
from engine.document import Task
from engine.endings import end_run, fail_run, refresh_outputs
from engine.execution import TaskRun
from engine.expressions import to_text, truthy
from engine.ids import task_run_id
from engine.states import State
from engine.steering import Start


def create(board: Board, parent_id: str | None, start: Start) -> TaskRun:
    """Put the task run on the table, CREATED."""
    generation = board.head.attempt_number + int(board.head.notes.get("changes", 0))
    run_id = task_run_id(board.head.id, parent_id, start.path, start.task.id, start.value, start.iteration, generation)
    return board.add(TaskRun(run_id, start.task.id, State.new(board.now), parent_id, start.path, start.value, start.iteration))


def begin(board: Board, run: TaskRun) -> None:
    """Send a CREATED or RESTARTED task run on its way; harmless where it is on its way already."""
    run = board.runs[run.id]
    if board.still or run.state.current not in (states.CREATED, states.RESTARTED) or open_attempt(run) is not None:
        return
    task = board.task(run)
    if task is None:
        fail_run(board, run, f"The flow has no task {run.task_id} at this place")
        return
    wanted = _wanted(board, run, task)
    if wanted is None:
        return
    run = board.runs[run.id]
    if not wanted:
        end_run(board, run, states.SKIPPED)
    elif board.flowable(task) is not None:
        begin_flowable(board, run, task)
    else:
        submit(board, run)


def _wanted(board: Board, run: TaskRun, task: Task) -> bool | None:
    """Whether `runIf` holds; None where it is not known yet, or failed."""
    if task.run_if is None or task.run_if == "true":
        return True
    try:
        answer = ask(board, run, "runIf", task.run_if)
    except AnswerFailed as error:
        board.log("ERROR", f"Unable to evaluate the runIf condition for task {task.id}", run)
        fail_run(board, board.put(_failed_attempt(board, board.runs[run.id], board.flowable(task) is None)), error.message)
        return None
    return None if answer is PENDING else truthy(None if answer is None else to_text(answer))


def _failed_attempt(board: Board, run: TaskRun, counts: bool) -> TaskRun:
    """What could not even be sent to a worker has an attempt to show for it."""
    if not counts:
        return run
    run = new_attempt(run, board.now)
    attempt = run.attempts[-1]
    failed = replace(attempt, state=attempt.state.to(states.FAILED, board.now))
    return replace(run, attempts=(*run.attempts[:-1], failed))


def begin_flowable(board: Board, run: TaskRun, task: Task) -> None:
    """A flowable runs as soon as it is created; one with a working directory has it opened first."""
    run = board.move(run, states.RUNNING)
    kind = board.flowable(task)
    if kind is not None and kind.workspace:
        opened = int(run.notes.get("opened", -1)) + 1
        board.note(run, phase="open", opened=opened)
        board.command(RunTask(run.id, opened, "open"))
        return
    refresh_outputs(board, run)
    board.touch(run.id)


def submit(board: Board, run: TaskRun) -> None:
    """Give the next attempt to a worker."""
    run = board.put(new_attempt(run, board.now))
    board.command(RunTask(run.id, run.attempts[-1].number, "run", workspace_of(board, run)))


def workspace_of(board: Board, run: TaskRun) -> str | None:
    """The closest task run above that owns a working directory."""
    return next((above.id for above in board.ancestors(run) if above.notes.get("phase")), None)
