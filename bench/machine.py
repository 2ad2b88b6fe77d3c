"""What this machine is worth today: a fixed loop and an fsync, printed beside every absolute figure."""

from __future__ import annotations

import os
import statistics
import tempfile
import time


def loop() -> float:
    """Seconds for a fixed Python loop, the best of three."""
    return min(_loop() for _ in range(3))


def _loop() -> float:
    started, total = time.perf_counter(), 0
    for number in range(3_000_000):
        total += number & 7
    return time.perf_counter() - started


def fsync() -> float:
    """Median seconds of 30 small writes with fsync."""
    times = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(30):
            started = time.perf_counter()
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times)
