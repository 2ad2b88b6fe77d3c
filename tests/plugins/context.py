"""A run context that lives in memory and one folder: a second implementation of the port, for running task types by themselves."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from engine.errors import ExpressionError
from engine.expressions import render, render_any, render_typed
from engine.globs import chosen
from plugins.contract import Connection, FlowReference, FlowSource, Narrowed, Settings, StepReport, SyncPlace, TaskFailed
from plugins.git._trees import blob_id


@dataclass(frozen=True)
class LogLine:
    level: str
    message: str
    step: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Metric:
    name: str
    value: float
    kind: str
    tags: Mapping[str, str]


class MemoryFiles:
    """Namespace files as a dict of bytes."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def list(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
        return chosen(sorted(self.contents), include, exclude)

    def read(self, path: str) -> bytes:
        return self.contents[path.lstrip("/")]

    def write(self, path: str, content: bytes | Path, *, overwrite: bool = True) -> None:
        if path in self.contents and not overwrite:
            raise TaskFailed(f"{path} is already there.")
        self.contents[path] = content if isinstance(content, bytes) else content.read_bytes()

    def delete(self, path: str) -> bool:
        return self.contents.pop(path, None) is not None

    def sync(self, contents: Iterable[tuple[str, bytes]], deleted: Sequence[str] = ()) -> None:
        for path in deleted:
            self.delete(path)
        self.contents.update(contents)

    def copy_to(self, folder: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
        names = self.list(include, exclude)
        for name in names:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.contents[name])
        return names

    def tree(self, folder: str = "") -> dict[str, str]:
        top = f"{folder}/" if folder else ""
        inside = {path[len(top) :]: content for path, content in self.contents.items() if path.startswith(top)}
        folders = {f"{parent}/": "" for path in inside for parent in map(str, Path(path).parents) if parent != "."}
        return {**folders, **{path: blob_id(content) for path, content in inside.items()}}


class MemoryKeys:
    """Keys and values as a dict."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.kinds: dict[str, str | None] = {}
        self.lives: dict[str, float | None] = {}

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any, *, kind: str | None = None, ttl: float | None = None, overwrite: bool = True) -> None:
        if key in self.values and not overwrite:
            raise TaskFailed(f"Cannot set value for key '{key}'. Key already exists and `overwrite` is set to `false`.")
        self.values[key], self.kinds[key], self.lives[key] = value, kind, ttl

    def delete(self, key: str) -> bool:
        there = key in self.values
        self.values.pop(key, None)
        return there

    def keys(self, prefix: str = "") -> list[str]:
        return [key for key in self.values if key.startswith(prefix)]

    def purge(self, pattern: str, *, expired: bool) -> int:
        chosen = [] if expired else [key for key in self.values if fnmatchcase(key, pattern)]
        return sum(self.delete(key) for key in chosen)


class MemorySecrets:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str) -> str:
        return self.values[key]


class MemoryStates:
    """States by (project, target, branch), oldest first."""

    def __init__(self) -> None:
        self.promoted: dict[tuple[str, str, str], list[bytes]] = {}
        self.digests: list[Mapping[str, Mapping[str, Any]]] = []

    def get(self, project: str, target: str, branch: str) -> bytes | None:
        return next(reversed(self.promoted.get((project, target, branch), [])), None)

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
        self.promoted.setdefault((project, target, branch), []).append(manifest)
        self.digests.append(digest)


class MemoryConnections:
    """Connections by name; the one under None is the default."""

    def __init__(self) -> None:
        self.known: dict[str | None, Connection] = {}

    def get(self, name: str | None = None) -> Connection | None:
        return self.known.get(name)


class MemorySyncPoints:
    """Points by place, and which branch came last."""

    def __init__(self) -> None:
        self.kept: dict[SyncPlace, Mapping[str, str]] = {}
        self.last: SyncPlace | None = None

    def blobs(self, place: SyncPlace) -> Mapping[str, str] | None:
        same = self.last is not None and replace(self.last, branch=place.branch) == place
        return self.kept.get(place) or (self.kept[self.last] if self.last and same else None)

    def keep(self, place: SyncPlace, commit: str, blobs: Mapping[str, str], *, brought: bool) -> None:
        self.kept[place] = dict(blobs)
        self.last = place if brought else self.last


class MemoryFlows:
    """Flows by namespace and id; a source is valid where it can be read and does not say `invalid`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.known: dict[tuple[str, str], FlowSource] = {}

    def list(self, *, below: bool = False) -> list[FlowSource]:
        prefix = f"{self.name}."
        return [flow for flow in self.known.values() if flow.namespace == self.name or (below and flow.namespace.startswith(prefix))]

    def check(self, source: str) -> str:
        return "the flow has no tasks" if "tasks:" not in source else ""

    def put(self, source: str) -> FlowSource:
        if problem := self.check(source):
            raise TaskFailed(f"The flow is not valid: {problem}")
        read = yaml.safe_load(source)
        old = self.known.get((read["namespace"], read["id"]))
        if old is None or old.source != source:
            old = FlowSource(read["namespace"], read["id"], old.revision + 1 if old else 1, source)
        self.known[old.namespace, old.id] = old
        return old

    def delete(self, namespace: str, flow_id: str) -> bool:
        return self.known.pop((namespace, flow_id), None) is not None


class MemoryNamespace:
    def __init__(self, name: str = "company.team") -> None:
        self.sync_points = MemorySyncPoints()
        self.flows = MemoryFlows(name)
        self.connections = MemoryConnections()
        self.files = MemoryFiles()
        self.kv = MemoryKeys()
        self.secrets = MemorySecrets()
        self.states = MemoryStates()


class MemoryTriggers:
    """Which triggers were switched off, by (namespace, flow, trigger)."""

    def __init__(self) -> None:
        self.disabled: dict[tuple[str, str, str], bool] = {}

    def set_disabled(self, *, namespace: str, flow_id: str, trigger_id: str, disabled: bool) -> None:
        self.disabled[(namespace, flow_id, trigger_id)] = disabled


class FolderStorage:
    """Internal storage as a folder with one sub-folder per file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def put(self, source: Path | bytes, name: str) -> str:
        self._count += 1
        target = self.folder / str(self._count) / name
        target.parent.mkdir(parents=True)
        if isinstance(source, bytes):
            target.write_bytes(source)
        else:
            shutil.copyfile(source, target)
        return f"kestra:///{self._count}/{name}"

    def open(self, uri: str) -> Path:
        path = self.folder / uri.removeprefix("kestra:///")
        if not path.is_file():
            raise TaskFailed(f"There is no file '{uri}' of this execution")
        return path

    def list(self, folder: str) -> list[str]:
        below = self.folder / folder.removeprefix("kestra:///")
        return sorted(f"kestra:///{path.relative_to(self.folder)}" for path in below.rglob("*") if path.is_file())

    def outputs(self) -> list[str]:
        return self.list("kestra:///")

    def size(self, uri: str) -> int:
        return self.open(uri).stat().st_size

    def delete(self, uri: str) -> bool:
        path = self.folder / uri.removeprefix("kestra:///")
        there = path.is_file()
        path.unlink(missing_ok=True)
        return there

    def purge(self) -> list[str]:
        found = self.list("kestra:///")
        return [uri for uri in found if self.delete(uri)]

    def text(self, uri: str) -> str:
        return self.open(uri).read_text()


class FolderEnvironments:
    """Environments below one folder, complete when their mark is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def folder(self, key: str) -> Path:
        return self._folder / key

    @contextlib.contextmanager
    def building(self, key: str) -> Iterator[bool]:
        mark = self._folder / f"{key}.complete"
        with self._lock:
            yield mark.exists()
            self._folder.mkdir(parents=True, exist_ok=True)
            mark.touch()


@dataclass
class MemoryContext:
    """Everything a task may see and do; what it did is kept in lists."""

    folder: Path
    settings: Settings
    environments: FolderEnvironments
    flow: FlowReference = field(default_factory=lambda: FlowReference("company.team", "a_flow", 1))
    execution_id: str = "4xExecution"
    task_run_id: str = f"5yTaskRun{os.getpid()}"  # what bears its mark is ended with it: not what another session runs beside us
    task_id: str = "the_task"
    attempt: int = 0
    resumed: bool = False
    narrowed: Narrowed | None = None
    planned: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    shared_working_dir: bool = False
    logs: list[LogLine] = field(default_factory=list)
    reports: list[StepReport] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    selected: dict[int, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    namespaces: dict[str, MemoryNamespace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.working_dir = self.folder / "work"
        self.working_dir.mkdir(parents=True, exist_ok=True)
        self.storage = FolderStorage(self.folder / "storage")
        self.triggers = MemoryTriggers()
        self._cancelled = threading.Event()
        self._actions: list[Callable[[], None]] = []
        self.variables.setdefault("flow", {"id": self.flow.id, "namespace": self.flow.namespace})

    def render(self, template: str, extra: Mapping[str, Any] | None = None) -> str:
        return self._rendered(render, template, extra)

    def render_typed(self, template: Any, extra: Mapping[str, Any] | None = None) -> Any:
        return self._rendered(render_typed, template, extra)

    def render_any(self, value: Any, extra: Mapping[str, Any] | None = None) -> Any:
        return self._rendered(render_any, value, extra)

    def _rendered(self, how: Callable[..., Any], template: Any, extra: Mapping[str, Any] | None) -> Any:
        try:
            return how(template, {**self.variables, **(extra or {})})
        except ExpressionError as error:
            raise TaskFailed(error.message) from error

    def log(self, level: str, message: str, *, step: str | None = None, at: datetime | None = None) -> None:
        self.logs.append(LogLine(level, self.mask(message), step, at))

    def step(self, report: StepReport) -> None:
        self.reports.append(report)

    def selects(self, command: int, nodes: Sequence[str]) -> None:
        self.selected[command] = list(nodes)

    def metric(self, name: str, value: float, *, kind: str = "counter", tags: Mapping[str, str] | None = None) -> None:
        self.metrics.append(Metric(name, value, kind, dict(tags or {})))

    def header(self, key: str, text: str) -> None:
        self.headers[key] = text

    def mask(self, text: str) -> str:
        for secret in self.hidden:
            text = text.replace(secret, "******")
        return text

    def hide(self, secret: str) -> None:
        self.hidden.append(secret)

    def in_sight(self, content: bytes) -> bool:
        return any(secret.encode() in content for secret in self.hidden)

    def encrypt(self, clear: str) -> Mapping[str, str]:
        self.hide(clear)
        return {"type": "io.kestra.datatype:aes_encrypted", "value": clear[::-1]}

    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def killed(self) -> bool:
        return self.cancelled()

    @contextlib.contextmanager
    def on_cancel(self, action: Callable[[], None]) -> Iterator[None]:
        self._actions.append(action)
        if self._cancelled.is_set():
            action()
        try:
            yield
        finally:
            self._actions.remove(action)

    def cancel(self) -> None:
        """Ask the task to stop, from any thread."""
        self._cancelled.set()
        for action in list(self._actions):
            action()

    def cancel_after(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self.cancel)
        timer.daemon = True
        timer.start()

    def left_behind(self, *, pgid: int | None = None, started: float | None = None, container: str | None = None) -> None:
        if pgid is not None:
            self.groups.append(pgid)
        if container is not None:
            self.containers.append(container)

    def namespace(self, name: str | None = None) -> MemoryNamespace:
        return self.namespaces.setdefault(name or self.flow.namespace, MemoryNamespace(name or self.flow.namespace))

    # --- what tests ask -------------------------------------------------------------------------------------------------

    def lines(self, level: str | None = None) -> list[str]:
        """Messages of the log, of one level or of all."""
        return [line.message for line in self.logs if level is None or line.level == level]

    def steps(self) -> dict[str, StepReport]:
        """The last report of every step by name."""
        return {report.name: report for report in self.reports}
