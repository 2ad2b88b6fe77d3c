"""`kestra-web up`: check that all can start, then run Redis, web server, worker, engine and scheduler under the supervisor."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import errno
import fcntl
import gc
import importlib
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import django

from kestra_web import environment, home, preparation, redis_
from kestra_web.celery import app
from kestra_web.commands import Refused
from kestra_web.environment import Environment
from kestra_web.supervisor import Supervisor

STATIC = Path(__file__).resolve().parents[2] / "static" / "dist"
SERVERS = ("web", "worker", "engine", "scheduler")
# Imported once before the servers are forked from this process; none of them may start a thread or open a connection when imported.
SHARED = (
    "kestra_web.bootstrap",
    "kestra_web.asgi",
    "kestra_web.urls",
    "kestra_web.commands.worker",
    "kestra_web.commands.engine",
    "kestra_web.commands.scheduler",
    "twisted.internet.asyncioreactor",
)


def run(options: argparse.Namespace) -> int:
    """Run everything in the foreground until Ctrl-C or SIGTERM."""
    current = environment.current()
    home.prepare(current)
    with only_one(current):
        redis = preflight(current)
        with Supervisor(current) as supervisor:
            if redis:
                supervisor.start_program("redis", [redis.program, "-"], redis.configuration)
                environment.use(dataclasses.replace(current, redis_url=redis.url))
            _load()
            if redis and not redis_.await_answer(redis.url, 10):
                raise Refused(f"the private Redis ({redis.program}) does not start; {redis.log} tells why")
            if not preparation.is_current(current) and not supervisor.do_once(
                "setup", importlib.import_module("kestra_web.bootstrap").prepare
            ):
                return 0 if supervisor.stopping else 1
            for name in SERVERS:
                supervisor.start(name, _server(name, options))
            supervisor.serve()
    return 0


def _load() -> None:
    gc.disable()  # importing makes much and throws away nothing
    django.setup()
    for name in SHARED:
        importlib.import_module(name)
    app.loader.import_default_modules()
    gc.collect()
    gc.enable()
    gc.freeze()  # what is shared with the forks stays shared: the collector leaves it alone


def _server(name: str, options: argparse.Namespace) -> Callable[[], int]:
    # The web server's reactor is made when its module is imported: in the fork, which must not share it with the supervisor.
    return lambda: int(importlib.import_module(f"kestra_web.commands.{name}").run(options))


def preflight(current: Environment) -> redis_.PrivateRedis | None:
    """The Redis to start, None where one is given; raises `Refused` when something is in the way."""
    if shutil.which("git") is None:
        raise Refused("git is missing: install it, flows clone repositories with it")
    if not STATIC.is_dir():
        raise Refused(f"the pages' scripts and styles are not built ({STATIC} is missing): run `make static`")
    _check_port(current.host, current.port)
    if current.redis_url:
        if not redis_.await_answer(current.redis_url, 5):
            raise Refused("REDIS_URL: no Redis answers there; start it, or unset REDIS_URL to have a private one")
        return None
    folder = current.home / "redis"
    try:
        return redis_.PrivateRedis(redis_.find_program(), folder, redis_.socket_path(folder), home.new_password())
    except (redis_.NoRedis, PermissionError) as error:
        raise Refused(str(error)) from error


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror or error})"
        raise Refused(f"PORT: {host}:{port} {reason}; choose another, such as `PORT={port + 1} make up`") from error


@contextlib.contextmanager
def only_one(current: Environment) -> Iterator[None]:
    """Hold the data folder for this supervisor; raises `Refused` while another holds it."""
    with (current.home / "run" / "supervisor.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip()
            raise Refused(
                f"KESTRA_WEB_HOME: {current.home} is in use by another kestra-web (process {holder}); name another data folder"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
