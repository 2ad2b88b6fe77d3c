"""Internal storage: the files of executions below one folder, named by `kestra:///` URIs that tell whom they belong to."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from django.conf import settings

from engine.execution import Execution
from ui.errors import Invalid, Missing

SCHEME = "kestra://"
CHUNK = 1024 * 1024


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


def path_of(uri: str) -> Path:
    """Where the file of a URI lies; raises Invalid for anything that would leave the storage folder."""
    if not uri.startswith(SCHEME):
        raise Invalid(f"Expected a URI that starts with {SCHEME}, found {uri[:200]}")
    path = uri.removeprefix(SCHEME)
    parts = path.split("/")
    if ".." in parts or "\0" in path or "\\" in path or not path.startswith("/"):
        raise Invalid("File should be accessed with their full path and not using relative '..' path.")
    return Path(settings.KESTRA_STORAGE, *(part for part in parts if part not in ("", ".")))


def existing(uri: str) -> Path:
    """The path of a stored file; raises Missing where there is none."""
    path = path_of(uri)
    if not path.is_file():
        raise Missing(f"{uri} (No such file or directory)")
    return path


def below(uri: str) -> list[str]:
    """The URIs of every file below a folder, in order of their names."""
    folder = path_of(uri)
    root = Path(settings.KESTRA_STORAGE)
    return sorted(f"{SCHEME}/{path.relative_to(root).as_posix()}" for path in folder.rglob("*") if path.is_file())


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
    path_of(uri)
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
    parts = [re.sub(r"[\0-\x1f\x7f\\?#]", "_", part)[-200:] for part in name.split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "file"


def write(uri: str, source: IO[bytes] | bytes, limit: int | None = None) -> int:
    """Store bytes or an open file under a URI, whole or not at all; answers the size. Raises Invalid beyond `limit` bytes."""
    target = path_of(uri)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{secrets.token_hex(8)}")
    try:
        with temporary.open("wb") as file:
            size = _copy(source, file, limit or settings.KESTRA_LIMITS["file_bytes"])
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return size


def _copy(source: IO[bytes] | bytes, target: IO[bytes], limit: int) -> int:
    if isinstance(source, bytes):
        if len(source) > limit:
            raise Invalid(f"The file has {len(source)} bytes, more than the {limit} that are allowed")
        return target.write(source)
    size = 0
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise Invalid(f"The file has more than the {limit} bytes that are allowed")
        target.write(chunk)
    return size


def delete(uri: str) -> bool:
    """Remove a file; False where there is none."""
    path = path_of(uri)
    if not path.is_file():
        return False
    path.unlink(missing_ok=True)
    return True


def delete_execution(namespace: str, flow_id: str, execution_id: str) -> list[str]:
    """Remove every file of one execution; answers their URIs."""
    found = below(execution_uri(namespace, flow_id, execution_id))
    shutil.rmtree(path_of(execution_uri(namespace, flow_id, execution_id)), ignore_errors=True)
    return found
