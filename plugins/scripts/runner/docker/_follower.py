"""Following a container to its end: its lines as they come, its clock, and the stages by which it is stopped."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from docker.errors import APIError, DockerException, NotFound

from plugins.contract import RunContext, ShellCommand, TaskFailed

_DONE = object()


class _Cut:
    """Lines of one stream out of the pieces in which it comes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > 1 << 20:
            lines.append(self._rest[: 1 << 20])
            self._rest = self._rest[1 << 20 :]
        for line in lines:
            yield line.rstrip(b"\r").decode("utf-8", errors="replace")

    def close(self) -> Iterator[str]:
        if self._rest:
            yield self._rest.decode("utf-8", errors="replace")
            self._rest = b""


class Follower:
    """One container, followed from the thread that calls `run`; `cursor` is a file with the lines told so far, for a later worker."""

    def __init__(
        self, container: Any, command: ShellCommand, context: RunContext, grace: float, cursor: Path, *, found: bool = False
    ) -> None:
        self._container = container
        self._command = command
        self._context = context
        self._grace = grace
        self._cursor = cursor
        self._queue: queue.Queue[Any] = queue.Queue(maxsize=10_000)
        self._counts = {"stdout": 0, "stderr": 0}
        self._found = found  # a worker that is gone started it
        self._skip = _told(cursor) if found else {"stdout": 0, "stderr": 0}
        self._saved = time.monotonic()
        self._stop = threading.Event()
        self._stages: list[str] = []
        self._next_stage: float | None = None
        self.reason: str | None = None

    def run(self, start: Callable[[], None]) -> int:
        """Follow to the end; answers the exit code. `start` starts the container once its output is attached."""
        if self._found:
            # Attaching gives only what comes from now on, whatever it is asked for: what was written meanwhile is in the container's log.
            threading.Thread(target=self._read_log, daemon=True, name="container-log").start()
        else:
            stream = self._container.attach(stdout=True, stderr=True, stream=True, logs=True, demux=True)
            threading.Thread(target=self._read, args=(stream,), daemon=True, name="container-output").start()
        start()
        deadline = None if self._command.timeout is None else time.monotonic() + self._command.timeout
        with self._context.on_cancel(self._stop.set):
            while not self._take():
                now = time.monotonic()
                if self.reason is None and (self._stop.is_set() or self._context.cancelled()):
                    self._begin_stop("cancelled")
                elif self.reason is None and deadline is not None and now >= deadline:
                    self._begin_stop("timeout")
                elif self._next_stage is not None and now >= self._next_stage:
                    self._signal()
        try:
            return int(self._container.wait()["StatusCode"])
        except NotFound as error:
            raise TaskFailed("The container was removed while it ran") from error

    def _read(self, stream: Iterator[tuple[bytes | None, bytes | None]]) -> None:
        cuts = {"stdout": _Cut(), "stderr": _Cut()}
        try:
            for out, err in stream:
                for name, data in (("stdout", out), ("stderr", err)):
                    for line in cuts[name].feed(data or b""):
                        self._queue.put((name, line))
            for name, cut in cuts.items():
                for line in cut.close():
                    self._queue.put((name, line))
        except (DockerException, OSError, ValueError) as error:
            self._queue.put(("stderr", f"The output of the container cannot be read any more: {error}"))
        finally:
            self._queue.put(_DONE)

    def _read_log(self) -> None:
        """Everything that the container has written and will write, the two streams side by side."""
        others = threading.Thread(target=self._read_stream, args=("stderr",), daemon=True, name="container-log")
        others.start()
        self._read_stream("stdout")
        others.join()
        self._queue.put(_DONE)

    def _read_stream(self, name: str) -> None:
        cut = _Cut()
        try:
            pieces = self._container.logs(stdout=name == "stdout", stderr=name == "stderr", stream=True, follow=True)
            for data in pieces:
                for line in cut.feed(data):
                    self._queue.put((name, line))
            for line in cut.close():
                self._queue.put((name, line))
        except (DockerException, OSError, ValueError) as error:
            self._queue.put(("stderr", f"The output of the container cannot be read any more: {error}"))

    def _take(self) -> bool:
        """Hand on the lines that are there, waiting a moment for the first; True at the end of the output."""
        try:
            item = self._queue.get(timeout=0.1)
            while item is not _DONE:
                self._tell(*item)
                item = self._queue.get_nowait()
        except queue.Empty:
            return False
        return True

    def _tell(self, name: str, line: str) -> None:
        self._counts[name] += 1
        if self._command.replay is not None:
            self._command.replay(self._counts[name] <= self._skip[name])
        self._command.on_line(name, line)
        if time.monotonic() - self._saved > 0.5:
            self._saved = time.monotonic()
            fresh = self._cursor.with_suffix(".fresh")
            with suppress(OSError):  # replaced whole: a worker that dies while it writes leaves the count before
                fresh.write_text(f"{self._counts['stdout']} {self._counts['stderr']}")
                fresh.replace(self._cursor)

    def _begin_stop(self, reason: str) -> None:
        self.reason = reason
        if self._command.interrupt_first:
            self._stages = ["INT", "TERM", "KILL"]
            self._grace = max(self._grace, self._context.settings.kill_grace)
        else:
            self._stages = ["TERM", "KILL"] if self._grace > 0 else ["KILL"]
        self._signal()

    def _signal(self) -> None:
        """The next stage. All processes but the first get it: a shell that is process 1 would die and take dbt with it unheard."""
        stage = self._stages.pop(0) if self._stages else "KILL"
        self._next_stage = time.monotonic() + self._grace
        with suppress(APIError, NotFound):
            if stage == "KILL":
                self._container.kill()
            else:
                self._container.exec_run(["/bin/sh", "-c", f"kill -{stage} -1"], user="0")


def _told(cursor: Path) -> dict[str, int]:
    """How many lines of each stream an earlier worker told."""
    try:
        out, err = (int(part) for part in cursor.read_text().split())
    except (OSError, ValueError):
        return {"stdout": 0, "stderr": 0}
    return {"stdout": out, "stderr": err}
