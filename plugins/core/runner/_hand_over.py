"""Give a task's folder to the user that its processes run as."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from plugins.contract import Settings


def identity_of(settings: Settings) -> tuple[int, int] | None:
    """The uid and gid that processes of tasks run as; None where they run as the server does, which only root can change."""
    return settings.run_as if os.geteuid() == 0 else None


def hand_over(folder: Path, identity: tuple[int, int] | None) -> None:
    """Make `identity` (uid, gid) the owner of a folder and all in it; does nothing where there is no identity.

    Links are changed themselves, never what they point to, and a file with a second hard link is left alone: the other name
    may lie anywhere.
    """
    if identity is None:
        return
    _own(str(folder), None, identity)
    # By descriptors: what a task still changes meanwhile can make no path lead out of the folder.
    for _, folders, files, here in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            _own(name, here, identity)


def _own(name: str, here: int | None, identity: tuple[int, int]) -> None:
    try:
        status = os.stat(name, dir_fd=here, follow_symlinks=False)
        if (status.st_uid, status.st_gid) == identity or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1):
            return
        os.chown(name, *identity, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return
