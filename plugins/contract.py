"""The contract between a task type and whoever runs it: base classes with the common properties, and the ports of a run, which
`_ports` has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator
from pydantic.alias_generators import to_camel

from engine.document import Task
from engine.execution import Execution, TaskRun
from engine.expressions.values import duration_of, parse_duration
from engine.steering import Answer as Answer
from engine.steering import Ask as Ask
from engine.steering import Call as Call
from engine.steering import CallEach as CallEach
from engine.steering import Finish as Finish
from engine.steering import Hold as Hold
from engine.steering import Repeat as Repeat
from engine.steering import Situation as Situation
from engine.steering import Start as Start
from engine.steering import later
from plugins._ports import Connection as Connection
from plugins._ports import ConnectionsPort as ConnectionsPort
from plugins._ports import EnvironmentsPort as EnvironmentsPort
from plugins._ports import ExecutionsPort as ExecutionsPort
from plugins._ports import FilesPort as FilesPort
from plugins._ports import FlowCount as FlowCount
from plugins._ports import FlowReference as FlowReference
from plugins._ports import FlowSource as FlowSource
from plugins._ports import FlowsPort as FlowsPort
from plugins._ports import KeyValuePort as KeyValuePort
from plugins._ports import Level as Level
from plugins._ports import LogsPort as LogsPort
from plugins._ports import NamespacePort as NamespacePort
from plugins._ports import Narrowed as Narrowed
from plugins._ports import Paths as Paths
from plugins._ports import Purged as Purged
from plugins._ports import RunContext as RunContext
from plugins._ports import SecretsPort as SecretsPort
from plugins._ports import Settings as Settings
from plugins._ports import StatesPort as StatesPort
from plugins._ports import StepReport as StepReport
from plugins._ports import StoragePort as StoragePort
from plugins._ports import SyncPlace as SyncPlace
from plugins._ports import SyncPointsPort as SyncPointsPort
from plugins._ports import TriggersPort as TriggersPort


def _as_text(value: Any) -> Any:
    """A YAML scalar as Kestra's reader makes text of it: `true` for a boolean, the digits of a number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _as_duration(value: str) -> str:
    if "{" not in value:
        duration_of(value)
    return value


Text = Annotated[str, BeforeValidator(_as_text)]  # a text property; a number or boolean written without quotes is taken as text
Duration = Annotated[Text, AfterValidator(_as_duration)]  # ISO 8601, or an expression that becomes it when the task runs
Expression = Annotated[str, StringConstraints(pattern=r"\{[{%]")]  # for `T | Expression`: a text that is rendered to a T later


class TaskFailed(Exception):
    """The attempt failed in a way that its author should read about; becomes the attempt's state and an ERROR line.

    `outputs` are kept on the task run; `retryable=False` stops the retry policy; `state` may be KILLED after a stop.
    """

    def __init__(self, message: str, *, outputs: Mapping[str, Any] | None = None, retryable: bool = True, state: str = "FAILED") -> None:
        super().__init__(message)
        self.message = message
        self.outputs = outputs
        self.retryable = retryable
        self.state = state


class Schema(BaseModel):
    """Base of everything written in YAML: camelCase names, unknown names refused.

    A property that may hold an expression is typed `Dynamic[...]`-style as `T | str`; values are rendered when the task runs,
    with `context.render`, `context.render_typed` or `context.render_any`.
    """

    deprecated: ClassVar[str] = ""  # what to use instead, where Kestra advises against the type (which works all the same)

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, arbitrary_types_allowed=True)


class RetrySchema(Schema):
    """`retry`: constant, exponential or random; durations are ISO 8601 texts."""

    type: Literal["constant", "exponential", "random"]
    interval: str | None = Field(None, description="Time between attempts (constant, exponential), for example PT10S.")
    max_interval: str | None = Field(None, description="Longest time between attempts.")
    delay_factor: float = Field(2.0, description="Growth of the interval (exponential).")
    min_interval: str | None = Field(None, description="Shortest time between attempts (random).")
    max_duration: str | None = Field(None, description="No new attempt later than this after the first began.")
    max_attempt: int | None = Field(None, ge=1, description="Attempts in all, the first included.")
    max_attempts: int | None = Field(None, ge=1, description="The newer spelling of maxAttempt.")
    warning_on_retry: bool = Field(False, description="End with WARNING if more than one attempt was needed.")
    behavior: Literal["RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"] = "RETRY_FAILED_TASK"


class BaseTask(Schema):
    """The properties every task has (Kestra core, `Task.java`)."""

    aliases: ClassVar[tuple[str, ...]] = ()

    id: Text = Field(description="Unique within the flow.", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", min_length=1, max_length=256)
    type: str = Field(description="The type of the task.")
    description: Text | None = Field(None, description="What the task is for.")
    retry: RetrySchema | None = Field(None, description="When a failed attempt is tried again.")
    timeout: Text | None = Field(None, description="Longest time an attempt may take, ISO 8601 or an expression.")
    disabled: bool = Field(False, description="Leave this task out.")
    worker_group: Any = Field(None, description="Name of the worker group.")
    log_level: Level | None = Field(None, description="Lowest level of log lines that are kept.")
    allow_failure: bool = Field(False, description="A failure of this task is only a warning.")
    allow_warning: bool = Field(False, description="A warning of this task counts as success.")
    log_to_file: bool = Field(False, description="Keep the log lines in a file instead of the log store.")
    run_if: Text = Field("true", description="Expression; the task is skipped where it is falsy.")
    assets: Any = Field(None, description="Declared assets; accepted and kept.")


@dataclass(frozen=True, slots=True)
class Result:
    """How a task ended when it did not fail. `outputs` must be JSON values; `state` is SUCCESS, WARNING or SKIPPED."""

    outputs: Mapping[str, Any] | None = None
    state: str = "SUCCESS"
    labels: Mapping[str, str] = field(default_factory=dict)  # put over those of the execution, with the end of the task run
    variables: Mapping[str, Any] = field(default_factory=dict)  # likewise, over the variables of the execution
    forgotten: Sequence[str] = ()  # names of variables that the execution has no more
    ends: str | None = None  # the whole execution ends now, in this state


class RunnableTask(BaseTask):
    """A task that a worker runs.

    `inline` marks work so cheap that whoever advances the execution may do it in place (no I/O, no waiting). `acts` marks what of it
    changes things outside the execution, such as a key: it is done under a claim, by one worker alone.
    """

    inline: ClassVar[bool] = False
    acts: ClassVar[bool] = False
    outputs_schema: ClassVar[Mapping[str, str]] = {}  # name -> one-line description, for the reference page

    def run(self, context: RunContext) -> Result:
        """Do it. Raises TaskFailed for what its author must know; anything else is a bug that the worker reports."""
        raise TypeError(f"{type(self).__name__} does not define run()")


class FlowableTask(BaseTask):
    """A task that steers others. Pure: `next` looks at the situation and says what to start; the machine does the rest.

    `child_properties` names the properties that hold tasks, so that the parser builds `document.Task.branches`.
    `workspace` marks a flowable whose children share one working directory (the machine sends `open` and `close` to a worker).
    """

    child_properties: ClassVar[tuple[str, ...]] = ("tasks", "errors", "finally")
    workspace: ClassVar[bool] = False
    forgives: ClassVar[bool] = False  # a failure inside is only a warning
    parallel: ClassVar[bool] = False  # the children stand side by side (so do its errors)
    loops: ClassVar[bool] = False  # its tasks run once for each of many values
    waits: ClassVar[bool] = False  # it may be open for long without a worker

    @classmethod
    def generated(cls, given: Mapping[str, Any]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Tasks by branch that nobody wrote: this one makes them of what is `given`, the task as written."""
        return {}

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """Children to start now; an empty sequence where nothing can start (the machine sees by the children whether it is over)."""
        raise TypeError(f"{cls.__name__} does not define next()")

    @classmethod
    def outputs(cls, situation: Situation) -> Mapping[str, Any] | None:
        """Outputs of the flowable itself, asked when it is created, when an answer came, and at its end."""
        return None

    @classmethod
    def followers(cls, situation: Situation, run: TaskRun) -> tuple[TaskRun, ...]:
        """The children that came to be because this one ended: what a replay from it leaves out."""
        return () if cls.parallel else later(situation.children, run)

    @classmethod
    def keep(cls, task: Task, name: str, value: Any) -> Any:
        """A rendered property as it is remembered, in JSON: what would be made of it anew each time is made once."""
        return value

    @classmethod
    def rounds(cls, situation: Situation) -> Iterable[tuple[int, Sequence[TaskRun]]]:
        """For a loop: the values that are through, each by its place among the values, with its children; the machine folds them away."""
        return ()


# --- Scripts and task runners --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """What a task runner is asked to execute.

    `argv` is interpreter plus script; `env` the whole environment the task defines (the server's own is never passed on);
    `on_line(stream, text)` is called for every line as it comes, stream being "stdout" or "stderr"; times out after `timeout` seconds.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    on_line: Callable[[str, str], None]
    container_image: str | None = None
    timeout: float | None = None
    interrupt_first: bool = False  # dbt: SIGINT, grace, SIGTERM, SIGKILL
    output_dir: Path | None = None
    replay: Callable[[bool], None] | None = None  # told True before lines that a worker, now gone, already logged; False before new ones


@dataclass(frozen=True, slots=True)
class RunnerResult:
    exit_code: int
    details: Mapping[str, Any] = field(default_factory=dict)


class TaskRunner(Schema):
    """A place where commands run: a process, a container, a cloud batch service."""

    type: str

    def execute(self, command: ShellCommand, context: RunContext) -> RunnerResult:
        """Run to the end and answer the exit code; raises TaskFailed if it cannot be run, was stopped or timed out."""
        raise TypeError(f"{type(self).__name__} does not define execute()")


# --- Conditions -----------------------------------------------------------------------------------------------------------


class ConditionFailed(Exception):
    """Whether a condition holds cannot be told; the message says why. It counts as "does not hold", except for a Schedule."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a condition may look at.

    `flow` declares the trigger, `execution` is the one that is judged (None where a date is). `render` renders a text with the variables
    of the moment and more of one's own, and raises ConditionFailed; `build` makes the condition of a map that stands inside another.
    """

    flow: FlowReference
    execution: Execution | None
    render: Callable[[str, Mapping[str, Any]], str]
    build: Callable[[Mapping[str, Any]], Condition]

    def judged(self) -> Execution:
        """The execution; raises ConditionFailed where there is none."""
        if self.execution is None:
            raise ConditionFailed("This condition judges executions, and there is none here")
        return self.execution


class Condition(Schema):
    """A test that a trigger must pass before it starts its flow. Pure: `holds` looks at the facts and answers.

    `judges` says what it looks at; a Schedule leaves out those that judge executions.
    """

    aliases: ClassVar[tuple[str, ...]] = ()
    judges: ClassVar[Literal["date", "execution", "any"]] = "any"

    type: str = Field(description="The type of the condition.")

    def holds(self, facts: Facts) -> bool:
        """Whether it holds. Raises ConditionFailed where that cannot be told."""
        raise TypeError(f"{type(self).__name__} does not define holds()")

    def by_day(self, facts: Facts) -> bool:
        """Whether it answers the same at every hour of a day, so that who looks for a date may go on with the next day."""
        return False


def _condition(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        raise ValueError("a map with the `type` of a condition is needed here")
    return dict(value)


WrittenCondition = Annotated[dict[str, Any], BeforeValidator(_condition)]


@dataclass(frozen=True, slots=True)
class Window:
    """The time within which the parts of a gathering condition must come together: from `start` until just before `end`."""

    start: datetime
    end: datetime

    def holds(self, now: datetime) -> bool:
        return self.start <= now < self.end


# --- Triggers -------------------------------------------------------------------------------------------------------------


class BaseTrigger(Schema):
    """The properties every trigger has."""

    aliases: ClassVar[tuple[str, ...]] = ()

    id: Text = Field(description="Unique among the flow's triggers.", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$")
    type: str
    description: Text | None = None
    conditions: list[WrittenCondition] | None = Field(None, description="All must hold.")
    disabled: bool = False
    labels: Any = None
    inputs: dict[str, Any] | None = None
    stop_after: list[str] | None = Field(None, description="Switch the trigger off once an execution of it ends in one of these states.")
    log_level: Level | None = None
    log_to_file: bool = False
    worker_group: Any = None
    allow_concurrent: bool = Field(False, description="Go on though the execution before has not ended (of newer Kestra).")


class PollingTrigger(BaseTrigger):
    """A trigger that a worker evaluates every `interval`; what it answers becomes `trigger.*` in the execution that it starts.

    One evaluation at a time, however many schedulers and workers there are, and none while its last execution goes on.
    """

    outputs_schema: ClassVar[Mapping[str, str]] = {}  # name -> one-line description, for the reference page

    interval: Text = Field("PT60S", description="Time between two evaluations, ISO 8601.")

    @field_validator("interval")
    @classmethod
    def _positive(cls, value: str) -> str:
        if parse_duration(value).total_seconds() <= 0:
            raise ValueError("an interval is longer than nothing, for example PT60S")
        return value

    def evaluate(self, context: RunContext) -> Mapping[str, Any] | None:
        """Look once: JSON values where the flow is to start, None where not. Raises TaskFailed for what the author must know: it is
        logged on the trigger, which tries again at its next interval.

        `context.execution_id` is the id of the execution that may come of it, to which stored files belong; `context.variables` have no
        `taskrun`.
        """
        raise TypeError(f"{type(self).__name__} does not define evaluate()")


def as_list(value: str | Iterable[str] | None) -> list[str]:
    """A list property that may be given as one text."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
