"""The ports of a run: how a task sees the world, and the values that go through. `plugins.contract` hands them on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]


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

    def in_sight(self, content: bytes) -> bool:
        """Whether a secret stands in these bytes, as it is or as JSON writes it; quick also for many megabytes."""
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
