"""The contract between a task type and whoever runs it: base classes with the common properties, and the ports of a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

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

Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]


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


# --- Ports: how a plugin sees the world --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepReport:
    """One thing inside a task run that deserves its own row: a dbt model, a test.

    `name` is unique within the attempt (dbt's unique_id); reporting the same name again updates the row. Times are aware UTC datetimes.
    `data` holds what the pages show beside it: resource_type, materialized, relation, path, rows_affected, duration (seconds), thread,
    num_failures, depends_on, cause, badge (`no-op`, `reused`), attached_node…: JSON values only. `working` is when its own work began,
    where that is later than `started`. `detail` is what only the pane of the step shows, and may be large: `sql` (compiled),
    `sql_line` and `error_at` (where its error lies), `timing`, `adapter`, `rows` that a test found. The last one given is kept.
    """

    name: str
    state: str
    label: str = ""
    kind: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    message: str | None = None
    parent: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    working: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlowReference:
    namespace: str
    id: str
    revision: int


Paths = list[str]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """That a person has a task do less than its properties say: only some `nodes` (as dbt selects them), or all `without` those that
    succeeded before, or but those that were `dropped`, by their unique ids. Those that `failed` before are run also where the commands
    would not take them any more; a command of which it is known what it was going to run takes of what is `selected` for its number."""

    nodes: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    selected: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


class FilesPort(Protocol):
    """Files of one namespace; paths are relative, with `/`."""

    def list(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Paths: ...
    def read(self, path: str) -> bytes: ...
    def write(self, path: str, content: bytes | Path, *, overwrite: bool = True) -> None:
        """Write bytes, or a file that lies in the working directory; with `overwrite=False` TaskFailed where the path is taken."""
        ...

    def delete(self, path: str) -> bool: ...
    def sync(self, contents: Iterable[tuple[str, bytes]], deleted: Sequence[str] = ()) -> None:
        """Delete and write many files at once, as they came from Git."""
        ...

    def copy_to(self, folder: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Paths:
        """Bring matching files into a folder; answers the relative paths."""
        ...

    def tree(self, folder: str = "") -> Mapping[str, str]:
        """Every file below a folder, by its path there, with the id that Git gives to its content; folders end with `/` and have none."""
        ...


class KeyValuePort(Protocol):
    def get(self, key: str) -> Any: ...
    def set(self, key: str, value: Any, *, kind: str | None = None, ttl: float | None = None, overwrite: bool = True) -> None:
        """Keep a value as one of Kestra's types (STRING, NUMBER…), which the value itself tells where none is given."""
        ...

    def delete(self, key: str) -> bool: ...
    def keys(self, prefix: str = "") -> list[str]: ...
    def purge(self, pattern: str, *, expired: bool) -> int:
        """Delete the keys that a pattern with `*` and `?` chooses, all or only those that have expired; answers how many."""
        ...


class SecretsPort(Protocol):
    def get(self, key: str) -> str: ...


class StatesPort(Protocol):
    """The states of dbt projects that a namespace keeps: one for each project, target and branch, each with its history."""

    def get(self, project: str, target: str, branch: str) -> bytes | None:
        """The manifest that is in force; None where none was promoted."""
        ...

    def promote(
        self,
        project: str,
        target: str,
        branch: str,
        manifest: bytes,
        *,
        digest: Mapping[str, Mapping[str, Any]],
        version: str = "",
        stored: tuple[str, str] | None = None,
    ) -> None:
        """Put a manifest in force. `digest` is what of each node is compared, `stored` the namespace and key that hold it too."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a warehouse: an adapter of dbt and its fields, the secret ones in clear; texts may be expressions."""

    name: str
    adapter: str
    fields: Mapping[str, Any]
    protected: bool = False  # only what a trigger started builds there
    schema: str = ""  # that of the person who started the execution by hand, where each has one of their own


class ConnectionsPort(Protocol):
    def get(self, name: str | None = None) -> Connection | None:
        """The connection of this name, or the namespace's default; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class SyncPlace:
    """What is kept alike: a folder of a branch of a Git remote (its address without a login), and a folder of a namespace."""

    remote: str
    branch: str
    directory: str
    folder: str


class SyncPointsPort(Protocol):
    """What a namespace and a branch had in common when they last met: the ground on which changes of both are put together."""

    def blobs(self, place: SyncPlace) -> Mapping[str, str] | None:
        """Git's ids of the contents by path; those of the branch that was brought here last where this one never met the namespace."""
        ...

    def keep(self, place: SyncPlace, commit: str, blobs: Mapping[str, str], *, brought: bool) -> None:
        """Record what is common now. `brought`: the branch came here, rather than the namespace going there."""
        ...


@dataclass(frozen=True, slots=True)
class FlowSource:
    """A flow as it is kept."""

    namespace: str
    id: str
    revision: int
    source: str


class FlowsPort(Protocol):
    """The flows of one namespace; where `below` is asked for, of those below it too."""

    def list(self, *, below: bool = False) -> Sequence[FlowSource]: ...
    def check(self, source: str) -> str:
        """What is wrong with a source; empty where nothing is."""
        ...

    def put(self, source: str) -> FlowSource:
        """Create or update the flow of a source; TaskFailed where it is not valid or stands elsewhere."""
        ...

    def delete(self, namespace: str, flow_id: str) -> bool: ...


class NamespacePort(Protocol):
    @property
    def sync_points(self) -> SyncPointsPort: ...
    @property
    def flows(self) -> FlowsPort: ...
    @property
    def connections(self) -> ConnectionsPort: ...
    @property
    def files(self) -> FilesPort: ...
    @property
    def kv(self) -> KeyValuePort: ...
    @property
    def secrets(self) -> SecretsPort: ...
    @property
    def states(self) -> StatesPort: ...


class TriggersPort(Protocol):
    """Triggers of flows, as far as the flow's people may change them."""

    def set_disabled(self, *, namespace: str, flow_id: str, trigger_id: str, disabled: bool) -> None:
        """Switch a trigger off or on; raises TaskFailed where there is no such trigger."""
        ...


class LogsPort(Protocol):
    """Log lines of executions, as far as the flow's people may see them."""

    def fetch(
        self,
        *,
        execution_id: str | None = None,
        namespace: str | None = None,
        flow_id: str | None = None,
        task_ids: Sequence[str] = (),
        level: Level = "TRACE",
    ) -> Iterator[Mapping[str, Any]]:
        """The lines of an execution, this one where none is named, oldest first and in Kestra's shape, from a level on."""
        ...

    def purge(
        self,
        *,
        namespace: str | None = None,
        flow_id: str | None = None,
        execution_id: str | None = None,
        levels: Sequence[Level] = (),
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> int:
        """Delete lines of a namespace and those below it, or of all that may be changed; answers how many."""
        ...


@dataclass(frozen=True, slots=True)
class FlowCount:
    """How many executions a flow has, or a namespace where `flow_id` is None."""

    namespace: str
    flow_id: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Purged:
    """How much was removed."""

    executions: int = 0
    logs: int = 0
    metrics: int = 0
    storages: int = 0


class ExecutionsPort(Protocol):
    """Executions, as far as the flow's people may see or change them."""

    def resume(
        self, execution_id: str | None = None, *, namespace: str | None = None, flow_id: str | None = None, inputs: Mapping[str, Any]
    ) -> None:
        """Go on with a paused execution, this one where none is named; TaskFailed where it is not paused."""
        ...

    def count(
        self,
        *,
        flows: Sequence[tuple[str, str | None]],
        states: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[FlowCount]:
        """How many executions of each (namespace, flow id or None for all) began between two moments."""
        ...

    def purge(
        self,
        *,
        namespace: str | None = None,
        flow_id: str | None = None,
        states: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        what: Collection[Literal["execution", "log", "metric", "storage"]],
    ) -> Purged:
        """Remove ended executions, or only what belongs to them, of a namespace and those below it, or of all that may be changed."""
        ...


class StoragePort(Protocol):
    """Internal storage (`kestra://` URIs) as far as this execution may see it."""

    def put(self, source: Path | bytes, name: str) -> str:
        """Store a file of this task run; answers its URI."""
        ...

    def open(self, uri: str) -> Path:
        """A local path to read; raises TaskFailed where the URI does not belong to this execution."""
        ...

    def list(self, folder: str) -> Paths:
        """The URIs of every file below the folder that a URI names; raises TaskFailed where that does not belong to this execution."""
        ...

    def outputs(self) -> Paths:
        """The URIs of every file that the tasks of this execution keep, by name."""
        ...

    def size(self, uri: str) -> int:
        """Bytes of a file; raises TaskFailed where there is none or it does not belong to this execution."""
        ...

    def delete(self, uri: str) -> bool:
        """Delete a file; False where there is none. Raises TaskFailed where it does not belong to this execution."""
        ...

    def purge(self) -> Paths:
        """Delete every file of this execution; answers their URIs."""
        ...


class EnvironmentsPort(Protocol):
    """The shared cache of made environments (a Python venv per set of requirements)."""

    def folder(self, key: str) -> Path:
        """Where the environment of this key lies, made or not."""
        ...

    def building(self, key: str) -> AbstractContextManager[bool]:
        """Hold the lock of one environment; gives True where it is complete already. Leaving without error marks it complete."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What the installation allows (see README): not secret, the same for every task."""

    home: Path
    docker_fallback: Literal["process", "fail"] = "process"
    docker_host: str | None = None
    volumes: tuple[str, ...] = ()  # host folders that Docker tasks may mount
    run_as: tuple[int, int] | None = None  # uid, gid of task processes where the server is root
    dbt_warm: bool = True  # whether processes may keep dbt loaded
    dbt_warm_memory: int = 2 * 1024**3  # bytes that these may take together
    kill_grace: float = 2.0  # seconds between SIGINT, SIGTERM and SIGKILL
    file_limit: int = 1024**3  # bytes of the largest file that a task may keep
    git_file_roots: tuple[str, ...] = ()  # folders whose repositories file:// URLs may name
    extra: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class RunContext(Protocol):
    """Everything a task may see and do while it runs. Implemented by `executions/`; rights are checked on each call."""

    flow: FlowReference
    execution_id: str
    task_run_id: str
    task_id: str
    attempt: int
    resumed: bool  # this attempt was claimed before by a worker that is gone (look for what it left running)
    narrowed: Narrowed | None  # what a person left out of this task of this execution
    planned: str  # how the execution came of a plan that was looked at before: `planned`, `approved` by somebody else, empty for not at all
    labels: Mapping[str, str]
    variables: Mapping[str, Any]
    shared_working_dir: bool  # inside a WorkingDirectory: the folder outlives the task
    settings: Settings
    storage: StoragePort
    environments: EnvironmentsPort
    triggers: TriggersPort
    executions: ExecutionsPort
    logs: LogsPort

    @property
    def working_dir(self) -> Path:
        """Where the task works; made when it is first asked for."""
        ...

    def render(self, template: str, extra: Mapping[str, Any] | None = None) -> str: ...
    def render_typed(self, template: Any, extra: Mapping[str, Any] | None = None) -> Any: ...
    def render_any(self, value: Any, extra: Mapping[str, Any] | None = None) -> Any: ...

    def log(self, level: Level, message: str, *, step: str | None = None, at: datetime | None = None) -> None:
        """Write a log line; secrets used in this execution are masked."""
        ...

    def step(self, report: StepReport) -> None: ...
    def selects(self, command: int, nodes: Sequence[str]) -> None:
        """Keep which nodes a command of this attempt, by its number, is going to run: in the database when this returns."""
        ...

    def metric(
        self, name: str, value: float, *, kind: Literal["counter", "timer"] = "counter", tags: Mapping[str, str] | None = None
    ) -> None:
        """Publish a metric; a timer's value is in seconds."""
        ...

    def header(self, key: str, text: str) -> None:
        """Say something about how this attempt runs, in the execution's header: `runner`, `rights`, `image`…"""
        ...

    def mask(self, text: str) -> str: ...
    def hide(self, secret: str) -> None:
        """Mask this text from now on."""
        ...

    def encrypt(self, clear: str) -> Mapping[str, str]:
        """An output that is stored encrypted and is in clear only in the expressions of this execution."""
        ...

    def cancelled(self) -> bool: ...
    def killed(self) -> bool:
        """Whether it is to stop because somebody kills it: not when its time is over, nor when another worker has it."""
        ...

    def on_cancel(self, action: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `action` once, from another thread, when the attempt is to stop while the block runs."""
        ...

    def left_behind(self, *, pgid: int | None = None, started: float | None = None, container: str | None = None) -> None:
        """Record what to end or find again if this worker dies: a process group with its start time (clock ticks), or a container id."""
        ...

    def namespace(self, name: str | None = None) -> NamespacePort:
        """The namespace of the flow, or another one that the flow's people may read."""
        ...


def as_list(value: str | Iterable[str] | None) -> list[str]:
    """A list property that may be given as one text."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
