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


def put(fresh: str, path: str) -> None:
    """Move what is complete to where others find it; it takes the place of what is there."""
    old = f"{os.path.dirname(path)}/.{os.getpid()}-old"
    if os.path.lexists(path):
        os.rename(path, old)
    os.rename(fresh, path)
    remove(old)


def newest(kind: str) -> list[str]:
    """All of a kind, what was used last first."""
    with os.scandir(place(kind)) as found:
        return [entry.path for entry in sorted((one for one in found if not one.name.startswith(".")), key=_used_at, reverse=True)]


def keep_to(kind: str, most: int, most_bytes: int) -> None:
    """Take away what was used least recently."""
    taken = 0
    for number, path in enumerate(newest(kind)):
        taken += _size(path)
        if number >= most or (number and taken > most_bytes):
            remove(path)


def _size(path: str) -> int:
    found = 0
    for folder_path, _, names in os.walk(path):
        for name in names:
            try:
                found += os.lstat(os.path.join(folder_path, name)).st_size
            except OSError:
                continue  # just taken away by another host
    return found


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
