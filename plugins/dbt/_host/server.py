"""The host itself: it loads dbt, waits for commands, forks for each, and tells the client how the fork ended.

It keeps to one thread and opens no connection, so that a fork of it is as good as a process of its own.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import sys
import time
from typing import Any

IDLE_SECONDS = 1800.0
KNOWN = ("1.11.",)  # versions of dbt-core whose inner ways `manifests` and `quicker` know
LONGEST_REQUEST = 1 << 24  # bytes
ASKING_SECONDS = 5.0


def main() -> None:
    """`server.main()` with the listening socket and the folder of `cache`; ends with its parent, whose end of our standard input closes
    then."""
    folder = os.getcwd()
    sys.path[:] = [path for path in sys.path if path not in ("", folder)]
    try:
        _load()
        _Server(socket.socket(fileno=int(sys.argv[1])), folder).serve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _load() -> None:
    """Import what every command imports. Refuses where that leaves threads behind, which a fork would lack."""
    gc.disable()
    import dbt.cli.main  # noqa: F401, PLC0415 -- it takes more than a second, and the socket must be there before
    from dbt.adapters import __path__ as places  # noqa: PLC0415
    from dbt.version import __version__ as version  # noqa: PLC0415

    if not version.startswith(KNOWN):
        raise SystemExit(f"dbt {version} is not among the versions that can be kept loaded")
    from . import cache, failing, forked, manifests, packages, quicker, reading, selected  # noqa: PLC0415

    cache.begin(sys.argv[2])

    for name in sorted({entry for place in places for entry in os.listdir(place)}):
        forked.load_adapter(name)
    manifests.install()
    quicker.install()
    failing.install()
    packages.install()
    reading.install()
    selected.install()
    gc.enable()
    _settle()


def _rehearse() -> None:
    from . import forked, rehearsal  # noqa: PLC0415 -- loaded by now

    rehearsal.run(forked.adapters)
    _settle()


def _tidy() -> None:
    from . import manifests  # noqa: PLC0415 -- loaded by now

    manifests.tidy()


def _settle() -> None:
    """What is there now is shared with the forks. Refuses where threads run, which a fork would lack."""
    if os.path.isdir("/proc/self/task") and len(os.listdir("/proc/self/task")) > 1:
        raise SystemExit("what dbt does here has started threads")
    gc.collect()
    gc.freeze()


class _Server:
    """Commands that run, by process id, and those who wait for them."""

    def __init__(self, listening: socket.socket, folder: str) -> None:
        self.listening = listening
        self.folder = folder
        self.running: dict[int, socket.socket] = {}
        self.told, self.tell = os.pipe()
        self.heard = b""
        self.wake, self.wake_end = os.pipe()
        for descriptor in (self.told, self.wake, self.wake_end):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self.wake_end, warn_on_full_buffer=False)
        self.leaving = False
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._leave)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.selector = selectors.PollSelector()  # it has no descriptor of its own that forks would share
        for source in (0, self.listening, self.told, self.wake):
            self.selector.register(source, selectors.EVENT_READ)

    def _leave(self, *_: object) -> None:
        self.leaving = True

    def serve(self) -> None:
        """Until told to leave and nothing runs any more, until idle for long, or at once when the parent is gone."""
        used = begun = time.monotonic()
        rehearsed = False
        while not self.leaving or self.running:
            found = {key.fileobj: key.data for key, _ in self.selector.select(60.0)}
            if 0 in found:
                self._end_all()
                return
            if self.wake in found:
                os.read(self.wake, 4096)
            for source in found:
                if isinstance(source, socket.socket) and source is not self.listening:
                    self._hung_up(source)
            self._reap()
            self._learn()
            if self.listening in found and not self.leaving:
                self._begin()
                used = time.monotonic()
            if self.running:
                used = time.monotonic()
            elif not rehearsed and used > begun:
                _rehearse()
                rehearsed = True
            elif time.monotonic() - used > IDLE_SECONDS:
                return
            elif not found:
                _tidy()

    def _begin(self) -> None:
        connection, _ = self.listening.accept()
        connection.settimeout(ASKING_SECONDS)
        try:
            request, streams = _asked(connection)
        except (OSError, ValueError, struct.error):
            connection.close()  # the client does it without us
            return
        connection.settimeout(None)
        try:
            pid = os.fork()
        except OSError:
            connection.close()  # no memory, or too many processes: dbt itself may still find room
            for stream in streams:
                os.close(stream)
            return
        if pid == 0:
            self._become(request, streams, connection)
        for stream in streams:
            os.close(stream)
        try:
            os.setpgid(pid, pid)
        except OSError:
            pass  # it has done so itself, or has ended already
        self.running[pid] = connection
        self.selector.register(connection, selectors.EVENT_READ, pid)
        _answer(connection, f"pid {pid}\n")

    def _become(self, request: dict[str, Any], streams: list[int], connection: socket.socket) -> None:
        """In the fork: let go of all that is the host's, then be the command. Does not return."""
        status = 1
        try:
            from . import forked  # noqa: PLC0415 -- loaded by now

            signal.set_wakeup_fd(-1)
            self.listening.close()
            for other in self.running.values():
                other.close()
            for descriptor in (self.told, self.wake, self.wake_end):
                os.close(descriptor)
            status = forked.run(request, streams, connection, self.tell, self.folder)
        finally:
            os._exit(status)

    def _hung_up(self, connection: socket.socket) -> None:
        """The client is gone, so nobody wants the command any more."""
        for pid, other in self.running.items():
            if other is connection:
                self.selector.unregister(connection)
                _end(pid)

    def _reap(self) -> None:
        for pid, connection in list(self.running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self.running[pid]
            if connection in self.selector.get_map():
                self.selector.unregister(connection)
            _answer(connection, f"ended {os.waitstatus_to_exitcode(status)}\n")
            connection.close()

    def _learn(self) -> None:
        """Keep what commands have parsed, for those to come."""
        from . import files, manifests, quicker  # noqa: PLC0415 -- loaded by now

        try:
            text = os.read(self.told, 1 << 16)
        except BlockingIOError:
            return
        *lines, self.heard = (self.heard + text).split(b"\n")
        for line in lines:
            try:
                told = json.loads(line)
            except ValueError:  # two long ones at once, one within the other: both are made again
                continue
            if "compiled" in told:
                quicker.COMPILED.learn(told["compiled"])
            elif "seen" in told:
                files.SEEN.learn(told["seen"])
            elif "parts" in told:
                manifests.complete(told)
            else:
                manifests.keep(told)

    def _end_all(self) -> None:
        for pid in self.running:
            _end(pid)


def _asked(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What a client asks for, and its standard streams."""
    head, streams, _, _ = socket.recv_fds(connection, 4, 3)
    (length,) = struct.unpack(">I", head)
    if length > LONGEST_REQUEST or len(streams) != 3:
        raise ValueError("no request")
    text = b""
    while len(text) < length:
        piece = connection.recv(min(length - len(text), 1 << 16))
        if not piece:
            raise ValueError("half a request")
        text += piece
    request = json.loads(text)
    for stream in streams:
        os.set_inheritable(stream, False)
    return request, streams


def _answer(connection: socket.socket, text: str) -> None:
    try:
        connection.sendall(text.encode())
    except OSError:
        return  # it is gone; we see that next


def _end(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
