"""Walking a level: the flow itself or one flowable task run, asked what comes next until nothing does, then ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine import states
from engine.asking import PENDING, AnswerFailed, ask
from engine.attempts import kill_run
from engine.beginning import begin, create
from engine.board import Board
from engine.calls import place_call
from engine.calls_of_each import place_each
from engine.commands import RunTask, WakeAt
from engine.document import Task
from engine.endings import allowed, end_execution, end_run, fail_run, final_state, is_main, refresh_outputs, situation
from engine.execution import TaskRun
from engine.folding import states_of
from engine.steering import Answer, Ask, Call, CallEach, Finish, Flowable, FlowableFailed, Hold, Repeat, Start, parallel, sequential


@dataclass(slots=True)
class Level:
    """One level as it is walked: `run`, `task` and `kind` are None for the flow itself."""

    run: TaskRun | None
    task: Task | None
    kind: type[Flowable] | None
    main: list[TaskRun]
    errors: list[TaskRun]
    finals: list[TaskRun]

    @property
    def id(self) -> str | None:
        return self.run.id if self.run is not None else None

    @property
    def failed(self) -> bool:
        return any(run.state.current == states.FAILED for run in self.main)

    @property
    def broken(self) -> bool:
        """Nothing more of the main branch starts."""
        return _broken(self.main)


def settle(board: Board) -> None:
    """Walk every level that something happened in, until nothing happens any more."""
    while board.dirty:
        walk(board, board.dirty.popleft())


def walk(board: Board, parent_id: str | None) -> None:
    """Bring one level forward as far as it goes now.

    A level whose child failed starts nothing more of its main branch, waits for what still runs beside it (not for a person: what is
    paused there is cancelled), then runs its `errors`, then its `finally`, then ends. (Kestra ends it at once and lets the siblings run on
    behind the end; here nothing outlives its parent.)
    """
    if board.still or (parent_id is None and board.terminated):
        return
    for waiting in _waiting(board, parent_id):
        begin(board, waiting)
    _fail_beside(board, parent_id)
    level = _level(board, parent_id)
    if level is None:
        return
    try:
        _bring_forward(board, level)
    except FlowableFailed as error:
        if level.run is None:
            raise
        fail_run(board, board.runs[level.run.id], str(error))


def _fail_beside(board: Board, parent_id: str | None) -> None:
    """What runs while a task run is paused failed: it waits no more."""
    run = board.run(parent_id)
    if run is not None and run.state.current == states.PAUSED and _broken(board.children(parent_id)):
        board.move(run, states.RUNNING)


def _broken(runs: Sequence[TaskRun]) -> bool:
    return any(run.state.current in (states.FAILED, states.KILLED) for run in runs)


def _bring_forward(board: Board, level: Level) -> None:
    if _advance_main(board, level) or _holds_up(board, level):
        return
    if level.failed and _advance_branch(board, level, "errors", side_by_side=level.kind is not None and level.kind.parallel):
        return
    if _advance_branch(board, level, "finally"):
        return
    _end(board, level)


def _holds_up(board: Board, level: Level) -> bool:
    """Whether something of the main branch is waited for. Where it failed nobody is asked any more: what merely pauses is cancelled."""
    still_open = [run for run in level.main if not run.state.terminated]
    waited_for = [run for run in still_open if not (level.failed and _only_pauses(board, run))]
    if not waited_for:
        for run in still_open:
            for each in reversed([run, *board.descendants(run.id)]):
                if not each.state.terminated:
                    board.stop(each)
                    kill_run(board, each, states.CANCELLED)
    return bool(waited_for)


def _only_pauses(board: Board, run: TaskRun) -> bool:
    """Whether a task run waits for somebody to resume it, or nothing but that goes on below it."""
    if run.state.current == states.PAUSED:
        return "next_iteration" not in run.notes
    below = [child for child in board.children(run.id) if not child.state.terminated]
    return bool(below) and all(_only_pauses(board, child) for child in below)


def _waiting(board: Board, parent_id: str | None) -> list[TaskRun]:
    return [
        run
        for run in board.children(parent_id)
        if run.state.current in (states.CREATED, states.RESTARTED)
    ]


def _level(board: Board, parent_id: str | None) -> Level | None:
    children = board.children(parent_id)
    groups = (
        [run for run in children if is_main(run)],
        [r for r in children if r.path == "errors"],
        [r for r in children if r.path == "finally"],
    )
    if parent_id is None:
        return Level(None, None, None, *groups)
    run = board.run(parent_id)
    if run is None or run.state.current != states.RUNNING or run.notes.get("phase") in ("open", "close"):
        return None
    task = board.task(run)
    kind = board.flowable(task) if task is not None else None
    return Level(run, task, kind, *groups) if kind is not None else None


def _open(runs: Sequence[TaskRun]) -> bool:
    return any(not run.state.terminated for run in runs)


def _start(board: Board, parent_id: str | None, starts: Sequence[Start]) -> None:
    for start in starts:
        begin(board, create(board, parent_id, start))


# --- the main branch


def _advance_main(board: Board, level: Level) -> bool:
    """Start what comes next; True where the level has nothing more to say now."""
    if level.broken:
        return False
    if level.finals:  # past the main branch
        return _open(level.main)
    if level.run is None or level.task is None or level.kind is None:
        starts = sequential(board.flow.tasks, level.main)
        _start(board, None, starts)
        return bool(starts)
    return _follow(board, level.run, level.task, level.kind)


def _follow(board: Board, run: TaskRun, task: Task, kind: type[Flowable]) -> bool:
    """Ask a flowable until it says something that can be done; True where that was not just silence."""
    asked: set[str] = set()
    while True:
        run = refresh_outputs(board, board.runs[run.id])
        answer: Answer = kind.next(situation(board, run, task))
        if not isinstance(answer, Ask):
            return _obey(board, run, answer)
        try:
            if answer.property in asked or ask(board, run, answer.property, answer.template, again=answer.again) is PENDING:
                return True
        except AnswerFailed as error:
            fail_run(board, run, error.message)
            return True
        asked.add(answer.property)


def _obey(board: Board, run: TaskRun, answer: Sequence[Start] | Finish | Hold | Repeat | Call | CallEach) -> bool:
    match answer:
        case Finish():
            if answer.message and answer.state == states.FAILED:
                board.log("ERROR", answer.message, run)
            end_run(board, run, allowed(answer.state, board.task(run)), message=answer.message)
        case Hold(resume_at=None, end_at=None) if board.terminated:
            fail_run(board, run, "Nobody can resume what pauses after the end of the execution: give it a `pauseDuration`")
        case Hold():
            board.note(board.move(run, states.PAUSED), end=answer.end if answer.end_at is not None else None)
            _wake(board, f"resume:{run.id}", answer.resume_at)
            _wake(board, f"expire:{run.id}", answer.end_at)
            _start(board, run.id, answer.beside)
        case Repeat():
            board.note(board.move(run, states.PAUSED), next_iteration=answer.iteration)
            _wake(board, f"repeat:{run.id}:{answer.iteration}", answer.at)
        case Call():
            place_call(board, run, answer)
        case CallEach():
            place_each(board, run, answer)
        case _:
            _start(board, run.id, answer)
            return bool(answer)
    return True


def _wake(board: Board, key: str, at: datetime | None) -> None:
    if at is not None:
        board.command(WakeAt(key, at))


# --- errors, finally, end


def _advance_branch(board: Board, level: Level, path: str, *, side_by_side: bool = False) -> bool:
    """Bring `errors` or `finally` forward; True while something of it is open or was started."""
    tasks = board.branch(level.id, path)
    runs = level.errors if path == "errors" else level.finals
    if not tasks:
        return False
    starts = parallel(tasks, runs, path=path) if side_by_side else sequential(tasks, runs, path=path)
    _start(board, level.id, starts)
    return bool(starts) or _open(runs)


def _end(board: Board, level: Level) -> None:
    state = final_state(level.main, states_of(level.run.notes) if level.run is not None else ())
    if level.run is None:
        end_execution(board, state)
        return
    run = board.runs[level.run.id]
    if level.kind is not None and level.kind.workspace and run.notes.get("phase") == "opened":
        board.note(run, phase="close")
        board.command(RunTask(run.id, int(run.notes.get("opened", 0)), "close"))
        return
    end_level(board, run, state)


def end_level(board: Board, run: TaskRun, state: str) -> None:
    """End a flowable's task run in the state that its children gave it."""
    kind = board.kind(run)
    if state == states.FAILED and kind is not None and kind.forgives:
        state = states.WARNING
    refresh_outputs(board, board.runs[run.id])
    end_run(board, run, allowed(state, board.task(run)))
