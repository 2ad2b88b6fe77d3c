"""The folder that outlives the host: what one host has made there by content, the next one finds.

It belongs to the account that the host runs as, and to one environment and namespace alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from typing import Any

folder = ""  # empty where nothing is to be kept


def begin(given: str) -> None:
    """Before the first command: where it is."""
    global folder
    folder = given


def key(*parts: Any) -> str:
    """A name for what depends on these parts and on the versions of Python and dbt."""
    from dbt.version import __version__  # noqa: PLC0415 -- the host has loaded it

    return hashlib.sha256(repr((sys.version, __version__, parts)).encode()).hexdigest()[:24]


def place(kind: str) -> str:
    """The folder for one kind of things; made where it is not there yet."""
    path = os.path.join(folder, kind)
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def used(path: str) -> None:
    """It leaves later than what was not used."""
    try:
        os.utime(path)
    except OSError:
        return  # another host has just taken it away


def keep_to(kind: str, most: int) -> None:
    """Take away what was used least recently."""
    with os.scandir(place(kind)) as found:
        entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=_used_at)
    for entry in entries[: max(len(entries) - most, 0)]:
        remove(entry.path)


def _used_at(entry: Any) -> int:
    try:
        return int(entry.stat(follow_symlinks=False).st_mtime_ns)
    except OSError:
        return 0


def remove(path: str) -> None:
    """A file, or a folder with all in it; it may be gone already."""
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        try:
            os.unlink(path)
        except OSError:
            return
