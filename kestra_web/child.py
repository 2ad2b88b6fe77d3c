"""One process under the supervisor: how it is started, how its output becomes lines, when it is started again."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kestra_web import processes

FIRST_PAUSE, LONGEST_PAUSE, STEADY_AFTER = 0.2, 15.0, 20.0


@dataclass
class Child:
    """A process that shall run: a fork of the supervisor that calls `action`, or a program `command` that reads `input`.

    A fork starts in no time, since everything is imported already, and shares that memory. A child that is needed `once` is not
    started again.
    """

    name: str
    colour: int
    action: Callable[[], int] | None = None
    command: Sequence[str] = ()
    input: bytes = b""
    once: bool = False
    pid: int | None = None
    output: int = -1
    started: float = 0.0
    failures: int = 0
    due: float | None = None
    rest: bytes = b""

    def start(self, lifeline: int, closed: Sequence[int]) -> None:
        """Start it. `closed` are descriptors of the supervisor that the child must not hold. Call it from the main thread alone."""
        output, written = os.pipe()
        read, typed = os.pipe()
        os.write(typed, self.input)  # a configuration: far smaller than what a pipe holds
        os.close(typed)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            for descriptor in (output, *closed):
                os.close(descriptor)
            self._become(read, written, lifeline)
        os.close(read)
        os.close(written)
        os.set_blocking(output, False)
        self.pid, self.output, self.started, self.due = pid, output, time.monotonic(), None

    def _become(self, read: int, written: int, lifeline: int) -> None:
        """In the new process: take our place in the system, run, and never return."""
        status = 1
        try:
            os.setsid()
            os.dup2(read, 0)
            os.dup2(written, 1)
            os.dup2(written, 2)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if self.action is None:
                processes.end_with_parent()
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # it has a log file of its own; its complaints still reach us
                os.execv(self.command[0], self.command)
            processes.rename(self.name)
            processes.follow_supervisor(lifeline)
            assert self.action
            status = self.action()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        except BaseException:  # noqa: BLE001 -- this is the outermost function of a process: what gets here is shown, then it ends
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def ended(self, status: int) -> str:
        """Take note that it ended and set when it is due again; returns a sentence about it."""
        self.pid = None
        now = time.monotonic()
        self.failures = 1 if now - self.started > STEADY_AFTER else self.failures + 1
        pause = min(FIRST_PAUSE * 2 ** (self.failures - 1), LONGEST_PAUSE)
        self.due = None if self.once else now + pause
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return how if self.once else f"{how}, starts again in {pause:.1f} s"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.pid:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def read(self) -> tuple[list[str], bool]:
        """The whole lines that its output has now, and whether more can come."""
        try:
            chunk = os.read(self.output, 65536)
        except BlockingIOError:
            return [], True
        *whole, self.rest = (self.rest + (chunk or (b"\n" if self.rest else b""))).split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in whole], bool(chunk)
