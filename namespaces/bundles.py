"""Small contents that came to a namespace together, in one file beside the single ones: `_blobs/many-…`, never changed.

What a sync brings is there at once: a file system takes as long for a file of ten bytes as for one that holds all of them, and the disk
longer to keep thousands. A bundle begins with its index: the number of its contents, then the id and the size of each.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from namespaces import files

PREFIX = "many-"
SMALL = 1 << 16  # bytes of a content that goes into a bundle
FULL = 1 << 24  # bytes of contents that make a bundle
MOST_KNOWN = 256  # indexes in memory
MANY = 16  # bundles that are not full, from which on they are joined
_COUNT, _ENTRY = struct.Struct(">Q"), struct.Struct(">20sQ")

Index = Mapping[str, tuple[int, int]]  # id → where its content begins, and its size
_known: dict[str, Index] = {}  # by the name of the bundle, which no other has


@dataclass(slots=True)
class Bundles:
    """The bundles of one namespace, in the folder of its contents, as they are when it is first asked for one."""

    top: int
    waiting: dict[str, bytes] = field(default_factory=dict, init=False)
    _weight: int = field(default=0, init=False)
    _found: dict[str, Index] | None = field(default=None, init=False)

    def add(self, blob: str, content: bytes) -> None:
        """Have a content wait for others, and keep them together when they are enough."""
        self.waiting[blob] = content
        self._weight += len(content)
        if self._weight >= FULL:
            self.taken(0)

    def taken(self, few: int) -> dict[str, bytes]:
        """Keep together what waits; if it is only a few, it is given back to be kept one by one."""
        taken, self.waiting, self._weight = self.waiting, {}, 0
        if len(taken) <= few:
            return taken
        keep(self.top, taken)
        return {}

    def name_of(self, blob: str) -> str:
        """The bundle that has a content; empty where none has."""
        return next((name for name, index in self._all().items() if blob in index), "")

    def content(self, blob: str) -> bytes | None:
        """A content; None where no bundle has it."""
        for _ in range(2):
            if not (name := self.name_of(blob)):
                return None
            with contextlib.suppress(FileNotFoundError):
                return _contents(self.top, name, [blob])[blob]
            self._found = None  # what it had lies in another one by now, or is gone
        return None

    def _all(self) -> dict[str, Index]:
        if self._found is None:
            self._found = {}
            for name in os.listdir(self.top):
                if name.startswith(PREFIX):
                    with contextlib.suppress(FileNotFoundError):  # somebody has just let go of it
                        self._found[name] = _index(self.top, name)
        return self._found


def keep(top: int, contents: Mapping[str, bytes]) -> None:
    """Keep contents, by their ids, so that they outlive a crash of the machine."""
    name = f"{PREFIX}{secrets.token_hex(12)}"
    with files.replacing(top, [name]) as descriptor, os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(_COUNT.pack(len(contents)))
        file.writelines(_ENTRY.pack(bytes.fromhex(blob), len(content)) for blob, content in contents.items())
        file.writelines(contents.values())
        file.flush()
        os.fsync(descriptor)
    os.fsync(top)


def forget(top: int, name: str, named: Container[str], before: float) -> int:
    """Let go of the contents of a bundle that are not `named`, if it is older than `before`; answers how many."""
    if os.stat(name, dir_fd=top, follow_symlinks=False).st_mtime >= before:
        return 0
    index = _index(top, name)
    kept = [blob for blob in index if blob in named]
    if len(kept) == len(index):
        return 0
    if kept:
        keep(top, _contents(top, name, kept))
    os.unlink(name, dir_fd=top)
    return len(index) - len(kept)


def join(top: int, before: float) -> None:
    """Put contents of bundles that are older than `before` into as few as hold them, once there are many that are not full."""
    told = {name: os.stat(name, dir_fd=top, follow_symlinks=False) for name in os.listdir(top) if name.startswith(PREFIX)}
    small = [name for name, about in told.items() if about.st_size < FULL and about.st_mtime < before]
    if len(small) <= MANY:
        return
    together: dict[str, bytes] = {}
    joined: list[str] = []
    for name in small:
        together |= _contents(top, name, list(_index(top, name)))
        joined.append(name)
        if sum(map(len, together.values())) >= FULL or name == small[-1]:
            keep(top, together)
            for done in joined:
                os.unlink(done, dir_fd=top)
            together, joined = {}, []


def _index(top: int, name: str) -> Index:
    if (known := _known.get(name)) is None:
        found: dict[str, tuple[int, int]] = {}
        with open(name, "rb", opener=_opener(top)) as file:
            (count,) = _COUNT.unpack(file.read(_COUNT.size))
            at = _COUNT.size + count * _ENTRY.size
            for blob, size in _ENTRY.iter_unpack(file.read(count * _ENTRY.size)):
                found[blob.hex()] = (at, size)
                at += size
        while len(_known) >= MOST_KNOWN:
            with contextlib.suppress(KeyError, RuntimeError):  # other threads do the same
                del _known[next(iter(_known))]
        _known[name] = found
        return found
    return known


def _contents(top: int, name: str, blobs: list[str]) -> dict[str, bytes]:
    index = _index(top, name)
    with open(name, "rb", opener=_opener(top)) as file:
        return {blob: os.pread(file.fileno(), size, at) for blob in blobs for at, size in [index[blob]]}


def _opener(top: int) -> Callable[[str, int], int]:
    return lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, dir_fd=top)
