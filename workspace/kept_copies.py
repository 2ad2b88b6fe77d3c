"""A copy of a dbt project on this worker's disk for each person, place and kind of question, in which unsaved text may stand.

What is the same as last time stays as it is, so that dbt, which is loaded already, reads again what changed and nothing else.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from namespaces import files
from namespaces.files import Place, Stats
from plugins.core.runner._hand_over import hand_over
from plugins.scripts import _folders

# How to connect, what dbt did, and what it compiled, which may hold secrets: for as long as one answer takes.
PROFILES, LOGS, TARGET = "profiles", "logs", "target"
PARSED = "partial_parse.msgpack"  # what stays of the target folder
DAYS = 7  # after which a copy that nobody used goes
_Index = dict[str, list[object] | None]


class KeptCopy:
    """One copy. `files` mirrors the place; what dbt needs and leaves lies beside it."""

    def __init__(self, place: Place, user_id: int, kind: str) -> None:
        name = hashlib.sha256(repr((place.namespace, place.key, user_id, kind)).encode()).hexdigest()[:24]
        self.place = place
        self.folder = Path(settings.KESTRA_HOME) / "workspaces" / name
        self.files, self.beside = self.folder / "files", self.folder / "beside"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have it for oneself: made where it is not there yet, used from now on."""
        account = settings.KESTRA_RUN_AS if os.geteuid() == 0 else None
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711 if account else 0o700)
        self.folder.mkdir(exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
            os.utime(self.folder)
            for part in (self.files, self.beside):
                part.mkdir(exist_ok=True, mode=0o700)
                hand_over(part, account)
            try:
                # Between the answers nobody gets in: tasks of other namespaces run under the same account.
                self.folder.chmod(0o711 if account else 0o700)
                yield
            finally:
                _clear(self.beside, lambda name: name in (PROFILES, LOGS))
                _clear(self.beside / TARGET, lambda name: name != PARSED)
                self.folder.chmod(0o700)

    def bring(self, path: str, text: str | None) -> bool:
        """Make it what the place is now, with `text` for the file at `path` (None: as it is saved). Answers whether anything changed."""
        entries = {entry.path: entry for entry in files.walk(self.place) if not entry.is_directory}
        known = self._index()
        stale = [name for name, entry in entries.items() if known.get(name) != _mark(entry) and not (name == path and text is not None)]
        gone = [name for name in known if name not in entries and name != path]
        if path and text is None and path not in entries:
            gone.append(path)
        for name in gone:
            _remove(self.files, name)
        for name in stale:
            with suppress(files.NoSuchFile):  # it went meanwhile
                files.copy_paths(self.place, self.files, [name])
        written = text is not None and self._write(path, text)
        marks: _Index = {name: _mark(entry) for name, entry in entries.items()}
        if text is not None:
            marks[path] = None  # another time it is to be what is saved
        if stale or gone or marks != known:
            _replace(self.folder / "index", json.dumps(marks))
        return bool(stale or gone or written)

    def _write(self, path: str, text: str) -> bool:
        content = text.encode(errors="replace")
        if _folders.read_inside(self.files, self.files / path) == content:
            return False
        _remove(self.files, path)
        _folders.write(self.files, path, content)
        return True

    def _index(self) -> _Index:
        try:
            found: _Index = json.loads((self.folder / "index").read_text())
        except (OSError, ValueError):
            shutil.rmtree(self.files, ignore_errors=True)  # nothing is known of what lies there
            self.files.mkdir(exist_ok=True, mode=0o700)
            return {}
        return found


def _clear(folder: Path, goes: Callable[[str], bool]) -> None:
    """Take away what lies in a folder that commands of dbt may have filled with links, or have put one in place of."""
    try:
        here = os.open(folder, files.FOLDER_FLAGS)
    except OSError:
        return
    try:
        for name in filter(goes, os.listdir(here)):
            try:
                os.unlink(name, dir_fd=here)
            except OSError:  # a folder
                shutil.rmtree(name, ignore_errors=True, dir_fd=here)
    finally:
        os.close(here)


def _mark(entry: Stats) -> list[object]:
    return [entry.size, entry.modified.timestamp()]


def _remove(folder: Path, name: str) -> None:
    """Take a file away, never through a link that a command of dbt may have put there."""
    parts = name.split("/")
    try:
        here = os.open(folder, files.FOLDER_FLAGS)
        for part in parts[:-1]:
            below = os.open(part, files.FOLDER_FLAGS, dir_fd=here)
            os.close(here)
            here = below
    except OSError:
        return
    try:
        os.unlink(parts[-1], dir_fd=here)
    except OSError:
        pass  # it is gone, or is a folder now
    finally:
        os.close(here)


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    part.replace(path)


def forget_old() -> None:
    """Remove the copies that nobody used for a week."""
    for folder in (Path(settings.KESTRA_HOME) / "workspaces").glob("*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > DAYS * 86400:
                shutil.rmtree(folder, ignore_errors=True)
