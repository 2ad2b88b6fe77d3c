"""The DuckDB file that a dbt task writes: one run at a time has it, and who comes later waits and says for whom.

DuckDB lets one process write a file and fails all others at once. The lock is a file of this machine, held by the worker, so that it is
free again when the worker ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from plugins.contract import RunContext, TaskFailed
from plugins.dbt._command import Invocation
from plugins.dbt._state import Identity, profile

_OPENS = (
    "build", "run", "test", "seed", "snapshot", "retry", "clone", "run-operation", "source freshness", "compile", "docs generate", "show",
    "debug",
)  # fmt: skip
_ENV = re.compile(r"\{\{\s*env_var\(\s*['\"](\w+)['\"]\s*(?:,\s*['\"]([^'\"]*)['\"]\s*)?\)\s*\}\}")
_LOOK = 0.3


def files(folder: Path, project: Path, calls: Iterable[Invocation], env: Mapping[str, str], identity: Identity) -> list[Path]:
    """The DuckDB files outside the task's folder that the commands open, as the profile of their target says."""
    calls = list(calls)
    if not any(call.verb in _OPENS for call in calls):
        return []
    outputs = profile(folder, project, [call.profiles_dir for call in calls]).get("outputs")
    output = outputs.get(identity.target) if isinstance(outputs, Mapping) else None
    if not isinstance(output, Mapping) or output.get("type") != "duckdb":
        return []
    attached = [one for one in output.get("attach") or () if isinstance(one, Mapping) and not one.get("read_only")]
    paths = [_text(one.get("path"), env) for one in (output, *attached)]
    return sorted({Path(path).resolve() for path in paths if path.startswith("/")})


def _text(value: Any, env: Mapping[str, str]) -> str:
    return _ENV.sub(lambda found: env.get(found[1], found[2] or ""), str(value or ""))


@contextlib.contextmanager
def held(context: RunContext, paths: Iterable[Path], longest: float) -> Iterator[None]:
    """Have these files for oneself while the block runs; TaskFailed, naming who has one, where that takes more than `longest` seconds."""
    with contextlib.ExitStack() as stack:
        for path in paths:
            stack.enter_context(_one(context, path, longest))
        yield


@contextlib.contextmanager
def _one(context: RunContext, path: Path, longest: float) -> Iterator[None]:
    folder = context.settings.home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.duckdb").open("a+") as lock:
        _take(context, path, lock, longest)
        _write(lock, f"execution {context.execution_id} (task {context.task_id} of {context.flow.namespace}.{context.flow.id})")
        yield


def _take(context: RunContext, path: Path, lock: IO[str], longest: float) -> None:
    began, told = time.monotonic(), ""
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        holder = _holder(lock)
        if holder != told:
            told = holder
            context.header("database", f"waits for {path.name}, which {holder} writes")
            context.log("INFO", f"Waits for {path}: {holder} writes it, and DuckDB lets one process at a time")
        if context.cancelled():
            raise TaskFailed(f"Stopped while waiting for {path}", state="KILLED", retryable=False)
        if time.monotonic() - began > longest:
            raise TaskFailed(f"The DuckDB file {path} was not free after {longest:.0f} s: {holder} writes it (`waitForDatabase`)")
        time.sleep(_LOOK)
    if told:
        context.header("database", f"waited {time.monotonic() - began:.0f} s for {path.name}")


def _holder(lock: IO[str]) -> str:
    lock.seek(0)
    try:
        told = json.loads(lock.read())
        return f"{told['holder']} since {told['since']}"
    except (ValueError, KeyError, TypeError):  # it has only just been taken
        return "another run"


def _write(lock: IO[str], holder: str) -> None:
    lock.truncate(0)
    lock.write(json.dumps({"holder": holder, "since": datetime.now(UTC).strftime("%H:%M:%S UTC")}))
    lock.flush()
