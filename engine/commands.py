"""What someone else must now do because of an advance: decisions as data. Whoever carries them out answers with events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class AskSlot:
    """Count the flow's running executions against `concurrency` and answer `SlotDecided`."""


@dataclass(frozen=True, slots=True)
class RunTask:
    """Give this attempt to a worker.

    `phase` is `run` for an ordinary task. A flowable that owns a working directory (WorkingDirectory) is also given to a worker: `open`
    (make the folder, bring files in) before its children and `close` (collect files, remove the folder) after them.
    `workspace` is the id of the task run whose working directory the attempt works in, if any.
    """

    task_run_id: str
    attempt: int
    phase: Literal["run", "open", "close"] = "run"
    workspace: str | None = None


@dataclass(frozen=True, slots=True)
class StopTask:
    """End this attempt: SIGINT, grace, SIGTERM, SIGKILL, or stop its container."""

    task_run_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Answer `TimerElapsed(key)` at or after this time. The same key replaces the earlier timer."""

    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Render this template with the world's functions (kv, secret, read…) and answer `Evaluated`."""

    task_run_id: str | None
    property: str
    template: Any


@dataclass(frozen=True, slots=True)
class RenderOutputs:
    """Render the flow's outputs (they may name kv, secret…) and answer `OutputsRendered`."""


@dataclass(frozen=True, slots=True)
class JudgeListener:
    """Look at the conditions of the listener of this number, now that the execution has ended, and answer `ListenerJudged`."""

    number: int


@dataclass(frozen=True, slots=True)
class StartExecution:
    """Start another execution and answer `ChildStarted` (or `ChildEnded` with FAILED where it cannot be), and `ChildEnded` when it ended.

    A subflow of `task_run_id`; or, when that is None, the execution `replay_of` again from the start, at `schedule_date` (a retry as a new
    execution: nothing is answered then). `inherit_labels` puts the parent's labels first. `outputs` are
    templates to be rendered in the execution when it has ended, where its flow declares none. `again` is the execution that the same task
    run started before: where it failed it goes on instead of a new one.
    """

    namespace: str
    flow_id: str
    task_run_id: str | None = None
    revision: int | None = None
    inputs: Mapping[str, Any] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    wait: bool = True
    schedule_date: datetime | None = None
    replay_of: str | None = None
    inherit_labels: bool = False
    outputs: Mapping[str, Any] | None = None
    again: str | None = None


@dataclass(frozen=True, slots=True)
class StartEach:
    """Start executions for the lines `first` to `first + count - 1` (from 1) of a stored file, as the task's properties say, and answer
    `EachStarted`; then `ChildEnded` with `batch` for each that ends, where the task waits for them. `again`: those that the same task run
    started before and that failed go on instead of new ones, those that ended well are not started again."""

    task_run_id: str
    attempt: int
    lines: str
    first: int
    count: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class KillChildren:
    """Kill the executions that this one started."""


@dataclass(frozen=True, slots=True)
class WriteLog:
    """Write a log line of the execution, or of a task run."""

    level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
    message: str
    task_run_id: str | None = None
    attempt: int = 0


Command = (
    AskSlot
    | RunTask
    | StopTask
    | WakeAt
    | Evaluate
    | RenderOutputs
    | JudgeListener
    | StartExecution
    | StartEach
    | KillChildren
    | WriteLog
)
