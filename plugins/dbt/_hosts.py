"""Processes that have dbt loaded (`_host/`): one for each environment, namespace and account that tasks run under, shared by all tasks of
this worker. A task that puts a host's folder of programs first in its PATH runs dbt there."""

from __future__ import annotations

import atexit
import hashlib
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from plugins.core.runner._environment import minimal
from plugins.core.runner._hand_over import hand_over
from plugins.dbt._host.server import KNOWN
from plugins.scripts import _environments

MOST = 6
MOST_CACHED = 2 * 1024**3  # bytes in the caches of all hosts
PACKAGE = "kestra_web_dbt_host"
SOURCE = Path(__file__).parent / "_host"
Identity = tuple[int, int] | None
Key = tuple[Path, str, Identity]


@dataclass(slots=True)
class Host:
    """A running host. It ends when its standard input closes, which happens at the latest with this process."""

    folder: Path
    process: subprocess.Popen[bytes]
    used: float = field(default_factory=time.monotonic)

    @property
    def programs(self) -> Path:
        """The folder with its `dbt`."""
        return self.folder / "bin"

    def leave(self) -> None:
        """Let it finish what runs, and end."""
        self.process.terminate()


_hosts: dict[Key, Host] = {}
_leaving: list[Host] = []  # they finish what they run; their standard input, which they end with, stays open until then
_guard = threading.Lock()


def at(environment: Path, namespace: str, identity: Identity, *, memory: int = 2 * 1024**3, caches: Path | None = None) -> Host:
    """The host of this environment, started where there is none; commands may be sent at once. OSError where it cannot be started.

    Below `caches` it has a folder for what the next one may find again. Where all of them take more than `memory` bytes, those leave that
    were used least recently, except this one.
    """
    key = (environment, namespace, identity)
    with _guard:
        _forget_ended()
        host = _hosts.get(key)
        if host is None:
            while len(_hosts) >= MOST:
                _let_go(_least_recent())
            host = _hosts[key] = _started(environment, identity, caches and _cache(caches, key))
        host.used = time.monotonic()
        taken = {other: _resident(found.process.pid) for other, found in _hosts.items()}
        while sum(taken.values()) > memory and len(taken) > 1:
            _let_go(_least_recent())
            taken = {other: taken[other] for other in _hosts}
        return host


def _least_recent() -> Key:
    return min(_hosts, key=lambda key: _hosts[key].used)


def _let_go(key: Key) -> None:
    host = _hosts.pop(key)
    _leaving.append(host)
    host.leave()


def _resident(pid: int) -> int:
    """Bytes of memory that this process takes, what it shares with its forks counted in part (PSS); 0 where nobody tells."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _cache(caches: Path, key: Key) -> Path:
    """The folder of this environment, namespace and account: nobody else's tasks write there."""
    with suppress(OSError):  # another worker may take something away at the same time
        _make_room(caches)
    folder = caches / hashlib.sha256(repr(key).encode()).hexdigest()[:24]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    hand_over(folder, key[2])
    return folder


def _make_room(caches: Path) -> None:
    """Take away what hosts have kept and used least recently, down to the most that is kept."""
    entries = [(entry.lstat().st_mtime, _bytes(entry), entry) for entry in caches.glob("*/*/*")]
    taken = sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries, key=lambda found: found[0]):
        if taken <= MOST_CACHED:
            return
        taken -= size
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


def _bytes(entry: Path) -> int:
    return sum(path.lstat().st_size for path in (entry, *entry.rglob("*")))


def _started(environment: Path, identity: Identity, cache: Path | None) -> Host:
    folder = Path(tempfile.mkdtemp(prefix="dbt-host-"))
    try:
        return Host(folder, _process(folder, environment, identity, cache))
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _process(folder: Path, environment: Path, identity: Identity, cache: Path | None) -> subprocess.Popen[bytes]:
    shutil.copytree(SOURCE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    python, dbt = environment / "bin" / "python", environment / "bin" / "dbt"
    address, client = folder / "socket", folder / PACKAGE / "client.py"
    program = folder / "bin" / "dbt"
    program.parent.mkdir()
    words = [str(python), "-IS", str(client), str(address), str(dbt)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    uid, gid = identity or (None, None)
    with socket.socket(socket.AF_UNIX) as listening, (folder / "log").open("wb") as log:
        listening.bind(str(address))
        listening.listen(64)
        hand_over(folder, identity)
        return subprocess.Popen(
            [str(python), "-su", "-c", f"from {PACKAGE}.server import main; main()", str(listening.fileno()), str(cache or "")],
            cwd=folder,
            env=minimal(str(folder), {"PYTHONDONTWRITEBYTECODE": "1"}),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[listening.fileno()],
            start_new_session=True,
            user=uid,
            group=gid,
            extra_groups=None if gid is None else [],
        )


def cannot(environment: Path) -> str:
    """Why no host can keep the dbt of this environment loaded; empty where one can."""
    version = _environments.versions(environment, "dbt-core").get("dbt-core", "")
    if not version:
        return "the environment has no dbt-core"
    return "" if version.startswith(KNOWN) else f"dbt {version} is not among the versions that can be kept loaded"


def _forget_ended() -> None:
    ended = [host for host in (*_hosts.values(), *_leaving) if host.process.poll() is not None]
    for host in ended:
        shutil.rmtree(host.folder, ignore_errors=True)
    for key in [key for key, host in _hosts.items() if host in ended]:
        del _hosts[key]
    _leaving[:] = [host for host in _leaving if host not in ended]


def end() -> None:
    """End them all, at once."""
    with _guard:
        for host in (*_hosts.values(), *_leaving):
            host.process.kill()
            host.process.wait()
        _forget_ended()


atexit.register(end)
