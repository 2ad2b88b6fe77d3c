"""The supervisor behind `kestra-web up`: it starts the other processes, shows their output, starts them again and ends them."""

from __future__ import annotations

import http.client
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from kestra_web import home, processes
from kestra_web.child import Child
from kestra_web.environment import Environment

GRACE_SECONDS, REDIS_GRACE_SECONDS = 2.5, 1.0
NAME_WIDTH = 10
GREEN, RED, GREY = 32, 31, 90
COLOURS = {"redis": 35, "setup": 34, "web": 36, "worker": 32, "engine": 92, "scheduler": 33}


class Supervisor:
    """A set of processes that shall run until SIGTERM or Ctrl-C. Use it as a context: leaving it ends every one of them."""

    def __init__(self, current: Environment) -> None:
        self.environment = current
        self.children: list[Child] = []
        self.coloured = sys.stdout.isatty()
        self.stopping = False
        self.told = 0.0
        self.selector = selectors.DefaultSelector()
        self.lifeline, self.lifeline_end = os.pipe()
        self.wake, self.wake_end = os.pipe()
        self.new_password = not home.admin_password_file(current).exists()

    def __enter__(self) -> Supervisor:
        processes.adopt_orphans()
        for descriptor in (self.wake, self.wake_end):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self.wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *received: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        self.selector.register(self.wake, selectors.EVENT_READ)
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def _stop(self, *received: object) -> None:
        self.stopping = True

    def start_program(self, name: str, command: list[str], input: bytes) -> None:
        """Start a program of others, such as Redis; it is ended last."""
        self._start(Child(name, COLOURS[name], command=command, input=input))

    def start(self, name: str, action: Callable[[], int]) -> None:
        """Start a fork of this process that calls `action`."""
        self._start(Child(name, COLOURS[name], action))

    def do_once(self, name: str, action: Callable[[], int]) -> bool:
        """Call `action` in a fork of this process and wait for it; whether it returned 0 before anyone told us to stop."""
        self._start(Child(name, COLOURS[name], action, once=True))
        while not self.stopping:
            ended = self._turn(1.0)
            if name in ended:
                return ended[name] == 0
        return False

    def serve(self) -> None:
        """Keep everything running, say once when it is ready, until told to stop."""
        begun, ready = time.monotonic(), False
        while not self.stopping:
            self._turn(1.0 if ready else 0.1)
            if not ready and self._is_healthy():
                ready = True
                self._say_ready()
            if not ready:
                self._say_slow(time.monotonic() - begun)
            for child in self.children:
                if child.due is not None and time.monotonic() >= child.due:
                    self._start(child)

    def _start(self, child: Child) -> None:
        ours = [self.lifeline_end, self.wake, self.wake_end, *(other.output for other in self.children if other.output >= 0)]
        if isinstance(self.selector, selectors.EpollSelector):
            ours.append(self.selector.fileno())
        child.start(self.lifeline, ours)
        if child not in self.children:
            self.children.append(child)
        self.selector.register(child.output, selectors.EVENT_READ, child)
        self._pid_file(child).write_text(f"{child.pid}\n")

    def _pid_file(self, child: Child) -> Path:
        return self.environment.home / "run" / f"{child.name}.pid"

    def _turn(self, longest: float) -> Mapping[str, int]:
        """Wait for output or an end, show the one, take note of the other; returns exit statuses by name of child."""
        dues = [child.due for child in self.children if child.due is not None]
        for key, _ in self.selector.select(max(0.0, min([longest, *(due - time.monotonic() for due in dues)]))):
            if key.data is None:
                os.read(self.wake, 4096)
            else:
                self._show(key.data)
        return self._reap()

    def _show(self, child: Child) -> bool:
        lines, more = child.read()
        for line in lines:
            self._print(child.name, child.colour, line)
        if not more:
            self._close(child)
        return bool(lines)

    def _close(self, child: Child) -> None:
        if child.output >= 0:
            self.selector.unregister(child.output)
            os.close(child.output)
            child.output = -1

    def _reap(self) -> dict[str, int]:
        """Collect every process that ended, ours and the orphans that we adopted."""
        ended: dict[str, int] = {}
        while True:
            try:
                pid, raw = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if pid == 0:
                return ended
            for child in self.children:
                if child.pid == pid:
                    ended[child.name] = os.waitstatus_to_exitcode(raw)
                    self._note_end(child, ended[child.name])

    def _note_end(self, child: Child, status: int) -> None:
        while child.output >= 0 and self._show(child):
            continue
        self._close(child)  # a grandchild may still hold the other end; its lines have lost their owner
        self._pid_file(child).unlink(missing_ok=True)
        sentence = child.ended(status)
        if not self.stopping and not (child.once and status == 0):
            self._print(child.name, RED, sentence)

    def _print(self, name: str, colour: int, line: str) -> None:
        head = f"{name:<{NAME_WIDTH}}|"
        print(f"\x1b[{colour}m{head}\x1b[0m {line}" if self.coloured else f"{head} {line}", flush=True)

    def _is_healthy(self) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.environment.host, self.environment.host)
        connection = http.client.HTTPConnection(host, self.environment.port, timeout=2)
        try:
            connection.request("GET", "/health", headers={"Host": "localhost"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _say_ready(self) -> None:
        path = home.admin_password_file(self.environment)
        password = ""
        if path.exists():
            password = f", password {path.read_text().strip()}" if self.new_password else f", password in {path}"
        self._print("up", GREEN, f"ready  {self.environment.base_url}  login {self.environment.admin_user}{password}  (Ctrl-C ends it)")

    def _say_slow(self, waited: float) -> None:
        if waited - self.told > 60:
            self.told = waited
            self._print("up", GREY, f"not ready after {waited:.0f} s; the lines above tell why, /health tells which part does not answer")

    def end(self) -> None:
        """SIGTERM to our forks, then SIGKILL to all that is left below us; other programs go last so that ours can say goodbye."""
        self.stopping = True
        programs = [child for child in self.children if child.action is None]
        self._ask_to_end([child for child in self.children if child.action], GRACE_SECONDS)
        processes.end_descendants(os.getpid(), spared=frozenset(child.pid for child in programs if child.pid))
        self._ask_to_end(programs, REDIS_GRACE_SECONDS)
        processes.end_descendants(os.getpid())
        self._turn(0.0)

    def _ask_to_end(self, children: list[Child], grace: float) -> None:
        deadline = time.monotonic() + grace
        for child in children:
            child.signal(signal.SIGTERM)
        while any(child.pid for child in children) and time.monotonic() < deadline:
            self._turn(0.05)
