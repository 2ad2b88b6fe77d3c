"""What the machine under the tests has, and how its servers are started for one session."""

from __future__ import annotations

import functools
import importlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kestra_web import redis_

PASSWORD = "the-test-session"


def session_redis_url(home: Path) -> str:
    """The address of the Redis that `start_redis(home)` starts."""
    return _session_redis("", home).url


def _session_redis(program: str, home: Path) -> redis_.PrivateRedis:
    return redis_.PrivateRedis(program, home, redis_.socket_path(home), PASSWORD)


def start_redis(home: Path) -> subprocess.Popen[bytes] | None:
    """A Redis for this session; None where the machine has none."""
    if lacks_redis():
        return None
    server = _session_redis(redis_.find_program(), home)
    process = subprocess.Popen([server.program, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    assert process.stdin
    process.stdin.write(server.configuration)
    process.stdin.close()
    assert redis_.await_answer(server.url, 10), "the private Redis does not answer"
    return process


@functools.cache
def lacks_redis() -> str:
    """Why tests marked `redis` cannot run, or nothing."""
    try:
        redis_.find_program()
    except redis_.NoRedis as error:
        return f"Redis: {error}"
    return ""


@functools.cache
def lacks_docker() -> str:
    """Why tests marked `docker` cannot run, or nothing."""
    docker = importlib.import_module("docker")  # half a second, which a session without such tests need not spend
    try:
        engine = docker.from_env(timeout=5)
        engine.ping()
        engine.close()
    except (docker.errors.DockerException, OSError):
        return "Docker: no engine answers; install docker.io and start dockerd"
    return ""


def chromium() -> str:
    """The path of a Chromium, or nothing."""
    return next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")


@functools.cache
def lacks_browser() -> str:
    """Why tests marked `browser` cannot run, or nothing."""
    return "" if chromium() else "Chromium: no chromium in PATH; install Debian's package chromium"


def postgres_programs() -> Path | None:
    """The folder with initdb and postgres, or None."""
    places = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


@functools.cache
def lacks_postgres() -> str:
    """Why tests marked `postgres` cannot run, or nothing."""
    return "" if postgres_programs() else "PostgreSQL: no initdb and postgres; install Debian's package postgresql"


@functools.cache
def lacks_index() -> str:
    """Why tests marked `dbt` cannot run, or nothing."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--dry-run", "--no-deps", "--target", "/nowhere", "dbt-duckdb"]
    answer = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return "dbt: no package index answers, so no dbt environment can be made" if answer.returncode else ""


def lacks_root() -> str:
    """Why tests marked `root` cannot run, or nothing."""
    return "" if os.geteuid() == 0 else "root: the tests run under an ordinary account"


def lacks_linux() -> str:
    """Why tests marked `linux` cannot run, or nothing."""
    return "" if Path("/proc/self/stat").exists() else "Linux: this machine has no /proc"


def lacks_sshd() -> str:
    """Why tests marked `sshd` cannot run, or nothing."""
    return "" if sshd_program() else "sshd: no OpenSSH server; install Debian's package openssh-server"


def sshd_program() -> str | None:
    """Where the OpenSSH server is: often not on the path of an ordinary account."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


PARTS: dict[str, Callable[[], str]] = {
    "redis": lacks_redis,
    "docker": lacks_docker,
    "browser": lacks_browser,
    "postgres": lacks_postgres,
    "dbt": lacks_index,
    "root": lacks_root,
    "sshd": lacks_sshd,
    "linux": lacks_linux,
}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres(folder: Path, *, durable: bool = False) -> Iterator[str]:
    """The address of an empty database on a PostgreSQL server that lives in `folder` as long as the block.

    Without `durable` it does not wait for the disk.
    """
    programs = postgres_programs()
    assert programs
    account: dict[str, int] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        entry = pwd.getpwnam("postgres")
        account = {"user": entry.pw_uid, "group": entry.pw_gid}
        for above in [folder, *folder.parents][:3]:
            above.chmod(0o755)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    data, port = folder / "data", free_port()
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "kestra", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
    command += [] if durable else ["-F"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True, **account)
    try:
        deadline = time.monotonic() + 30
        while not (folder / f".s.PGSQL.{port}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield f"postgresql://kestra@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # it does not wait for who is still connected
        server.wait(20)
