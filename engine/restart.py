"""Going back: restart in place, a change of state by hand, and copies of an execution that begin in the middle (replay)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine import states
from engine.attempts import kill_run
from engine.board import Board, open_attempt
from engine.document import Flow
from engine.endings import is_main, situation
from engine.events import RestartRequested, StateChangeRequested
from engine.execution import Execution, TaskRun
from engine.ids import copied_id
from engine.states import Moment, State
from engine.steering import Flowable, later

OF_ITS_END = ("held", "leaving", "ending", "rendered", "aftermath", "listeners")  # notes
AFTERWARDS = ("afterExecution", "listeners.")  # what runs because the execution has ended
AGAIN = frozenset({states.FAILED, states.PAUSED, states.KILLED, states.CANCELLED})


def restartable(execution: Execution) -> bool:
    """Whether a restart finds anything to begin with: it ended (or is paused) with a task run that failed, was killed or is paused."""
    ended = execution.state.terminated or execution.state.current == states.PAUSED
    return ended and any(run.state.current in AGAIN for run in execution.task_runs)


def restart_requested(board: Board, _event: RestartRequested) -> None:
    """Run again what failed, in the same execution and with the same ids."""
    if not restartable(board.value()):
        return
    begin_again(board)
    _clear_level(board, None)
    for run in board.children(None):
        _again(board, run)
    _go_on(board)


def begin_again(board: Board) -> None:
    """The execution's next try: what it said of its end is forgotten."""
    notes = {key: value for key, value in board.head.notes.items() if key not in OF_ITS_END}
    board.head = replace(board.head, error=None, outputs=None, attempt_number=board.head.attempt_number + 1, notes=notes)


def _go_on(board: Board) -> None:
    board.to(states.RESTARTED)
    board.to(states.RUNNING)
    board.touch_all()


def _clear_level(board: Board, parent_id: str | None) -> None:
    """What ran because of the failure, or after it, did not happen."""
    for run in board.children(parent_id):
        if not is_main(run):
            board.drop(run.id)


def _again(board: Board, run: TaskRun) -> None:
    """Make a task run, and what failed below it, ready to go again."""
    if run.state.current not in AGAIN and (run.state.current != states.RUNNING or open_attempt(run) is not None):
        return  # it has ended well, or what it waits for goes on
    kind = board.kind(run)
    if kind is None:
        if run.state.current in AGAIN:
            board.move(replace(run, notes={}), states.RESTARTED)
        return
    _flowable_again(board, run, kind)


def _flowable_again(board: Board, run: TaskRun, kind: type[Flowable]) -> None:
    if kind.workspace:
        if run.state.current in AGAIN:
            reopen(board, run)
        return
    _clear_level(board, run.id)
    broken = [child for child in board.children(run.id) if child.state.current in AGAIN]
    paused_before = any(moment.state == states.PAUSED for moment in run.state.histories)
    if not broken and run.state.current in (states.FAILED, states.KILLED) and not paused_before:
        for child in board.children(run.id):  # it failed by itself: everything about it anew
            if child.state.current in AGAIN or "iteration" in run.notes:
                board.drop(child.id)
        run = replace(run, notes=_child_of(run))
    kept = {key: value for key, value in run.notes.items() if key not in ("call", "child", "next_iteration")}
    run = board.put(replace(run, notes={**kept, "resumed": True} if paused_before else kept))
    board.move(run, states.RUNNING)
    for child in board.children(run.id):
        _again(board, child)


def _child_of(run: TaskRun) -> dict[str, Any]:
    """The note of a task run that called others: they may go on where they failed."""
    return {"again": (run.outputs or {}).get("executionId", "")} if run.attempts else {}


def reopen(board: Board, run: TaskRun) -> None:
    """A working directory that went away is made anew, with everything in it."""
    for child in board.children(run.id):
        board.drop(child.id)
    opened = run.notes.get("opened", -1)
    board.move(replace(board.runs[run.id], notes={"opened": opened}), states.RESTARTED)


# --- changing a state by hand


def state_change_requested(board: Board, event: StateChangeRequested) -> None:
    """Give a task run the state that somebody says it has, and go on from there; not from what runs because of the end."""
    run = board.run(event.task_run_id)
    if run is None or run.state.current == event.state or event.state not in states.TERMINATED or board.state == states.KILLING:
        return
    if any(each.path.startswith(AFTERWARDS) for each in (run, *board.ancestors(run))):
        return
    board.stop(run)
    for below in board.descendants(run.id):
        if not below.state.terminated:
            board.stop(below)
            kill_run(board, below)
    kill_run(board, run, event.state)
    _set_last_attempt(board, board.runs[run.id], event.state)
    was_over = board.terminated or board.state == states.PAUSED
    if was_over:
        begin_again(board)
    else:  # what is removed and comes again must not come under its old id
        board.remember(changes=int(board.head.notes.get("changes", 0)) + 1)
    for level in (None, *(above.id for above in board.ancestors(run))):
        _reopen_level(board, level, run)
    if was_over:
        _go_on(board)
    board.touch_all()


def _reopen_level(board: Board, level_id: str | None, changed: TaskRun) -> None:
    on_the_way = {changed.id, *(above.id for above in board.ancestors(changed))}
    for run in board.children(level_id):
        if not is_main(run) and run.id not in on_the_way:
            for each in (run, *board.descendants(run.id)):
                board.stop(each)
            board.drop(run.id)
    above = board.run(level_id)
    if above is not None and above.state.current != states.RUNNING:
        board.move(above, states.RUNNING)


def _set_last_attempt(board: Board, run: TaskRun, state: str) -> None:
    if run.attempts:
        last = replace(run.attempts[-1], state=run.attempts[-1].state.to(state, board.now))
        board.put(replace(run, attempts=(*run.attempts[:-1], last)))


# --- copies


def copy(execution: Execution, flow: Flow, new_id: str) -> Execution:
    """The same execution under a new id, its task runs under new ids: to be restarted with another revision of the flow."""
    runs = tuple(_copied(run, new_id) for run in execution.task_runs)
    return replace(
        execution,
        id=new_id,
        flow_revision=flow.revision,
        task_runs=runs,
        parent_id=execution.id,
        original_id=execution.original_id or execution.id,
        original_created=execution.original_created or execution.state.start,
        schedule_date=None,
    )


def replay(
    execution: Execution,
    flow: Flow,
    task_run_id: str | None,
    new_id: str,
    now: datetime,
    *,
    flowables: Mapping[str, type[Flowable]] | None = None,
) -> Execution:
    """A new execution with the inputs, labels and trigger of another, from its start or from one of its task runs.

    From a task run: what came before is copied with new ids, the run is RESTARTED and keeps its attempts as a restart does, what came
    after it is left out; without `flowables` every level counts as a sequence. The caller stores the answer and sends `ExecutionCreated`.
    Raises KeyError where the task run is not there.
    """
    fresh = replace(
        copy(execution, flow, new_id), task_runs=(), outputs=None, error=None, notes={}, attempt_number=execution.attempt_number + 1
    )
    if task_run_id is None:
        return replace(fresh, state=State.new(now))
    board = Board(flow, execution, now, flowables or {}, {})
    _cut(board, board.runs[task_run_id])
    history = (*execution.state.histories, Moment(states.RESTARTED, now))
    return replace(fresh, state=State(history), task_runs=tuple(_copied(run, new_id) for run in board.runs.values()))


def _cut(board: Board, run: TaskRun) -> None:
    """Leave out what came after a task run, and make it begin again."""
    target = run
    for above in board.ancestors(run):
        kind = board.kind(above)
        if kind is not None and kind.workspace:
            target = above  # a working directory is gone: from its opening
    chain = [target, *board.ancestors(target)]
    for each in chain:
        for follower in _followers(board, each):
            if follower.id in board.runs:
                board.drop(follower.id)
    for child in board.children(target.id):
        board.drop(child.id)
    for each in chain[1:]:
        board.move(board.runs[each.id], states.RUNNING)
    _drop_open(board, {each.id for each in chain})
    begins = states.RUNNING if board.kind(target) is not None and target.notes.get("phase") is None else states.RESTARTED
    tried = tuple(attempt for attempt in target.attempts if attempt.state.terminated)
    board.move(replace(board.runs[target.id], attempts=tried, notes={}, outputs=None), begins)


def _followers(board: Board, run: TaskRun) -> list[TaskRun]:
    siblings = board.children(run.parent_id)
    extra = [other for other in siblings if not is_main(other) and other.path != run.path]
    if not is_main(run):
        return [
            *(other for other in siblings if other.path == run.path and other.position > run.position),
            *(o for o in extra if o.path == "finally"),
        ]
    parent = board.run(run.parent_id)
    task = board.task(parent) if parent is not None else None
    kind = board.flowable(task) if task is not None else None
    if parent is None or task is None or kind is None:
        return [*later([other for other in siblings if is_main(other)], run), *extra]
    return [*kind.followers(situation(board, parent, task), run), *extra]


def _drop_open(board: Board, keep: set[str]) -> None:
    """What has not ended elsewhere belongs to the other execution: it is begun anew here."""
    for run in list(board.runs.values()):
        if run.id in board.runs and run.id not in keep and not run.state.terminated:
            board.drop(run.id)


def _copied(run: TaskRun, new_id: str) -> TaskRun:
    parent: Any = copied_id(new_id, run.parent_id) if run.parent_id is not None else None
    return replace(run, id=copied_id(new_id, run.id), parent_id=parent)
