"""The log of an attempt whose task says `logToFile`: lines that are kept as a stored file instead of in the log store."""

from __future__ import annotations

import tempfile
import threading
from datetime import datetime

from engine.context import instant
from engine.execution import Execution
from executions import storage

IN_MEMORY = 1024 * 1024


class LogFile:
    """Gathers lines, on disk where there are many."""

    def __init__(self) -> None:
        self._guard = threading.Lock()  # a command's two streams are read by two threads
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 -- it lives as long as the attempt

    def write(self, level: str, message: str, at: datetime) -> None:
        """One more line, as a downloaded log shows it."""
        with self._guard:
            self._file.write(f"{instant(at)} {level} {message}\n".encode(errors="replace"))

    def keep(self, execution: Execution, task_id: str, task_run_id: str, attempt: int) -> str:
        """Store what was written; answers its URI."""
        uri = storage.task_uri(execution, task_id, task_run_id, f"logs/attempt-{attempt}.log")
        with self._file as file:
            file.seek(0)
            storage.write(uri, file)
        return uri
