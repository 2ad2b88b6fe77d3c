"""The execution while it is being advanced: changeable, indexed, gathering the commands that come of it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine import states
from engine.commands import Command, StopTask, WriteLog
from engine.document import Flow, Task
from engine.execution import Attempt, Execution, TaskRun
from engine.states import State
from engine.steering import Flowable

ERROR_LENGTH = 500
FOLDED = "folded"  # in the notes of a loop: what of it is in the store alone


class Board:
    """One execution on the table. Everything that changes it goes through `put`, `move`, `drop` and `to`, which keep the indexes true.

    `dirty` holds the levels (ids of flowable task runs, None for the execution itself) that must be walked again.
    """

    def __init__(
        self, flow: Flow, execution: Execution, now: datetime, flowables: Mapping[str, type[Flowable]], world: Mapping[str, Any]
    ) -> None:
        self.flow = flow
        self._head = execution
        self.now = now
        self.flowables = flowables
        self.world = world
        self.commands: list[Command] = []
        self.runs: dict[str, TaskRun] = {}
        self.families: dict[str | None, list[str]] = {}
        self.counts: Counter[str] = Counter()
        self.dirty: deque[str | None] = deque()
        self.folds = any(FOLDED in run.notes for run in execution.task_runs)  # some task runs are in the store alone
        self._value: Execution | None = None
        self._tasks: dict[str, Task | None] = {}
        self._waits: dict[str, bool] = {}
        self._position = execution.next_position
        for run in execution.task_runs:
            self._add(run)
        self._value = execution

    # --- reading

    @property
    def head(self) -> Execution:
        """Everything but the task runs."""
        return self._head

    @head.setter
    def head(self, head: Execution) -> None:
        self._head, self._value = head, None

    @property
    def state(self) -> str:
        return self.head.state.current

    @property
    def terminated(self) -> bool:
        return self.state in states.TERMINATED

    @property
    def held(self) -> bool:
        """Somebody paused the execution by hand: what runs goes on, nothing new starts."""
        return bool(self.head.notes.get("held"))

    @property
    def still(self) -> bool:
        """Nothing new may start."""
        return self.held or self.leaving or self.over or self.state in (states.KILLING, states.QUEUED, states.CREATED)

    @property
    def leaving(self) -> bool:
        """A task ended the execution early: what runs is waited for."""
        return "leaving" in self.head.notes

    @property
    def aftermath(self) -> bool:
        """The execution has ended, and what runs after it may go on."""
        return self.terminated and self.head.notes.get("aftermath") == "open"

    @property
    def over(self) -> bool:
        """The execution has ended and so has everything after it."""
        return self.terminated and not self.aftermath

    def run(self, task_run_id: str | None) -> TaskRun | None:
        return self.runs.get(task_run_id) if task_run_id is not None else None

    def children(self, parent_id: str | None) -> list[TaskRun]:
        return [self.runs[run_id] for run_id in self.families.get(parent_id, ())]

    def ancestors(self, run: TaskRun) -> list[TaskRun]:
        """The flowable runs above a task run, closest first."""
        found, above = [], self.run(run.parent_id)
        while above is not None:
            found.append(above)
            above = self.run(above.parent_id)
        return found

    def descendants(self, run_id: str) -> list[TaskRun]:
        found, waiting = [], [run_id]
        while waiting:
            below = self.children(waiting.pop())
            found += below
            waiting += [run.id for run in below]
        return found

    def task(self, run: TaskRun) -> Task | None:
        """The task that a task run runs; None where the flow does not have it (any more)."""
        if run.id not in self._tasks:
            self._tasks[run.id] = next((task for task in self.branch(run.parent_id, run.path) if task.id == run.task_id), None)
        return self._tasks[run.id]

    def branch(self, parent_id: str | None, path: str) -> tuple[Task, ...]:
        """The tasks of one branch of a flowable run, or of the flow itself."""
        if parent_id is not None:
            parent = self.run(parent_id)
            task = self.task(parent) if parent is not None else None
            return task.branches.get(path, ()) if task is not None else ()
        return self.flow.branches.get(path, ())

    def flowable(self, task: Task) -> type[Flowable] | None:
        return self.flowables.get(task.type)

    def kind(self, run: TaskRun) -> type[Flowable] | None:
        """The flowable that a run is of; None for a task that a worker runs."""
        task = self.task(run)
        return self.flowable(task) if task is not None else None

    def waits_inside(self, task: Task) -> bool:
        """Whether a task inside may be open for long without a worker."""
        inside = self._waits.get(task.id)
        if inside is None:
            below = [inner for branch in task.branches.values() for inner in branch]
            kinds = [(inner, self.flowable(inner)) for inner in below]
            inside = any(kind is not None and (kind.waits or self.waits_inside(inner)) for inner, kind in kinds)
            self._waits[task.id] = inside
        return inside

    # --- changing

    def _add(self, run: TaskRun) -> None:
        self.runs[run.id] = run
        self.families.setdefault(run.parent_id, []).append(run.id)
        self.counts[run.state.current] += 1
        self._position = max(self._position, run.position + 1)
        self._value = None

    def add(self, run: TaskRun) -> TaskRun:
        """Put a new task run on the table, at the end of the order."""
        run = replace(run, position=self._position)
        self._add(run)
        return run

    def put(self, run: TaskRun) -> TaskRun:
        """Replace a task run by its new value."""
        old = self.runs[run.id]
        if old.state.current != run.state.current:
            self.counts[old.state.current] -= 1
            self.counts[run.state.current] += 1
        self.runs[run.id] = run
        self._value = None
        return run

    def move(self, run: TaskRun, state: str) -> TaskRun:
        """Move a task run to a state."""
        return self.put(replace(run, state=run.state.to(state, self.now)))

    def note(self, run: TaskRun, **notes: Any) -> TaskRun:
        """Remember something about a task run; None forgets it."""
        merged = {key: value for key, value in {**run.notes, **notes}.items() if value is not None}
        return self.put(replace(run, notes=merged))

    def drop(self, run_id: str) -> None:
        """Take a task run, and all below it, off the table."""
        self.forget([run_id, *(below.id for below in self.descendants(run_id))])

    def forget(self, run_ids: Sequence[str]) -> None:
        """Take these task runs off the table; whoever stands below one of them is named too."""
        gone = set(run_ids)
        for family in {self.runs[run_id].parent_id for run_id in gone} - gone:
            self.families[family] = [run_id for run_id in self.families[family] if run_id not in gone]
        for run_id in gone:
            self.counts[self.runs[run_id].state.current] -= 1
            self.families.pop(run_id, None)
            self._tasks.pop(run_id, None)
            del self.runs[run_id]
        self._value = None

    def to(self, state: str) -> None:
        """Move the execution to a state; one it is in already changes nothing."""
        if state != self.state:
            self.head = replace(self.head, state=self.head.state.to(state, self.now))

    def remember(self, **notes: Any) -> None:
        """Remember something about the execution; None forgets it."""
        merged = {key: value for key, value in {**self.head.notes, **notes}.items() if value is not None}
        if merged != self.head.notes:
            self.head = replace(self.head, notes=merged)

    def touch(self, parent_id: str | None) -> None:
        """Have this level walked."""
        if parent_id not in self.dirty:
            self.dirty.append(parent_id)

    def touch_all(self) -> None:
        """Have every level walked that may have something to do."""
        self.touch(None)
        for run in self.runs.values():
            if run.state.current == states.RUNNING and open_attempt(run) is None:
                self.touch(run.id)

    # --- commanding

    def command(self, command: Command) -> None:
        self.commands.append(command)

    def log(self, level: Any, message: str, run: TaskRun | None = None) -> None:
        attempt = max(len(run.attempts) - 1, 0) if run is not None else 0
        self.command(WriteLog(level, message, run.id if run is not None else None, attempt))

    def blame(self, run: TaskRun | None, message: str) -> None:
        """Keep the first reason why the execution does not succeed, as one sentence."""
        if self.head.error is None and not self.terminated:
            first = (message.strip().splitlines() or [""])[0]
            sentence = (f"Task {run.task_id} failed" + (f": {first}" if first else "")) if run is not None else first
            self.head = replace(self.head, error=sentence[:ERROR_LENGTH])

    def stop(self, run: TaskRun) -> None:
        """Have the attempt that a worker holds ended."""
        number = open_number(run)
        if number is not None:
            self.command(StopTask(run.id, number))

    # --- the result

    def value(self) -> Execution:
        """The execution as it stands now."""
        if self._value is None:
            self._value = replace(self.head, task_runs=tuple(self.runs.values()), next_position=self._position)
        return self._value


def open_attempt(run: TaskRun) -> Attempt | None:
    """The attempt that a worker has, or is about to get."""
    last = run.attempts[-1] if run.attempts else None
    return last if last is not None and not last.state.terminated else None


def open_number(run: TaskRun) -> int | None:
    """The number of the attempt that a worker has, or how often its working directory was opened before; None where there is none."""
    attempt = open_attempt(run)
    if attempt is not None:
        return attempt.number
    if run.notes.get("phase") in ("open", "close") and not run.state.terminated:
        return int(run.notes.get("opened", 0))
    return None


def with_attempt(run: TaskRun, state: str, now: datetime) -> TaskRun:
    """The run with its last attempt moved to a state; it passes RUNNING if nobody said that it began."""
    last = run.attempts[-1]
    moved = last.state
    if moved.current == states.CREATED and state in states.TERMINATED:
        moved = moved.to(states.RUNNING, now)
    return replace(run, attempts=(*run.attempts[:-1], replace(last, state=moved.to(state, now))))


def with_log(run: TaskRun, log_file: str | None) -> TaskRun:
    """The run with the file that its last attempt wrote its lines to."""
    if log_file is None:
        return run
    return replace(run, attempts=(*run.attempts[:-1], replace(run.attempts[-1], log_file=log_file)))


def new_attempt(run: TaskRun, now: datetime) -> TaskRun:
    """The run with one more attempt, waiting for a worker."""
    return replace(run, attempts=(*run.attempts, Attempt(len(run.attempts), State.new(now))))
