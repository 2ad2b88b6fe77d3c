"""One process of Git to its end, bounded in time, in memory, and in what it says.

A repository of some kilobytes can name more files than any machine has room for: the same folder ten times in a folder, ten levels deep.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

MEMORY = 2 * 1024**3  # bytes that a process of Git may take for itself; files that it maps do not count
MOST = 512 * 1024**2  # bytes of an answer


class StoppedError(Exception):
    """Git was stopped: it took too long, or said too much."""


def bounded(pid: int) -> None:
    """Let a process, and what it starts from now on, take so much memory and no more."""
    if sys.platform == "linux":
        with suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (MEMORY, MEMORY))


def ended(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, data: bytes = b"", timeout: float | None = None
) -> tuple[int, bytes, bytes]:
    """Run a command to its end: its status, output and errors. Raises StoppedError; then all that it started has ended."""
    child = subprocess.Popen(
        arguments,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    bounded(child.pid)
    with child:
        try:
            out, errors = _heard(child, data, timeout)
            child.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise StoppedError(f"took longer than {timeout:g} seconds") from error
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    return child.returncode, out, errors


def _heard(child: subprocess.Popen[bytes], data: bytes, timeout: float | None) -> tuple[bytes, bytes]:
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    out, errors = bytearray(), bytearray()
    writing = threading.Thread(target=_give, args=(child.stdin, data), daemon=True)
    pipes = ((child.stdout, out), (child.stderr, errors))
    listening = [threading.Thread(target=_take, args=(child, *pipe), daemon=True) for pipe in pipes]
    for thread in (writing, *listening):
        thread.start()
    for thread in listening:
        thread.join(timeout)
        if thread.is_alive():
            raise subprocess.TimeoutExpired(child.args, timeout or 0.0)
    if len(out) > MOST or len(errors) > MOST:
        raise StoppedError(f"said more than {MOST >> 20} MB: the repository is too large for this")
    writing.join(timeout)
    return bytes(out), bytes(errors)


def _give(pipe: IO[bytes], data: bytes) -> None:
    with suppress(BrokenPipeError, ValueError), pipe:
        pipe.write(data)


def _take(child: subprocess.Popen[bytes], pipe: IO[bytes], into: bytearray) -> None:
    with suppress(ValueError, OSError):  # it was stopped meanwhile, and its pipes are closed
        while piece := pipe.read1(1 << 20):  # type: ignore[attr-defined]  # pipes of Popen are buffered
            into += piece
            if len(into) > MOST:
                os.killpg(child.pid, signal.SIGKILL)
                return
