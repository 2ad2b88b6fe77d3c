"""What happened to an execution: facts in the past tense that the machine is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ExecutionCreated:
    """The execution was stored; also sent again to push on one that nothing happens to (harmless)."""


@dataclass(frozen=True, slots=True)
class SlotDecided:
    """The executor counted the flow's running executions against its concurrency limit."""

    free: bool


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A worker claimed the attempt and begins."""

    task_run_id: str
    attempt: int
    phase: Literal["run", "open", "close"] = "run"


@dataclass(frozen=True, slots=True)
class TaskSucceeded:
    """The attempt ended well; `state` is SUCCESS or WARNING (SKIPPED for a task that decides so)."""

    task_run_id: str
    attempt: int
    outputs: Mapping[str, Any] | None = None
    state: str = "SUCCESS"
    phase: Literal["run", "open", "close"] = "run"
    log_file: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)  # put over those of the execution
    variables: Mapping[str, Any] = field(default_factory=dict)  # likewise
    forgotten: Sequence[str] = ()  # names of variables that are taken away
    ends: str | None = None  # the state that the whole execution ends in now


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The attempt failed; outputs may be kept. `state` is FAILED or KILLED."""

    task_run_id: str
    attempt: int
    message: str = ""
    outputs: Mapping[str, Any] | None = None
    retryable: bool = True
    state: str = "FAILED"
    phase: Literal["run", "open", "close"] = "run"
    log_file: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker that held the attempt is gone and the processes it left were ended."""

    task_run_id: str
    attempt: int
    phase: Literal["run", "open", "close"] = "run"


@dataclass(frozen=True, slots=True)
class TimerElapsed:
    """A timer that a `WakeAt` asked for is due."""

    key: str


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The answer to an `Evaluate`: the rendered text, or why it could not be rendered."""

    task_run_id: str | None
    property: str
    value: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ChildStarted:
    """The execution that a `StartExecution` asked for was created."""

    task_run_id: str
    execution_id: str


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """A child execution (subflow) ended, or could not be started: then `state` is FAILED, `execution_id` empty and `message` says why."""

    task_run_id: str
    execution_id: str
    state: str
    outputs: Mapping[str, Any] | None = None
    message: str | None = None
    batch: tuple[int, int] | None = None  # attempt and line, for one of those that a `StartEach` asked for


@dataclass(frozen=True, slots=True)
class EachStarted:
    """`count` executions that a `StartEach` asked for exist, from line `first` on; `total` counts all lines of the file.

    `base` is where the outputs of each are kept. `message` says why there are fewer than were asked for.
    """

    task_run_id: str
    attempt: int
    first: int
    count: int
    total: int
    base: str = ""
    message: str | None = None


@dataclass(frozen=True, slots=True)
class KillRequested:
    """Stop everything; `cascade` says whether executions that this one started are killed too."""

    cascade: bool = True


@dataclass(frozen=True, slots=True)
class PauseRequested:
    pass


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """Resume the first paused task run (or the one named), with the values given for `onResume`."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    task_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class RestartRequested:
    """Run again what failed or is paused, in the same execution."""


@dataclass(frozen=True, slots=True)
class StateChangeRequested:
    """Someone sets the state of one task run by hand and lets the execution go on from there."""

    task_run_id: str
    state: str


@dataclass(frozen=True, slots=True)
class ForceRunRequested:
    pass


@dataclass(frozen=True, slots=True)
class OutputsRendered:
    """The answer to `RenderOutputs`."""

    outputs: Mapping[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ListenerJudged:
    """The answer to `JudgeListener`: whether all its conditions hold; `error` says why that cannot be told."""

    number: int
    holds: bool
    error: str | None = None


Event = (
    ExecutionCreated
    | SlotDecided
    | TaskStarted
    | TaskSucceeded
    | TaskFailed
    | WorkerLost
    | TimerElapsed
    | Evaluated
    | ChildStarted
    | ChildEnded
    | EachStarted
    | KillRequested
    | PauseRequested
    | ResumeRequested
    | RestartRequested
    | StateChangeRequested
    | ForceRunRequested
    | OutputsRendered
    | ListenerJudged
)

__all__ = [
    "ChildEnded",
    "ChildStarted",
    "EachStarted",
    "Evaluated",
    "Event",
    "ExecutionCreated",
    "ForceRunRequested",
    "KillRequested",
    "ListenerJudged",
    "OutputsRendered",
    "PauseRequested",
    "RestartRequested",
    "ResumeRequested",
    "SlotDecided",
    "StateChangeRequested",
    "TaskFailed",
    "TaskStarted",
    "TaskSucceeded",
    "TimerElapsed",
    "WorkerLost",
]
