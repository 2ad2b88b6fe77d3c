"""What these tests share: the real parts around the database of the test, and words to start and await executions."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from django.conf import settings
from django.db import connections

from executions.models import Execution
from tests.executions.flows import ENDED
from tests.stack import command, wait_until


class Process:
    """A worker or scheduler of our own over the test's database and Redis."""

    started: ClassVar[list[Process]] = []  # what a test that waits in vain tells

    def __init__(self, role: str, log: Path) -> None:
        self.role, self.log = role, log
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False

    def start(self) -> None:
        """Start it; a worker answers as soon as it is ready."""
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{connections['default'].settings_dict['NAME']}",
            "REDIS_URL": settings.REDIS_URL,
            "KESTRA_WEB_HOME": str(settings.KESTRA_HOME),
            "KESTRA_WEB_LOG_LEVEL": "info",
        }
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command(self.role), env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        Process.started = [*(process for process in Process.started if process is not self), self][-4:]

    @classmethod
    def mend(cls) -> None:
        """Start again what ended by itself, as a supervisor does, and say so: that is worth a look."""
        for process in cls.started:
            if process.ending.startswith("ended") and not process.stopped:
                warnings.warn(f"the {process.role} {process.ending}:\n{process.log.read_text()[-6000:]}", stacklevel=3)
                process.start()

    @property
    def ending(self) -> str:
        """How it ended, or that it runs."""
        return "not started" if self.process is None else "running" if self.process.poll() is None else f"ended {self.process.returncode}"

    def tell_what_it_does(self) -> None:
        """Have a worker write down what its threads do, as Celery's do at this signal."""
        if self.role == "worker" and self.ending == "running" and self.process is not None:
            self.process.send_signal(signal.SIGUSR1)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal and wait for its end."""
        self.stopped = True
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def started(role: str, folder: Path) -> Process:
    process = Process(role, folder / f"{role}{len(list(folder.iterdir()))}.log")
    process.start()
    return process


@pytest.fixture
def make_process(transactional_db: None, tmp_path: Path) -> Iterator[Callable[[str], Process]]:
    """A function that starts a `worker` or a `scheduler` for one test; all are ended by us."""
    made: list[Process] = []

    def make(role: str) -> Process:
        made.append(started(role, tmp_path))
        return made[-1]

    yield make
    for process in made:
        process.stop()


@pytest.fixture(scope="module")
def running(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Process]]:
    """A real Celery worker and a real scheduler for the tests of one module."""
    folder = tmp_path_factory.mktemp("processes")
    processes = [started("worker", folder), started("scheduler", folder)]
    yield processes
    for process in processes:
        process.stop()


@pytest.fixture
def worker(running: list[Process], transactional_db: None) -> Process:
    """The worker of this module, with a scheduler beside it."""
    return running[0]


def until_ended(execution: Execution, seconds: float = 60) -> Execution:
    """Wait for the end of an execution and answer it as it is then."""
    deadline = time.monotonic() + seconds
    while not Execution.objects.filter(id=execution.id, state__in=ENDED).exists():
        assert time.monotonic() < deadline, _story(execution)
        Process.mend()
        time.sleep(0.02)
    execution.refresh_from_db()
    return execution


def _story(execution: Execution) -> str:
    execution.refresh_from_db()
    runs = [(run.task_id, run.state) for run in execution.task_runs.all()]
    deliveries = list(execution.deliveries.values_list("task_run_id", "status", "worker", "sends", "stop_requested"))
    for process in Process.started:
        process.tell_what_it_does()
    time.sleep(1)
    ours = [f"{process.role}, {process.ending}:\n{process.log.read_text()[-4000:]}" for process in Process.started]
    log = list(execution.log_lines.values_list("message", flat=True))
    return "\n".join([f"{execution.state}: {runs}, deliveries {deliveries}, log {log}", *ours])


def eventually(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Wait until something is true."""
    wait_until(condition, seconds, what)
    time.sleep(0)
