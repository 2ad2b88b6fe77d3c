"""The real product under a test: `kestra-web up` in a data folder and on a port of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from kestra_web import processes
from tests import machine

USER, PASSWORD = "admin@kestra.io", "a-password-for-journeys"
ENDED = ("SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED")
OURS = ("KESTRA_", "SECRET_", "REDIS_URL", "DATABASE_URL", "DJANGO_", "HOST", "PORT")


@dataclass
class Stack:
    """A running product. `url` is its address; `user` and `password` are the administrator's."""

    home: Path
    port: int = field(default_factory=machine.free_port)
    settings: dict[str, str] = field(default_factory=dict)
    user: str = USER
    password: str = PASSWORD
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What `kestra-web` is started with: this process's environment without its own settings."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        chosen = {"KESTRA_WEB_HOME": str(self.home), "PORT": str(self.port), "KESTRA_WEB_ADMIN_PASSWORD": self.password}
        return {**inherited, **chosen, **self.settings}

    @property
    def output(self) -> str:
        """All that it has printed."""
        path = self._output_file
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def _output_file(self) -> Path:
        return self.home.with_name(self.home.name + ".log")

    def start(self, seconds: float = 90) -> float:
        """Start it and wait for its `ready` line; returns how many seconds that took."""
        begun = time.monotonic()
        self.home.parent.mkdir(parents=True, exist_ok=True)
        with self._output_file.open("wb") as output:
            self.process = subprocess.Popen(
                command("up"),
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        while not re.search(r"^up +\| ready ", self.output, re.MULTILINE):
            assert self.process.poll() is None, f"kestra-web up ended:\n{self.output}"
            assert time.monotonic() - begun < seconds, f"kestra-web up is not ready after {seconds} s:\n{self.output}"
            time.sleep(0.05)
        return time.monotonic() - begun

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 15) -> float:
        """Send it a signal and wait for its end; returns how many seconds that took. Kills what is left after `seconds`."""
        if self.process is None:
            return 0.0
        begun = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            processes.end_descendants(self.process.pid)
            self.process.kill()
            self.process.wait()
        return time.monotonic() - begun

    def pid(self, name: str) -> int:
        """The process id of one part: redis, web, worker or scheduler."""
        return int((self.home / "run" / f"{name}.pid").read_text())

    def has_new(self, name: str, before: int) -> bool:
        """Whether a part runs again, under another process id than `before`."""
        try:
            return self.pid(name) != before
        except (FileNotFoundError, ValueError):  # between its end and its start, or while its number is written
            return False

    def is_healthy(self) -> bool:
        """Whether its health check passes."""
        try:
            return httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def token(self) -> str:
        """A new API token of the administrator's."""
        made = subprocess.run(command("createtoken", self.user), env=self.environment, capture_output=True, text=True, check=True)
        return made.stdout.strip()

    def client(self) -> httpx.Client:
        """A client of its HTTP API that is the administrator."""
        return httpx.Client(base_url=self.url, auth=(self.user, self.password), timeout=30)


def command(*arguments: str) -> list[str]:
    """The command line of `kestra-web` with these arguments."""
    return [sys.executable, "-P", "-m", "kestra_web", *arguments]


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `condition()` is true; fails the test, naming `what`, when it is not so in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.05)


def ended(client: httpx.Client, identity: str, seconds: float = 180) -> dict[str, Any]:
    """The execution once it has ended."""
    last: dict[str, Any] = {}

    def done() -> bool:
        last.update(client.get(f"/api/v1/main/executions/{identity}").json())
        return last["state"]["current"] in ENDED

    wait_until(done, seconds, f"the end of {identity}")
    return last
