"""Process groups: who is in one, how to end one, and what of a task got away from its group (Linux; elsewhere only the signals)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "KESTRA_ATTEMPT"  # every process of a task carries this variable, so that one that left the group is found too
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def mark_of(task_run_id: str, attempt: int) -> str:
    """The mark of everything that one attempt starts."""
    return f"{task_run_id}-{attempt}"


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the command's name, the state first; None where it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _pids() -> Iterator[int]:
    try:
        entries = os.listdir(_PROC)
    except OSError:
        return
    for entry in entries:
        if entry.isdigit():
            yield int(entry)


def started(pid: int) -> float | None:
    """When a process began, in clock ticks since the machine did; with the pid it names one process for ever."""
    fields = _stat(pid)
    return float(fields[19]) if fields else None


def members(pgid: int) -> list[int]:
    """The living processes of a group (a zombie is dead)."""
    found = []
    for pid in _pids():
        fields = _stat(pid)
        if fields and fields[0] not in "ZX" and int(fields[2]) == pgid:
            found.append(pid)
    return found


def marked(mark: str) -> list[int]:
    """The living processes whose environment carries this mark, in whatever group they are now."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for pid in _pids():
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0") and pid != os.getpid():
            found.append(pid)
    return found


def alive(pgid: int) -> bool:
    """Whether anything of the group still lives."""
    if _PROC.joinpath("self", "stat").exists():
        return bool(members(pgid))
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def resident(pgid: int) -> int:
    """Bytes of memory that the processes of a group hold together."""
    total = 0
    for pid in members(pgid):
        fields = _stat(pid)
        if fields:
            total += int(fields[21]) * _PAGE
    return total


def send(pgid: int, number: int) -> None:
    """Signal a whole group; one that is gone already is fine."""
    try:
        os.killpg(pgid, number)
    except (ProcessLookupError, PermissionError):
        return


def sweep(pgid: int | None, mark: str | None = None, *, grace: float = 0.3) -> int:
    """End what is left of a group and of its marked escapees: SIGTERM, a moment, SIGKILL. Answers how many there were."""
    left = _left(pgid, mark)
    if not left:
        return 0
    _signal(pgid, left, signal.SIGTERM)
    until = time.monotonic() + grace
    while time.monotonic() < until and ((pgid and members(pgid)) or any(_living(pid) for pid in left)):
        time.sleep(0.02)
    again = _left(pgid, mark)
    _signal(pgid, again, signal.SIGKILL)
    return len(left | again)


def _left(pgid: int | None, mark: str | None) -> set[int]:
    return set(members(pgid) if pgid else ()) | set(marked(mark) if mark else ())


def _signal(pgid: int | None, pids: set[int], number: int) -> None:
    if pgid:
        send(pgid, number)
    _signal_each(pids, number)


def _living(pid: int) -> bool:
    fields = _stat(pid)
    return fields is not None and fields[0] not in "ZX"


def _signal_each(pids: set[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
