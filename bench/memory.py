"""What all processes of a running product use together: memory as the kernel shares it out (PSS), and processor time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kestra_web.processes import descendants


def of_server(pid: int) -> float:
    """MB (PSS) of a process and all below it."""
    return sum(_pss(each) for each in (pid, *descendants(pid))) / 1024


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it ended meanwhile
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def cpu_share(pid: int, seconds: float) -> float:
    """The part of one core that they use while nothing is to be done."""
    before, started = _ticks(pid), time.monotonic()
    time.sleep(seconds)
    return (_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - started)


def _ticks(pid: int) -> int:
    total = 0
    for each in (pid, *descendants(pid)):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total


@dataclass
class Peak:
    """The most memory seen, and what it was before, in MB."""

    before: float
    most: float

    @property
    def growth(self) -> float:
        return self.most - self.before


@contextmanager
def peak(pid: int, every: float = 0.2) -> Iterator[Peak]:
    """Watch the memory of a server while the block runs."""
    known = of_server(pid)
    watched, ended = Peak(known, known), threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            watched.most = max(watched.most, of_server(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        ended.set()
        thread.join()
