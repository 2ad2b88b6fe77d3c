"""What we ask of the operating system about processes: who descends from whom, and that none outlives or spies on its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections import defaultdict
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 4, 15, 36
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _prctl(option: int, value: int | bytes) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)


def hide_from_tasks() -> None:
    """Keep a child of the same account from reading this process's environment and memory in `/proc`."""
    _prctl(PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none is lost sight of."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def rename(name: str) -> None:
    """Show this process under a name of its own in `ps` and `top`."""
    _prctl(PR_SET_NAME, f"kw-{name}".encode()[:15])


def be_frugal() -> None:
    """Have the C library give large blocks back to the system, and share its arenas, of which many threads would leave many behind."""
    if _LIBC is not None and hasattr(_LIBC, "mallopt"):
        _LIBC.mallopt(M_ARENA_MAX, 2)
        _LIBC.mallopt(M_MMAP_THRESHOLD, 256 * 1024)  # once set, it does not grow by itself any more
        _LIBC.mallopt(M_TRIM_THRESHOLD, 1024 * 1024)


def end_with_parent() -> None:
    """Be sent SIGTERM when the parent ends. For use between fork and exec, by a parent's main thread: the signal follows that thread."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def descendants(root: int) -> list[int]:
    """Process ids of all that descend from `root`, parents before children; empty where there is no `/proc`."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        children[int(fields[1])].append(int(entry.parent.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        born = children[waiting.pop()]
        found += born
        waiting += born
    return found


def end_descendants(root: int, spared: frozenset[int] = frozenset()) -> None:
    """SIGKILL to all that descend from `root`, except `spared`."""
    for pid in descendants(root):
        if pid not in spared:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def follow_supervisor(lifeline: int) -> None:
    """End at once, with every process started here, when the supervisor is gone: it holds the other end of the lifeline."""
    threading.Thread(target=_await_end, args=(lifeline,), name="lifeline", daemon=True).start()


def _await_end(lifeline: int) -> None:
    os.read(lifeline, 1)
    end_descendants(os.getpid())
    os._exit(1)
