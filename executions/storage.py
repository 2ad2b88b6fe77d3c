"""Internal storage: the files of executions in one folder or bucket, named by `kestra:///` URIs that tell whom they belong to."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import quote, unquote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from engine.execution import Execution
from executions.folder_storage import Folder
from executions.kept_files import Backend, Kept
from ui.errors import Invalid, Missing

SCHEME = "kestra://"


class Owner(Protocol):
    """Whatever says which execution it is: the engine's value or the row."""

    id: str
    namespace: str
    flow_id: str


class NotOurs(Invalid):
    """The file does not belong to the current execution"""


def slug(text: str) -> str:
    """An id as Kestra writes it in paths: `my_Flow` is `my-flow`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def execution_uri(namespace: str, flow_id: str, execution_id: str) -> str:
    """The URI under which everything of one execution lies, with a slash at its end."""
    return f"{SCHEME}/{namespace.replace('.', '/')}/{slug(flow_id)}/executions/{execution_id}/"


def key_of(uri: str) -> str:
    """The path of a URI below the storage, without a slash at its beginning; raises Invalid for anything that would lead out of it."""
    if not uri.startswith(SCHEME):
        raise Invalid(f"Expected a URI that starts with {SCHEME}, found {uri[:200]}")
    path = uri.removeprefix(SCHEME)
    parts = path.split("/")
    if ".." in parts or "\0" in path or "\\" in path or not path.startswith("/"):
        raise Invalid("File should be accessed with their full path and not using relative '..' path.")
    return "/".join(part for part in parts if part not in ("", "."))


def _backend() -> Backend:
    if settings.KESTRA_S3 is None:
        return Folder(Path(settings.KESTRA_STORAGE))
    return _bucket(tuple(sorted(settings.KESTRA_S3.items())))


@cache
def _bucket(place: tuple[tuple[str, str], ...]) -> Backend:
    try:
        module = import_module("executions.s3_storage")
    except ImportError as error:
        raise ImproperlyConfigured(f"Storage on S3 needs the library `{error.name}`: pip install 'kestra-web[s3]'") from error
    bucket: Backend = module.Bucket(**dict(place), copies=Path(settings.KESTRA_HOME) / "copies")
    return bucket


def check() -> str:
    """In a few words, where files are kept. Raises KestraError where that does not answer, ImproperlyConfigured without its library."""
    return _backend().check()


def existing(uri: str) -> Path:
    """A path where a stored file can be read, on S3 that of a copy; raises Missing where there is none. Nobody may write there."""
    path = _backend().fetch(key_of(uri))
    if path is None:
        raise Missing(f"{uri} (No such file or directory)")
    return path


def kept(uri: str) -> Kept | None:
    """Size and age of a stored file; None where there is none."""
    return _backend().kept(key_of(uri))


def size(uri: str) -> int:
    """Bytes of a stored file; raises Missing where there is none."""
    found = kept(uri)
    if found is None:
        raise Missing(f"{uri} (No such file or directory)")
    return found.size


def below(uri: str) -> list[str]:
    """The URIs of every file below a folder, in order of their names."""
    return [f"{SCHEME}/{key}" for key in _backend().below(key_of(uri))]


def families(execution: Execution) -> Iterator[str]:
    """URIs whose files an execution may read: its own, those of whoever started it, and of the execution it repeats."""
    yield execution_uri(execution.namespace, execution.flow_id, execution.id)
    origin = (execution.trigger or {}).get("variables") or {}
    if isinstance(origin, dict) and {"namespace", "flowId", "executionId"} <= origin.keys():
        yield execution_uri(str(origin["namespace"]), str(origin["flowId"]), str(origin["executionId"]))
    for earlier in {execution.parent_id, execution.original_id} - {None, execution.id}:
        yield execution_uri(execution.namespace, execution.flow_id, str(earlier))


def check_owned(uri: str, execution: Execution) -> None:
    """Raises NotOurs, with Kestra's sentence, unless the execution may read the file of this URI."""
    key_of(uri)
    if not any(uri.startswith(family) for family in families(execution)):
        raise NotOurs(f"Unable to read the file '{uri}' as it didn't belong to the current execution")


def task_uri(execution: Owner, task_id: str, task_run_id: str, name: str) -> str:
    """The URI of a file that a task run keeps."""
    return f"{execution_uri(execution.namespace, execution.flow_id, execution.id)}tasks/{slug(task_id)}/{task_run_id}/{_clean(name)}"


def trigger_uri(execution: Execution, trigger_id: str, name: str) -> str:
    """The URI of a file that a trigger keeps for the execution that it starts."""
    return f"{execution_uri(execution.namespace, execution.flow_id, execution.id)}trigger/{slug(trigger_id)}/{_clean(name)}"


def input_uri(execution: Execution, input_id: str, name: str) -> str:
    """The URI of an uploaded input."""
    return f"{execution_uri(execution.namespace, execution.flow_id, execution.id)}inputs/{slug(input_id)}/{_clean(name)}"


def _clean(name: str) -> str:
    """A name as it stands in a URI: whatever could end the URI in a command is encoded, so that it stays one word."""
    parts = (re.sub(r"[\0-\x1f\x7f\\]", "_", part) for part in name.split("/") if part not in ("", ".", ".."))
    return "/".join(quote(part, safe="-._+~=")[-200:] for part in parts) or "file"


def name_of(uri: str) -> str:
    """The name of the file of a URI as people read it."""
    return unquote(uri.rpartition("/")[2])


def write(uri: str, source: IO[bytes] | bytes, limit: int | None = None) -> int:
    """Store bytes or an open file under a URI, whole or not at all; answers the size. Raises Invalid beyond `limit` bytes."""
    largest = limit or settings.KESTRA_LIMITS["file_bytes"]
    return _backend().put(key_of(uri), io.BytesIO(source) if isinstance(source, bytes) else source, largest)


def delete(uri: str) -> bool:
    """Remove a file; False where there is none."""
    return _backend().delete([key_of(uri)]) > 0


def delete_execution(namespace: str, flow_id: str, execution_id: str) -> list[str]:
    """Remove every file of one execution; answers their URIs."""
    backend, folder = _backend(), key_of(execution_uri(namespace, flow_id, execution_id))
    keys = backend.below(folder)
    backend.delete(keys)
    backend.forget(folder)
    return [f"{SCHEME}/{key}" for key in keys]


def tidy() -> None:
    """Let go of copies that nobody read for a day."""
    _backend().tidy()
