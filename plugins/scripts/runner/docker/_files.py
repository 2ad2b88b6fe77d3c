"""The working directory's way into a container and back, as tar archives."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from plugins.scripts import _folders

_SPOOL = 16 << 20


@contextmanager
def packed(folder: Path) -> Iterator[IO[bytes]]:
    """A folder as an archive whose members carry their absolute path, so that it unpacks at `/`. Anybody in the container may write."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        with tarfile.open(fileobj=spool, mode="w|") as archive:
            for parent in reversed(folder.parents[:-1]):
                archive.addfile(_folder(str(parent), 0o755))
            archive.addfile(_folder(str(folder), 0o777))
            for root, folders, files in os.walk(folder):
                for name in (*sorted(folders), *sorted(files)):
                    _add(archive, Path(root, name))
        spool.seek(0)
        yield spool


def _folder(path: str, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path.lstrip("/"))
    info.type, info.mode = tarfile.DIRTYPE, mode
    return info


def _add(archive: tarfile.TarFile, path: Path) -> None:
    info = archive.gettarinfo(str(path), arcname=str(path).lstrip("/"))
    if info is None or not (info.isreg() or info.isdir() or info.issym() or info.islnk()):
        return
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode |= 0o777 if info.isdir() else 0o666
    if info.islnk():  # the first name of the file may be written differently in there: send the content again
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
    if info.isreg():
        with path.open("rb") as file:
            archive.addfile(info, file)
    else:
        archive.addfile(info)


def unpack(chunks: Iterable[bytes], folder: Path) -> None:
    """Write what a container gave back over `folder`: plain files, folders, and links that stay inside. Its top folder is `folder`."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        for chunk in chunks:
            spool.write(chunk)
        spool.seek(0)
        with tarfile.open(fileobj=spool, mode="r:") as archive:
            for member in archive:
                name = "/".join(PurePosixPath(member.name).parts[1:])
                if name:
                    _take(archive, member, folder, name)


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, name: str) -> None:
    target = _folders.inside(folder, name)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        if (target.parent / member.linkname).resolve().is_relative_to(folder.resolve()):
            target.unlink(missing_ok=True)
            target.symlink_to(member.linkname)
        return
    source = archive.extractfile(member) if member.isreg() or member.islnk() else None
    if source is not None:
        _folders.write(folder, name, source.read())
        target.chmod(0o644 | (member.mode & 0o111))
