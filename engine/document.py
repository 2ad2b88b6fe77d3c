"""The flow as a value: what the parser makes of the text and what the machine reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong (or worth saying) about a text that someone wrote; collected, never raised.

    `line` and `column` count from 1; None where the place is unknown. `path` is dotted: `tasks[0].message`.
    """

    message: str
    line: int | None = None
    column: int | None = None
    path: str = ""
    severity: Literal["error", "warning", "info"] = "error"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and when a failed attempt is tried again (durations as timedelta; `max_attempts` counts the first try)."""

    type: Literal["constant", "exponential", "random"] = "constant"
    interval: timedelta | None = None
    max_interval: timedelta | None = None
    delay_factor: float = 2.0
    min_interval: timedelta | None = None
    max_duration: timedelta | None = None
    max_attempts: int | None = None
    warning_on_retry: bool = False
    behavior: Literal["RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"] = "RETRY_FAILED_TASK"


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `properties` is everything as written (after plugin defaults), expressions unrendered.

    `branches` holds the tasks inside it by the name of the property they stand in: `tasks`, `errors`, `finally`, `then`,
    `else`, `defaults`, and `cases.<key>` for a Switch; for a Dag the inner tasks stand in `tasks`, their dependencies in `properties`.
    """

    id: str
    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    branches: Mapping[str, tuple[Task, ...]] = field(default_factory=dict)
    disabled: bool = False
    run_if: str | None = None
    timeout: str | None = None
    allow_failure: bool = False
    allow_warning: bool = False
    retry: Retry | None = None
    log_level: str | None = None
    log_to_file: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """One declared input; `properties` holds what only its type knows (values, min, max, validator…)."""

    id: str
    type: str
    required: bool = True
    defaults: Any = None
    display_name: str | None = None
    description: str | None = None
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output:
    """One declared output of a flow."""

    id: str
    type: str
    value: Any
    description: str | None = None
    display_name: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """One declared trigger, its own properties in `properties`."""

    id: str
    type: str
    disabled: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Concurrency:
    limit: int
    behavior: Literal["QUEUE", "CANCEL", "FAIL"] = "QUEUE"


@dataclass(frozen=True, slots=True)
class Sla:
    id: str
    type: Literal["MAX_DURATION", "EXECUTION_ASSERTION"]
    behavior: Literal["FAIL", "CANCEL", "NONE"]
    duration: timedelta | None = None
    assertion: str | None = None
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold before an execution begins; where it does not, `message` says why and `behavior` what happens."""

    condition: str
    message: str
    style: Literal["ERROR", "SUCCESS", "WARNING", "INFO"] = "INFO"
    behavior: Literal["BLOCK_EXECUTION", "FAIL_EXECUTION", "CREATE_EXECUTION"] = "BLOCK_EXECUTION"


@dataclass(frozen=True, slots=True)
class Listener:
    tasks: tuple[Task, ...]
    conditions: tuple[Mapping[str, Any], ...] = ()
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole flow, plugin defaults already applied. `raw` is the plain mapping it was read from (what the API answers)."""

    id: str
    namespace: str
    tasks: tuple[Task, ...]
    revision: int = 1
    description: str | None = None
    disabled: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    inputs: tuple[Input, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[Task, ...] = ()
    finally_: tuple[Task, ...] = ()
    after_execution: tuple[Task, ...] = ()
    listeners: tuple[Listener, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    outputs: tuple[Output, ...] = ()
    concurrency: Concurrency | None = None
    retry: Retry | None = None
    sla: tuple[Sla, ...] = ()
    checks: tuple[Check, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def all_tasks(self) -> tuple[Task, ...]:
        """The tasks of all its branches, without those inside them."""
        return tuple(task for branch in self.branches.values() for task in branch)

    @property
    def branches(self) -> Mapping[str, tuple[Task, ...]]:
        """The tasks of the flow itself by the name of their branch, as `TaskRun.path` has it."""
        named = {"tasks": self.tasks, "errors": self.errors, "finally": self.finally_, "afterExecution": self.after_execution}
        return {**named, **{f"listeners.{number}": listener.tasks for number, listener in enumerate(self.listeners)}}
