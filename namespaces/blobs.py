"""Contents of namespace files, each kept once in its namespace under the id that Git gives it: `_blobs/ab/cdef…`, never changed; small
ones that came together lie in bundles beside them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import re
import secrets
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO

from django.conf import settings

from namespaces import bundles as bundling
from namespaces import files
from namespaces.bundles import SMALL, Bundles
from namespaces.files import FOLDER_FLAGS, NoSuchFile, Place
from namespaces.paths import TEMPORARY

BLOBS = "_blobs"
LOCK = "lock"
YOUNG = 86_400  # seconds that a content which nothing names is kept: whoever wrote it may be about to name it
FEW = 16  # contents that are not worth a thread
AT_ONCE = 8
ID = re.compile(r"[0-9a-f]{40}", re.ASCII)


class Forgotten(NoSuchFile):
    """This content is kept no longer."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A content: the id that Git gives it, and its bytes."""

    id: str
    size: int


def id_of(content: bytes) -> str:
    """The id that Git gives to a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def keep(namespace: str, contents: Iterable[tuple[str, bytes | IO[bytes]]]) -> list[Blob]:
    """Keep contents so that they outlive a crash of the machine; each comes with the path that `TooLarge` names it by."""
    found: list[Blob] = []
    written: set[str] = set()
    with files.folder_at(namespace, (), create=True, base=(BLOBS,)) as top:
        bundles = Bundles(top)
        for path, content in contents:
            if isinstance(content, bytes) and len(content) <= min(SMALL, settings.KESTRA_LIMITS["file_bytes"]):
                found.append(Blob(id_of(content), len(content)))
                if not _is_kept(top, bundles, found[-1]):
                    bundles.add(found[-1].id, content)
                continue
            blob, is_new = _keep(top, bundles, content, path)
            found.append(blob)
            if is_new:
                written.add(blob.id)
        for blob_id, content in bundles.taken(FEW).items():
            _keep(top, bundles, content, "")
            written.add(blob_id)
        _settle(top, written)
    return found


def _keep(top: int, bundles: Bundles, content: bytes | IO[bytes], path: str) -> tuple[Blob, bool]:
    if isinstance(content, bytes):
        blob = Blob(id_of(content), len(content))
        if _is_kept(top, bundles, blob):
            return blob, False
    temporary = f"{TEMPORARY}{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=top)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            files.fill(file, content, settings.KESTRA_LIMITS["file_bytes"], path)
            if not isinstance(content, bytes):
                blob = _measured(file)
                if _is_kept(top, bundles, blob):
                    os.unlink(temporary, dir_fd=top)
                    return blob, False
        _move_in(top, temporary, blob)
    except BaseException:  # whatever stopped it, the half-written content goes
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=top)
        raise
    return blob, True


def _measured(file: IO[bytes]) -> Blob:
    """Id and size of what was written into a file."""
    file.flush()
    size = os.fstat(file.fileno()).st_size
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    file.seek(0)
    while piece := file.read(1 << 20):
        digest.update(piece)
    return Blob(digest.hexdigest(), size)


def _is_kept(top: int, bundles: Bundles, blob: Blob) -> bool:
    """Whether a content is there already; then it is young again, so that nobody removes it before it is named."""
    name = _name(blob.id)
    try:
        if os.stat(name, dir_fd=top, follow_symlinks=False).st_size != blob.size:
            return False
    except FileNotFoundError:
        name = bundles.name_of(blob.id)
        if not name:
            return blob.id in bundles.waiting
    try:
        os.utime(name, dir_fd=top, follow_symlinks=False)
    except FileNotFoundError:  # somebody has just let go of it
        return False
    return True


def _move_in(top: int, temporary: str, blob: Blob) -> None:
    name = _name(blob.id)
    try:
        os.rename(temporary, name, src_dir_fd=top, dst_dir_fd=top)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.mkdir(blob.id[:2], 0o700, dir_fd=top)
        os.rename(temporary, name, src_dir_fd=top, dst_dir_fd=top)


def _name(blob: str) -> str:
    return f"{blob[:2]}/{blob[2:]}"


def _settle(top: int, written: Iterable[str]) -> None:
    """Have the disk keep these contents and the folders that name them."""
    names = [_name(blob) for blob in written]
    names += sorted({name[:2] for name in names})

    def settle(name: str) -> None:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    if len(names) <= FEW:
        for name in names:
            settle(name)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(settle, names))


def opened(namespace: str, blob: str) -> IO[bytes]:
    """A content to read from, which the caller closes; raises `Forgotten`."""
    if not ID.fullmatch(blob):
        raise Forgotten
    try:
        return files.open_file(Place(namespace, (BLOBS,)), _name(blob))
    except NoSuchFile as error:
        with contextlib.suppress(NoSuchFile), files.folder_at(namespace, (), base=(BLOBS,)) as top:
            if (content := Bundles(top).content(blob)) is not None:
                return io.BytesIO(content)
        raise Forgotten from error


def bring(place: Place, wanted: Mapping[str, str]) -> Iterator[str]:
    """Give files contents that are kept, by their ids; tells each path when it is done. Raises `NoSuchFile`, and as `files.write` does."""
    if wanted:
        with files.folder_at(place.namespace, (), base=(BLOBS,)) as top, files.Descent(top) as way:
            yield from files.write_many(place, _contents(way, Bundles(top), wanted))


def _contents(way: files.Descent, bundles: Bundles, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes | IO[bytes]]]:
    for path, blob in wanted.items():
        content = bundles.content(blob)
        if content is not None:
            yield path, content
            continue
        with files.opened_below(way, _name(blob)) as file:
            yield path, file


def read(namespace: str, blob: str) -> bytes:
    """A content; raises `Forgotten`."""
    with opened(namespace, blob) as file:
        return file.read()


@contextlib.contextmanager
def changing(namespace: str) -> Iterator[None]:
    """While this lasts nobody else changes the files of the namespace, in any of its copies. Not to be entered twice."""
    with files.folder_at(namespace, (), create=True, base=(BLOBS,)) as top:
        descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=top)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def are_in(namespace: str) -> bool:
    """Whether the namespace has contents at all."""
    with contextlib.suppress(NoSuchFile), files.folder_at(namespace, (), base=(BLOBS,)):
        return True
    return False


def forget_others(namespace: str, named: Container[str]) -> int:
    """Remove the contents that are not `named` and are not young; answers how many. For whoever is `changing` the namespace."""
    before, gone = time.time() - YOUNG, 0
    with contextlib.suppress(NoSuchFile), files.folder_at(namespace, (), base=(BLOBS,)) as top:
        for fan in (name for name in os.listdir(top) if name != LOCK):
            if fan.startswith(TEMPORARY):
                gone += _forget(top, fan, before)
                continue
            if fan.startswith(bundling.PREFIX):
                gone += bundling.forget(top, fan, named, before)
                continue
            folder = os.open(fan, FOLDER_FLAGS, dir_fd=top)
            try:
                gone += sum(_forget(folder, name, before) for name in os.listdir(folder) if fan + name not in named)
            finally:
                os.close(folder)
        bundling.join(top, before)
    return gone


def _forget(folder: int, name: str, before: float) -> int:
    if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime >= before:
        return 0
    os.unlink(name, dir_fd=folder)
    return 1
