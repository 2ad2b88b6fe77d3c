"""What expressions ask of the world: keys, secrets, files, the clock, chance. Everything secret that they get is masked from then on."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils import timezone

from engine.errors import ExpressionError
from engine.execution import Execution
from engine.expressions import PURE, Options, clock_function, random_int_function
from engine.ids import base62
from executions import chance, logbook, models, sources, storage
from executions.fetching import http
from executions.jq_child import WAITED, run_jq
from executions.masks import MASK, Masks
from kv import services as kv
from namespaces import files, vault
from ui.errors import KestraError

MOST_RUNS = 1000


def decrypted(value: Any, masks: Masks) -> Any:
    """The same value with encrypted inputs and outputs in clear, which are masked from then on.

    What an encrypted output held may stand in the outputs of later tasks, as in Kestra: it is hidden in log lines and errors only.
    """
    return _decrypted(value, masks, shown=False)


def _decrypted(value: Any, masks: Masks, shown: bool) -> Any:
    if isinstance(value, dict):  # not a Mapping that reads the database when it is looked into
        if vault.is_encrypted(value):
            clear = vault.decrypt_value(value)
            masks.add(clear, in_values=not shown)
            return clear
        return {key: _decrypted(item, masks, shown or key == "outputs") for key, item in value.items()}
    return [_decrypted(item, masks, shown) for item in value] if isinstance(value, list | tuple) else value


def new_id() -> str:
    """A random id as Kestra writes them: 22 characters of 0-9A-Za-z."""
    return base62(uuid.uuid4().int)


def options() -> Options:
    """How this installation renders: what takes too long is ended, counted by what this thread did, not by how busy the machine is."""
    return Options(time_zone=settings.TIME_ZONE, clock=_spent)


def _spent() -> float:
    """Seconds that this thread has computed, or waited for programs of jq."""
    return time.thread_time() + WAITED.seconds


def functions(execution: Execution, masks: Masks, may_read: Callable[[str], None]) -> dict[str, Callable[..., Any]]:
    """The functions of an expression in this execution. `may_read(namespace)` raises a KestraError for a namespace that it may not see."""
    world = _World(execution, masks, may_read)
    own = {
        "kv": world.kv, "secret": world.secret, "read": world.read, "fileURI": world.file_uri, "fileSize": world.file_size,
        "fileExists": world.file_exists, "isFileEmpty": world.file_empty, "fileEmpty": world.file_empty,
        "errorLogs": world.error_logs, "tasksWithState": world.tasks_with_state, "http": http, "jq": run_jq,
        "uuid": lambda: str(uuid.uuid4()), "id": new_id, "ksuid": chance.ksuid, "nanoId": chance.nano_id, "randomPort": chance.random_port,
        "now": clock_function(timezone.now, settings.TIME_ZONE),
        "randomInt": random_int_function(lambda lower, upper: lower + secrets.randbelow(upper - lower)),
    }  # fmt: skip
    return {**PURE, **own}


def shown_functions(execution: Execution, may_read: Callable[[str], None]) -> dict[str, Callable[..., Any]]:
    """The same for what is rendered only to be looked at: a secret that exists is told as its mask, so nothing can be derived from it."""
    masks = Masks()
    found = functions(execution, masks, may_read)
    clear = found["secret"]

    def secret(key: str) -> str:
        clear(key)
        return MASK

    return {**found, "secret": secret}


class _World:
    def __init__(self, execution: Execution, masks: Masks, may_read: Callable[[str], None]) -> None:
        self.execution, self.masks, self.may_read = execution, masks, may_read

    def _namespace(self, name: str | None) -> str:
        if name is None or name == self.execution.namespace:
            return self.execution.namespace
        with _Told():
            self.may_read(name)
        return name

    def kv(self, key: str, namespace: str | None = None, errorOnMissing: bool = False) -> Any:  # noqa: N803 -- its name in flows
        place = self._namespace(namespace)
        with _Told():
            found = kv.find(place, key)
        if found is None and errorOnMissing:
            raise ExpressionError(f"The key '{key}' does not exist in the namespace '{place}'.")
        return None if found is None else found.value

    def secret(self, key: str) -> str:
        with _Told():
            value = vault.secret(self.execution.namespace, key)
        self.masks.add(value)
        return value

    def read(self, path: str, namespace: str | None = None) -> str:
        with _Told():
            return read_bytes(self.execution, path, self._namespace(namespace)).decode(errors="replace")

    def file_uri(self, path: str, namespace: str | None = None) -> str:
        place = self._namespace(namespace)
        if ".." in path.split("/"):
            raise ExpressionError("Path must not contain '../'")
        with _Told():
            files.stats(sources.place(self.execution, place), path)
        return f"{storage.SCHEME}/{place.replace('.', '/')}/_files/{path.lstrip('/')}"

    def file_size(self, path: str, namespace: str | None = None) -> int:
        with _Told():
            if path.startswith(storage.SCHEME):
                storage.check_owned(path, self.execution)
                return storage.size(path)
            return files.stats(sources.place(self.execution, self._namespace(namespace)), path).size

    def file_exists(self, path: str, namespace: str | None = None) -> bool:
        with _Told():
            try:
                self.file_size(path, namespace)
            except ExpressionError as error:
                if isinstance(error.__cause__, KestraError) and error.__cause__.kind == "missing":
                    return False
                raise
        return True

    def file_empty(self, path: str, namespace: str | None = None) -> bool:
        return self.file_size(path, namespace) == 0

    def tasks_with_state(self, state: str) -> list[dict[str, Any]]:
        rows = models.TaskRun.objects.filter(execution_id=self.execution.id, state=state.upper()).order_by("position")[:MOST_RUNS]
        return [{"taskId": row.task_id, "state": row.state} | ({"value": row.value} if row.value is not None else {}) for row in rows]

    def error_logs(self) -> list[dict[str, Any]]:
        logbook.flush()
        rows = models.LogLine.objects.filter(execution_id=self.execution.id, level=logbook.NUMBERS["ERROR"]).order_by("number")[:1000]
        return [self._error(row) for row in rows]

    def _error(self, row: models.LogLine) -> dict[str, Any]:
        execution = self.execution
        return {
            "taskId": row.task_id,
            "taskRunId": row.task_run_id,
            "executionId": execution.id,
            "namespace": execution.namespace,
            "flowId": execution.flow_id,
            "attemptNumber": row.attempt,
            "level": "ERROR",
            "message": row.message,
            "timestamp": row.timestamp.isoformat(),
        }


def read_bytes(execution: Execution, path: str, namespace: str) -> bytes:
    """A namespace file by its path, or a stored file of this execution by its URI; raises KestraError."""
    own = f"{storage.SCHEME}/{namespace.replace('.', '/')}/_files/"
    if path.startswith(own):
        return files.read(sources.place(execution, namespace), path.removeprefix(own))
    if path.startswith(storage.SCHEME):
        storage.check_owned(path, execution)
        return storage.existing(path).read_bytes()
    return files.read(sources.place(execution, namespace), path)


class _Told:
    """Turns what a user cannot do into what an expression cannot do."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, KestraError):
            raise ExpressionError(error.message) from error
