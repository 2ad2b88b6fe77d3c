"""What a fork of the host does: it takes the client's place in the world and is the command."""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import os
import resource
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from typing import Any

PR_SET_PDEATHSIG = 1
adapters: list[str] = []  # that are loaded


def load_adapter(name: str) -> None:
    """Import an adapter, which opens no connection; one that cannot be imported is told when a command needs it."""
    if name.startswith("_") or "." in name:
        return
    try:
        module = importlib.import_module(f"dbt.adapters.{name}")
        if hasattr(module, "Plugin"):
            adapters.append(name)
    except Exception as error:  # noqa: BLE001 -- whatever it is, dbt will tell it to the one who uses this adapter
        print(f"dbt.adapters.{name} is not loaded beforehand: {error!r}", file=sys.stderr)


def run(request: dict[str, Any], streams: list[int], connection: socket.socket, tell: int, folder: str) -> int:
    """Be dbt with these arguments, folder, environment and streams; answers the exit code."""
    _enter(request, streams)
    gc.set_threshold(50_000, 20, 50)  # a command is short and makes little that goes in circles: looking for it took a tenth of its time
    threading.Thread(target=_end_with, args=(connection,), name="client", daemon=True).start()
    from dbt.cli.main import cli  # noqa: PLC0415 -- the host has loaded it
    from dbt_common.invocation import reset_invocation_id  # noqa: PLC0415

    from . import failing, files, manifests, quicker, reading, selected  # noqa: PLC0415

    reset_invocation_id()
    manifests.begin(tell, folder)
    failing.begin(request["told"])
    reading.begin()
    selected.begin(request["told"])
    status = _called(cli)
    _leave_artifacts(request["told"])
    manifests.tell()
    quicker.COMPILED.tell(tell, folder)
    files.SEEN.tell(tell, folder)
    _leave()
    return status


def _enter(request: dict[str, Any], streams: list[int]) -> None:
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for place, stream in enumerate(streams):  # below `sys.stdout`, which some have taken hold of when they were imported
        os.dup2(stream, place)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    _inherit(request)
    os.chdir(request["cwd"])
    time.tzset()
    sys.argv = list(request["argv"])


def _inherit(request: dict[str, Any]) -> None:
    """What the shell has set for its commands; it cannot have set more than the host itself may."""
    os.umask(request["umask"])
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    for name, wanted in request["limits"].items():
        number = getattr(resource, name)
        if resource.getrlimit(number) != tuple(wanted):
            with suppress(ValueError, OSError):
                resource.setrlimit(number, tuple(wanted))
    if os.getpriority(os.PRIO_PROCESS, 0) != request["nice"]:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, request["nice"])


def _end_with(connection: socket.socket) -> None:
    """Nobody is left who wants this command: end it with all that it started."""
    while connection.recv(64):
        continue
    os.killpg(0, signal.SIGKILL)


def _leave_artifacts(told: str) -> None:
    """Copy the artifacts for the task: the next command of its shell may write over them before anyone has read them."""
    from dbt.utils import artifact_upload  # noqa: PLC0415 -- the host has loaded it

    from .client import LEFT  # noqa: PLC0415

    if not told:
        return
    folder = os.path.join(told + LEFT, f"{time.time_ns():020}")
    try:
        os.makedirs(folder, exist_ok=True)
        for path in artifact_upload.PRODUCED_ARTIFACTS_PATHS:
            if os.path.isfile(path):
                shutil.copyfile(path, os.path.join(folder, os.path.basename(path)))
    except OSError as error:
        print(f"the artifacts of this command are not kept apart: {error}", file=sys.stderr)


def _called(cli: Any) -> int:
    try:
        cli()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        return 130
    except BaseException:  # noqa: BLE001 -- as an interpreter does: tell it, and end with 1
        traceback.print_exc()
        return 1
    return 0


def _leave() -> None:
    """What an interpreter does at its end, without taking dbt apart piece by piece."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons, as every interpreter does
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
