"""An execution as a value: what the machine takes in and gives back, and what the store turns into rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.states import State


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task run; numbers start at 0 (as Kestra's logs count). `log_file` is the URI of its lines where these go to a file."""

    number: int
    state: State
    log_file: str | None = None


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One task within one execution (and, in a loop, for one value).

    `path` names the branch it stands in: `tasks`, `errors`, `then`… as in `document.Task.branches`. `position` is the order of creation
    within the execution, from 0. `notes` is the machine's own durable memory (evaluated properties, retry dates): JSON values only.
    """

    id: str
    task_id: str
    state: State
    parent_id: str | None = None
    path: str = "tasks"
    value: str | None = None
    iteration: int | None = None
    attempts: tuple[Attempt, ...] = ()
    outputs: Mapping[str, Any] | None = None
    position: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution with the task runs that the machine needs to see.

    `trigger` is Kestra's `{id, type, variables}`; `error` one sentence saying why it did not succeed, for lists and headers. Task runs that
    are folded (`engine.folding`) are left out; `next_position` is that of the next one to be created.
    """

    id: str
    namespace: str
    flow_id: str
    flow_revision: int
    state: State
    task_runs: tuple[TaskRun, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    trigger: Mapping[str, Any] | None = None
    parent_id: str | None = None
    original_id: str | None = None
    attempt_number: int = 1
    original_created: datetime | None = None
    schedule_date: datetime | None = None
    error: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    next_position: int = 0

    def run(self, task_run_id: str) -> TaskRun | None:
        return next((r for r in self.task_runs if r.id == task_run_id), None)

    def children(self, parent_id: str | None) -> tuple[TaskRun, ...]:
        return tuple(r for r in self.task_runs if r.parent_id == parent_id)
