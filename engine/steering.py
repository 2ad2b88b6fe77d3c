"""What a flowable sees when it is asked what comes next, and what it may answer: plain values, decisions as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from engine.document import Task
from engine.execution import TaskRun


@dataclass(frozen=True, slots=True)
class Start:
    """A task run that a flowable wants created next."""

    task: Task
    path: str = "tasks"
    value: str | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A flowable needs this property rendered before it can say more; the value comes back in `Situation.answers[property]`.

    `template` may be a text or any structure of texts. `again` renders it anew although it was answered before.
    """

    property: str
    template: Any
    again: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The flowable itself ends now in this state, whatever its children did (WaitFor at its maximum, Switch without a case…)."""

    state: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause this task run until somebody resumes it; at `resume_at` it goes on by itself, at `end_at` it ends as `end` says.

    CANCELLED ends the whole execution. `beside` runs meanwhile; the task run fails where that does.
    """

    resume_at: datetime | None = None
    end_at: datetime | None = None
    end: str = "FAILED"
    beside: tuple[Start, ...] = ()


@dataclass(frozen=True, slots=True)
class Repeat:
    """Pause this task run until `at`, then remove its children's task runs and begin again as iteration `iteration`."""

    at: datetime
    iteration: int


@dataclass(frozen=True, slots=True)
class Call:
    """Start another execution on behalf of this task run and, with `wait`, end as it ends.

    `transmit_failed` takes over FAILED, KILLED, WARNING and PAUSED of the child; anything else counts as success. `outputs` are templates
    that are rendered in the child, for one whose flow declares no outputs. `again`: after a restart the child that failed goes on instead.
    """

    namespace: str
    flow_id: str
    revision: int | None = None
    inputs: Mapping[str, Any] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    wait: bool = True
    transmit_failed: bool = True
    inherit_labels: bool = False
    schedule_date: datetime | None = None
    outputs: Mapping[str, Any] | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class CallEach:
    """Start one execution for each line of the stored file `lines`, as the properties of the task say, and end as they end.

    Without `wait` the task run ends as soon as all of them exist; `transmit_failed` and `again` as in Call.
    """

    lines: str
    wait: bool = True
    transmit_failed: bool = True
    again: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What a flowable sees when it is asked what comes next: its own task and run, and its children's runs in order of creation.

    `answers` maps property -> rendered value for what it asked before. `children` excludes runs of `errors` and `finally`, which the
    machine steers itself for every flowable alike. `now` is an aware UTC datetime. `resumed` says that a `Hold` is over. Of a long loop
    the children that ended well are folded away (`engine.folding`). `window` is how many children may be open at once for the sake of
    memory, 0 for any number.
    """

    task: Task
    run: TaskRun
    children: tuple[TaskRun, ...]
    answers: Mapping[str, Any]
    now: datetime
    resumed: bool = False
    iteration: int = 1
    namespace: str = ""
    window: int = 0


class FlowableFailed(Exception):
    """A flowable cannot go on; the message says why. Its task run fails."""


Answer = Sequence[Start] | Ask | Finish | Hold | Repeat | Call | CallEach


class Flowable(Protocol):
    """A task type that steers others, as the machine sees it (`plugins.contract.FlowableTask` is its base class).

    `workspace`: its children share one working directory. `forgives`: a failure inside is only a warning. `parallel`: its children stand
    side by side, so its `errors` do too and a replay of one leaves the others alone. `loops`: it runs its tasks once for each of many
    values. `waits`: it may be open for long without a worker doing anything for it.
    """

    workspace: ClassVar[bool]
    forgives: ClassVar[bool]
    parallel: ClassVar[bool]
    loops: ClassVar[bool]
    waits: ClassVar[bool]

    @classmethod
    def next(cls, situation: Situation) -> Answer: ...

    @classmethod
    def outputs(cls, situation: Situation) -> Mapping[str, Any] | None: ...

    @classmethod
    def followers(cls, situation: Situation, run: TaskRun) -> tuple[TaskRun, ...]:
        """The children that came to be because this one ended."""
        ...

    @classmethod
    def keep(cls, task: Task, name: str, value: Any) -> Any:
        """A rendered property as it is remembered."""
        ...

    @classmethod
    def rounds(cls, situation: Situation) -> Iterable[tuple[int, Sequence[TaskRun]]]:
        """For a loop: the values that are through, each by its place among the values, with its children."""
        ...


@dataclass(slots=True)
class Group:
    """How far a list of tasks has come: which have a task run, and whether one of these is still open."""

    created: set[str] = field(default_factory=set)
    open: int = 0

    @classmethod
    def of(cls, runs: Sequence[TaskRun]) -> Group:
        return cls({run.task_id for run in runs}, sum(not run.state.terminated for run in runs))


def enabled(tasks: Sequence[Task]) -> list[Task]:
    """The tasks that count: a disabled one is as if it were not written."""
    return [task for task in tasks if not task.disabled]


def later(runs: Sequence[TaskRun], run: TaskRun) -> tuple[TaskRun, ...]:
    """The task runs that were created after one of them."""
    return tuple(other for other in runs if other.position > run.position)


def sequential(
    tasks: Sequence[Task], runs: Sequence[TaskRun], *, path: str = "tasks", value: str | None = None, iteration: int | None = None
) -> list[Start]:
    """The next task of a sequence, once nothing of it is open any more."""
    group = Group.of(runs)
    if group.open:
        return []
    upcoming = next((task for task in tasks if not task.disabled and task.id not in group.created), None)
    return [Start(upcoming, path, value, iteration)] if upcoming is not None else []


def parallel(tasks: Sequence[Task], runs: Sequence[TaskRun], limit: int = 0, *, path: str = "tasks") -> list[Start]:
    """Everything that may start side by side; at most `limit` open at once, 0 for no limit."""
    group = Group.of(runs)
    waiting = [Start(task, path) for task in tasks if not task.disabled and task.id not in group.created]
    return waiting[: max(limit - group.open, 0)] if limit > 0 else waiting
