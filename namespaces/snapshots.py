"""Copies of files that executions see instead of those of their namespace: made once, never changed, shared by what has the same files."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime

from namespaces import files
from namespaces.files import NoSuchFile, Place

SNAPSHOTS = "_snapshots"


def place(namespace: str, tree: str) -> Place:
    """Where the snapshot of a tree, by the id that Git gives to it, is read."""
    return Place(namespace, (SNAPSHOTS, tree))


def forget(namespace: str, before: datetime) -> int:
    """Remove snapshots that nothing was started with since then, and what a crash left; answers how many."""
    old: list[str] = []
    with contextlib.suppress(NoSuchFile), files.folder_at(namespace, (), base=(SNAPSHOTS,)) as top:
        old = [name for name in os.listdir(top) if os.stat(name, dir_fd=top, follow_symlinks=False).st_mtime < before.timestamp()]
    return sum(files.delete(Place(namespace, (SNAPSHOTS,)), name) for name in old)


def touch(namespace: str, tree: str) -> bool:
    """Note that something is started with a snapshot; False where there is none."""
    try:
        with files.folder_at(namespace, (), base=(SNAPSHOTS, tree)) as folder:
            os.utime(folder)
    except NoSuchFile:
        return False
    return True
