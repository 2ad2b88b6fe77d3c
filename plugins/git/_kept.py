"""Repositories in which remotes are read, kept for the next task that reads the same remote with the same login.

They are a short cut and never an authority: what a remote says to the login of the task decides what is read of it. One is used by one
task at a time, and dropped whole when something went wrong in it, when it has grown, and when nobody came for it for a while.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from pathlib import Path

from plugins.git._repository import Access

FOLDER = "git-remotes"
MOST_PACKS = 100
MOST_BYTES = 1 << 30
IDLE = 7 * 86_400  # seconds


@contextmanager
def kept(home: Path, access: Access) -> Iterator[Path | None]:
    """Where the repository of this remote and login lies, or is to be made; None while another task uses it."""
    folder = home / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    repository = folder / name_of(access)
    with _alone(repository) as is_ours:
        if not is_ours:
            yield None
            return
        os.utime(repository.with_suffix(".lock"))
        try:
            yield repository
        except BaseException:  # whatever it was: the next task begins anew
            shutil.rmtree(repository, ignore_errors=True)
            raise
        if _has_grown(repository):
            shutil.rmtree(repository, ignore_errors=True)
    _drop_idle(folder)


@contextmanager
def _alone(repository: Path) -> Iterator[bool]:
    """Whether nobody else uses this repository, and nobody will until the block ends."""
    lock = os.open(repository.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(lock)


def name_of(access: Access) -> str:
    """The same for all that decides what a remote shows: its address, the login and the settings."""
    told = repr(astuple(access))
    return hashlib.sha256(told.encode()).hexdigest()[:40]


def _has_grown(repository: Path) -> bool:
    """Whether making it anew is better than keeping it: nothing is ever taken out of it."""
    with suppress(FileNotFoundError):
        packs = [entry.stat().st_size for entry in os.scandir(repository / "objects" / "pack") if entry.name.endswith(".pack")]
        return len(packs) > MOST_PACKS or sum(packs) > MOST_BYTES
    return False


def _drop_idle(folder: Path) -> None:
    for lock in folder.glob("*.lock"):
        with suppress(FileNotFoundError):
            if time.time() - lock.stat().st_mtime < IDLE:
                continue
            with _alone(lock.with_suffix("")) as is_ours:
                if is_ours:
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
