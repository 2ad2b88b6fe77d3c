"""Give a task's folder to the user that its processes run as."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def hand_over(folder: Path, identity: tuple[int, int] | None) -> None:
    """Make `identity` (uid, gid) the owner of a folder and all in it; does nothing where there is no identity.

    Links are changed themselves, never what they point to, and a file with a second hard link is left alone: the other name
    may lie anywhere.
    """
    if identity is None:
        return
    _own(folder, identity)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _own(Path(parent, name), identity)


def _own(path: Path, identity: tuple[int, int]) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if (status.st_uid, status.st_gid) == identity or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1):
        return
    os.lchown(path, *identity)
