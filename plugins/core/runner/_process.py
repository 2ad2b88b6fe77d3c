"""Run one command as a process group of its own: read its lines as they come, stop it in stages, leave nothing behind."""

from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from plugins.core.runner import _group

MAX_LINE = 1 << 20  # bytes; a longer line is handed on in pieces
_CHUNK = 1 << 16
_IDLE = 0.25  # seconds between looks at the clock where nothing happens
_BRISK = 0.05  # the same while something is being stopped or has just ended
_DRAIN = 0.5  # seconds that what a task left running may still write after the task itself ended

Stages = tuple[int, ...]
GENTLE: Stages = (signal.SIGTERM, signal.SIGKILL)
INTERRUPT: Stages = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended. `exit_code` is the shell's way: 128 + n for signal n. `reason` is why we stopped it, if we did."""

    exit_code: int
    reason: str | None = None  # "cancelled", "timeout" or "memory"
    left_over: int = 0
    peak_memory: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. `identity` is the uid and gid to run as, `memory` a limit in bytes for the whole group, `mark` what its processes
    carry in their environment, so that one that left the group is found (`_group.mark_of`)."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    timeout: float | None = None
    grace: float = 2.0
    stages: Stages = GENTLE
    identity: tuple[int, int] | None = None
    memory: int | None = None
    mark: str | None = None


class _Lines:
    """Cuts one stream of bytes into lines of text, tolerating anything that is not UTF-8."""

    def __init__(self, name: str, on_line: Callable[[str, str], None]) -> None:
        self._name = name
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._emit(line)
        while len(self._rest) > MAX_LINE:
            self._emit(self._rest[:MAX_LINE])
            self._rest = self._rest[MAX_LINE:]

    def close(self) -> None:
        if self._rest:
            self._emit(self._rest)
            self._rest = b""

    def _emit(self, line: bytes) -> None:
        self._on_line(self._name, line.rstrip(b"\r").decode("utf-8", errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}"))


def _reset_interrupt() -> None:
    """Runs in the child: a worker that ignores SIGINT would make every child ignore it, and dbt could not be interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def spawn(plan: Plan, mark: str) -> subprocess.Popen[bytes]:
    """Start it in a session of its own. Raises OSError where it cannot be started."""
    uid, gid = plan.identity or (None, None)
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    return subprocess.Popen(
        list(plan.argv),
        cwd=plan.cwd,
        env={**plan.env, _group.MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        user=uid,
        group=gid,
        extra_groups=None if gid is None else [],
        preexec_fn=_reset_interrupt if ignored else None,  # noqa: PLW1509 - one system call, and only where nothing else can do it
        close_fds=True,
    )


class _Watch:
    """One running group: its pipes, its clock and the stages by which it is stopped."""

    def __init__(self, plan: Plan, process: subprocess.Popen[bytes], on_line: Callable[[str, str], None], wake: int) -> None:
        self._plan = plan
        self._process = process
        self._wake = wake
        self._streams: dict[int, tuple[IO[bytes], _Lines]] = {}
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._streams[pipe.fileno()] = (pipe, _Lines(name, on_line))
        self._deadline = None if plan.timeout is None else time.monotonic() + plan.timeout
        self._stages = list(plan.stages)
        self._next_stage: float | None = None
        self._next_memory = time.monotonic()
        self._quiet = False
        self.reason: str | None = None
        self.peak = 0

    def run(self) -> None:
        """Until the command has ended and its output is read; a stopped one until its whole group is gone."""
        ended_at: float | None = None
        handle = os.pidfd_open(self._process.pid) if hasattr(os, "pidfd_open") else None
        try:
            while True:
                self._read(handle if ended_at is None else None)
                self._look_at_the_clock()
                if ended_at is None and self._process.poll() is not None:
                    ended_at = time.monotonic()
                if ended_at is not None and self._is_over(ended_at):
                    break
        finally:
            if handle is not None:
                os.close(handle)
            for pipe, lines in self._streams.values():
                lines.close()
                pipe.close()

    def _is_over(self, ended_at: float) -> bool:
        if self.reason is not None:
            return not _group.alive(self._process.pid)
        if not self._streams or time.monotonic() - ended_at > _DRAIN:
            return True
        return self._quiet and not _group.alive(self._process.pid)

    def _read(self, handle: int | None) -> None:
        poll = select.poll()
        for number in [*self._streams, *([handle] if handle is not None else []), *([self._wake] if self.reason is None else [])]:
            poll.register(number, select.POLLIN)
        quick = self.reason is not None or handle is None
        ready = [number for number, _ in poll.poll(1000 * (_BRISK if quick else _IDLE))]
        self._quiet = not any(number in self._streams for number in ready)
        for number in ready:
            if number in self._streams:
                self._take(number)
            elif number == self._wake:
                os.read(self._wake, 64)
                self._stop("cancelled")

    def _take(self, number: int) -> None:
        pipe, lines = self._streams[number]
        try:
            data = os.read(number, _CHUNK)
        except BlockingIOError:
            return
        if data:
            lines.feed(data)
        else:
            lines.close()
            pipe.close()
            del self._streams[number]

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        if self.reason is None and self._deadline is not None and now >= self._deadline:
            self._stop("timeout")
        if self._plan.memory is not None and now >= self._next_memory:
            self._next_memory = now + 0.25
            self.peak = max(self.peak, _group.resident(self._process.pid))
            if self.reason is None and self.peak > self._plan.memory:
                self._stages = [signal.SIGKILL]
                self._stop("memory")
        if self._next_stage is not None and now >= self._next_stage:
            self._signal(now)

    def _stop(self, reason: str) -> None:
        self.reason = reason
        self._signal(time.monotonic())

    def _signal(self, now: float) -> None:
        number = self._stages.pop(0) if self._stages else signal.SIGKILL
        _group.send(self._process.pid, number)
        self._next_stage = now + self._plan.grace


def run(
    plan: Plan,
    on_line: Callable[[str, str], None],
    *,
    on_start: Callable[[int, float | None], None] | None = None,
    stoppable: Callable[[Callable[[], None]], AbstractContextManager[None]] | None = None,
) -> Ended:
    """Run a plan to its end; `on_line(stream, text)` is called from this thread only.

    `on_start(pgid, started)` tells the group as soon as it lives. `stoppable(action)` is a context manager that calls `action`
    when the task is to stop. Raises OSError where the program cannot be started.
    """
    mark = plan.mark or secrets.token_hex(12)
    wake_read, wake_write = os.pipe()
    try:
        process = spawn(plan, mark)
        try:
            if on_start is not None:
                on_start(process.pid, _group.started(process.pid))
            watch = _Watch(plan, process, on_line, wake_read)
            if stoppable is None:
                watch.run()
            else:
                with stoppable(lambda: _poke(wake_write)):
                    watch.run()
        finally:
            left_over = _group.sweep(process.pid, mark)
            code = process.wait()
        return Ended(code if code >= 0 else 128 - code, watch.reason, left_over, watch.peak)
    finally:
        os.close(wake_read)
        os.close(wake_write)


def _poke(number: int) -> None:
    """Wake the reader; a reader that is gone already needs no waking."""
    try:
        os.write(number, b"x")
    except OSError:
        return
