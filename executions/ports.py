"""The ports through which a task reaches files, keys, secrets, triggers and environments; rights are checked on every call."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from engine.execution import Execution
from executions import models, project_states, sources, storage, trigger_states
from executions.world import Masks
from flows import selectors as flow_selectors
from flows import services as flows
from flows.models import Revision
from flows.validation import validate
from kv import services as kv
from namespaces import files, rights, vault
from namespaces.models import FileVersion, Role
from namespaces.rights import Person
from namespaces.services import connections, sync_points, versions
from plugins.contract import Connection, FlowSource, Paths, SyncPlace, TaskFailed
from ui.errors import KestraError, Missing


@contextmanager
def told() -> Iterator[None]:
    """Turns what may not or cannot be done into the failure of the task."""
    try:
        yield
    except KestraError as error:
        raise TaskFailed(error.message) from error


@dataclass(frozen=True, slots=True)
class People:
    """On whose behalf an execution reaches into other namespaces: whoever wrote the revision that runs, and whoever started it.

    In their rows nobody (NULL) is the system itself: a schedule, a webhook, the demo. People who wrote or started something are never
    deleted, so that nobody else can be meant. `starter` is who starts an execution that has no row yet.
    """

    execution: Execution
    starter: Person = None

    def require(self, namespace: str, role: Role) -> None:
        """Raises a KestraError unless all of them may; the flow's own namespace is always open to it."""
        if namespace == self.execution.namespace:
            return
        author = self._author()
        row = models.Execution.objects.filter(id=self.execution.id).select_related("created_by").first()
        try:
            if author is None:
                raise Missing
            rights.require(author.created_by, namespace, role)
            rights.require(row.created_by if row else self.starter, namespace, role)
        except KestraError as error:
            raise Missing(f"Access to '{namespace}' namespace is not allowed from '{self.execution.namespace}'.") from error

    def _author(self) -> Revision | None:
        return Revision.objects.filter(
            flow__namespace=self.execution.namespace, flow__flow_id=self.execution.flow_id, number=self.execution.flow_revision
        ).select_related("created_by").first()  # fmt: skip

    def writer(self) -> Person:
        """In whose name the execution changes flows: whoever started it, else whoever wrote its flow."""
        row = models.Execution.objects.filter(id=self.execution.id).select_related("created_by").first()
        person = row.created_by if row else self.starter
        author = self._author()
        return person or (author.created_by if author else None)

    def schema(self) -> str:
        """The schema of whoever started the execution by hand, such as `dbt_ada_lovelace`; empty where a trigger started it."""
        row = models.Execution.objects.filter(id=self.execution.id).select_related("created_by").first()
        person = row.created_by if row else self.starter
        if person is None or not person.email or self.execution.trigger:
            return ""
        return "dbt_" + re.sub(r"[^a-z0-9]+", "_", person.email.partition("@")[0].lower()).strip("_")

    def may_read(self, namespace: str) -> None:
        """Raises a KestraError unless all of them may read there."""
        self.require(namespace, Role.READER)


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one namespace."""

    name: str
    people: People
    folder: Callable[[], Path]

    def list(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
        with told():
            self.people.require(self.name, Role.READER)
            return files.glob(self._place(), include, exclude)

    def read(self, path: str) -> bytes:
        with told():
            self.people.require(self.name, Role.READER)
            return files.read(self._place(), path)

    def write(self, path: str, content: bytes | Path, *, overwrite: bool = True) -> None:
        """Write bytes, or a file that lies in the working directory."""
        with told():
            self.people.require(self.name, Role.MEMBER)
            if isinstance(content, bytes):
                versions.write(self.name, path, content, author=self._author(), overwrite=overwrite)
                return
            with opened_inside(self.folder(), content) as file:
                versions.write(self.name, path, file, author=self._author(), overwrite=overwrite)

    def delete(self, path: str) -> bool:
        with told():
            self.people.require(self.name, Role.MEMBER)
            return versions.delete(self.name, path, author=self._author()) is not None

    def sync(self, contents: Iterable[tuple[str, bytes]], deleted: Sequence[str] = ()) -> None:
        with told():
            self.people.require(self.name, Role.MEMBER)
            author = self._author()
            versions.delete_all(self.name, deleted, author=author)
            versions.write_all(self.name, contents, author=author, reason=FileVersion.Reason.SYNCED)

    def _place(self) -> str | files.Place:
        return sources.place(self.people.execution, self.name)

    def _author(self) -> versions.Author:
        return versions.Author(self.people.writer(), self.people.execution.id)

    def copy_to(self, folder: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
        with told():
            self.people.require(self.name, Role.READER)
            return files.copy_to(self._place(), folder, include, exclude)

    def tree(self, folder: str = "") -> Mapping[str, str]:
        with told():
            self.people.require(self.name, Role.READER)
            return files.blobs(self.name, folder)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one namespace."""

    name: str
    people: People

    def get(self, key: str) -> Any:
        with told():
            self.people.require(self.name, Role.READER)
            row = kv.find(self.name, key)
        return None if row is None else row.value

    def set(self, key: str, value: Any, *, kind: str | None = None, ttl: float | None = None, overwrite: bool = True) -> None:
        with told():
            self.people.require(self.name, Role.MEMBER)
            kv.set(self.name, key, value, type=kind, ttl=ttl, overwrite=overwrite)

    def delete(self, key: str) -> bool:
        with told():
            self.people.require(self.name, Role.MEMBER)
            return kv.delete(self.name, key)

    def keys(self, prefix: str = "") -> list[str]:
        with told():
            self.people.require(self.name, Role.READER)
            return kv.keys(self.name, prefix)

    def purge(self, pattern: str, *, expired: bool) -> int:
        with told():
            self.people.require(self.name, Role.MEMBER)
            return kv.purge(self.name, pattern, expired=expired)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets of one namespace; what is read is masked from then on."""

    name: str
    people: People
    masks: Masks

    def get(self, key: str) -> str:
        with told():
            self.people.require(self.name, Role.MEMBER)
            value = vault.secret(self.name, key)
        self.masks.add(value)
        return value


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections of one namespace; the secret fields of what is read are masked from then on."""

    name: str
    people: People
    masks: Masks

    def get(self, name: str | None = None) -> Connection | None:
        with told():
            self.people.require(self.name, Role.MEMBER)
            row = connections.find(self.name, name)
            if row is None:
                return None
            hidden = connections.secret_fields(row)
        for value in hidden.values():
            self.masks.add(value)
        schema = self.people.schema() if row.personal else ""
        return Connection(row.name, row.adapter, {**row.fields, **hidden}, row.protected, schema)


@dataclass(frozen=True, slots=True)
class Triggers:
    """Triggers of flows."""

    people: People

    def set_disabled(self, *, namespace: str, flow_id: str, trigger_id: str, disabled: bool) -> None:
        """Switch a trigger off or on, as far as the flow's people may."""
        with told():
            self.people.require(namespace, Role.MEMBER)
            trigger_states.set_disabled(user=None, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id, disabled=disabled)


@dataclass(frozen=True, slots=True)
class States:
    """States of dbt projects that one namespace keeps."""

    name: str
    people: People

    def get(self, project: str, target: str, branch: str) -> bytes | None:
        with told():
            self.people.require(self.name, Role.READER)
            row = project_states.in_force(self.name, project, target, branch)
        return None if row is None else project_states.manifest_of(row)

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
        with told():
            self.people.require(self.name, Role.MEMBER)
            project_states.promote(
                namespace=self.name, project=project, target=target, branch=branch, manifest=manifest, digest=digest, version=version,
                stored=stored, execution_id=self.people.execution.id,
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SyncPoints:
    """What one namespace and Git branches had in common."""

    name: str
    people: People

    def blobs(self, place: SyncPlace) -> Mapping[str, str] | None:
        with told():
            self.people.require(self.name, Role.READER)
            point = sync_points.find(
                self.name, folder=place.folder, remote=place.remote, directory=place.directory, branch=place.branch
            )  # fmt: skip
        return None if point is None else point.blobs

    def keep(self, place: SyncPlace, commit: str, blobs: Mapping[str, str], *, brought: bool) -> None:
        with told():
            self.people.require(self.name, Role.MEMBER)
            sync_points.keep(
                self.name, folder=place.folder, remote=place.remote, directory=place.directory, branch=place.branch, commit=commit,
                blobs=blobs, brought=brought,
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flows:
    """Flows of one namespace and, where asked for, of those below it. What is written is written by whoever started the execution."""

    name: str
    people: People

    def list(self, *, below: bool = False) -> list[FlowSource]:
        with told():
            rows = flow_selectors.sources(self.name, below=below)
            for namespace in {self.name, *(row.namespace for row in rows)}:
                self.people.require(namespace, Role.READER)
        return [FlowSource(row.namespace, row.flow_id, row.revision, row.source) for row in rows]

    def check(self, source: str) -> str:
        outcome = validate(source)
        return "" if outcome.valid else "; ".join(problem.message for problem in outcome.problems) or "it is no flow"

    def put(self, source: str) -> FlowSource:
        outcome = validate(source)
        if outcome.flow is None or not outcome.valid:
            raise TaskFailed(f"The flow is not valid: {self.check(source)}", retryable=False)
        namespace = outcome.flow.namespace
        if namespace != self.name and not namespace.startswith(f"{self.name}."):
            raise TaskFailed(f"The flow {outcome.flow.id} stands in '{namespace}', which is not below '{self.name}'", retryable=False)
        with told():
            self.people.require(namespace, Role.MEMBER)
            row = flows.put(user=self.people.writer(), source=source)
        return FlowSource(row.namespace, row.flow_id, row.revision, row.source)

    def delete(self, namespace: str, flow_id: str) -> bool:
        with told():
            self.people.require(namespace, Role.MEMBER)
            try:
                flows.delete(user=self.people.writer(), namespace=namespace, flow_id=flow_id)
            except Missing:
                return False
        return True


@dataclass(frozen=True, slots=True)
class NamespaceAccess:
    """One namespace as a task may use it."""

    files: Files
    kv: Keys
    secrets: Secrets
    states: States
    connections: Connections
    sync_points: SyncPoints
    flows: Flows

    @classmethod
    def of(cls, name: str, people: People, masks: Masks, folder: Callable[[], Path]) -> NamespaceAccess:
        """The namespace of this name; files that are written come from below `folder`."""
        own = Secrets(name, people, masks), States(name, people), Connections(name, people, masks)
        with_git = SyncPoints(name, people), Flows(name, people)
        return cls(Files(name, people, folder), Keys(name, people), *own, *with_git)


@contextmanager
def opened_inside(folder: Path, source: Path) -> Iterator[IO[bytes]]:
    """A file of a working directory, open to be read; TaskFailed for one that a link leads to from outside."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise TaskFailed(f"The file {source.name} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        # What was opened counts, not what the name said before: a task may change links while we look.
        real = Path(os.path.realpath(f"/proc/self/fd/{file.fileno()}")) if os.path.exists("/proc/self/fd") else source.resolve()
        if not real.is_relative_to(folder.resolve()) or not real.is_file():
            raise TaskFailed(f"The file {source.name} does not lie in the working directory: links that lead out of it are not followed")
        yield file


@dataclass(frozen=True, slots=True)
class Storage:
    """The files of one execution, as one of its task runs may use them."""

    execution: Execution
    task_id: str
    task_run_id: str
    folder: Callable[[], Path]
    people: People

    def put(self, source: Path | bytes, name: str) -> str:
        """Store bytes, or a file that lies in the working directory: a link that leads out of it is refused."""
        uri = self.uri(name)
        with told():
            if isinstance(source, bytes):
                storage.write(uri, source)
            else:
                self._put_file(uri, source)
        return uri

    def uri(self, name: str) -> str:
        """Under which URI a file of this name is kept."""
        return storage.task_uri(self.execution, self.task_id, self.task_run_id, name)

    def _put_file(self, uri: str, source: Path) -> None:
        with opened_inside(self.folder(), source) as file:
            storage.write(uri, file)

    def open(self, uri: str) -> Path:
        """A path to read; TaskFailed, in Kestra's words, where the file belongs to another execution."""
        with told():
            namespace, files_path = _namespace_file(uri)
            if namespace:
                self.people.require(namespace, Role.READER)
                return self._copy(namespace, files_path)
            storage.check_owned(uri, self.execution)
            return storage.existing(uri)

    def list(self, folder: str) -> list[str]:
        """The URIs of every file below a folder of this execution."""
        with told():
            storage.check_owned(folder, self.execution)
            return storage.below(folder)

    def outputs(self) -> list[str]:
        """The URIs of every file that the tasks of this execution keep, by name."""
        execution = self.execution
        with told():
            return storage.below(f"{storage.execution_uri(execution.namespace, execution.flow_id, execution.id)}tasks")

    def size(self, uri: str) -> int:
        """Bytes of a file."""
        with told():
            namespace, path = _namespace_file(uri)
            if namespace:
                self.people.require(namespace, Role.READER)
                return files.stats(namespace, path).size
            storage.check_owned(uri, self.execution)
            return storage.size(uri)

    def delete(self, uri: str) -> bool:
        """Delete a file of this execution, or of one whose files it may read."""
        with told():
            storage.check_owned(uri, self.execution)
            return storage.delete(uri)

    def purge(self) -> Paths:
        """Delete every file of this execution."""
        return storage.delete_execution(self.execution.namespace, self.execution.flow_id, self.execution.id)

    def _copy(self, namespace: str, path: str) -> Path:
        copy = self.uri(f"_files/{path}")
        with files.open_file(namespace, path) as source:
            storage.write(copy, source)
        return storage.existing(copy)


def _namespace_file(uri: str) -> tuple[str, str]:
    folders, found, path = uri.removeprefix(f"{storage.SCHEME}/").partition("/_files/")
    return (folders.replace("/", "."), path) if found and "/executions/" not in folders else ("", "")


COMPLETE = ".complete"


@dataclass(frozen=True, slots=True)
class Environments:
    """The shared cache of made environments, each below a folder of its own and made by one at a time."""

    stopped: Callable[[], bool]

    def folder(self, key: str) -> Path:
        """Where the environment of this key lies, made or not."""
        if not key or key.startswith(".") or "/" in key or "\0" in key:
            raise ValueError(f"an environment's key is one plain name, found {key!r}")
        return Path(settings.KESTRA_ENVIRONMENTS) / key

    @contextmanager
    def building(self, key: str) -> Iterator[bool]:
        """Hold the lock of one environment; gives True where it is complete. Leaving without an error marks it complete and used."""
        folder = self.folder(key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f".{key}.lock").open("a") as lock:
            self._wait_for(lock.fileno(), key)
            mark = folder / COMPLETE
            if not mark.exists():
                folder.mkdir(exist_ok=True)
            yield mark.exists()
            mark.touch()

    def _wait_for(self, descriptor: int, key: str) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if self.stopped():
                    raise TaskFailed(
                        f"Stopped while another task was making the environment {key}", state="KILLED", retryable=False
                    ) from None
                time.sleep(0.1)
