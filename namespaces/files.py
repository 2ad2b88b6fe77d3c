"""The one door to the files of a namespace, which lie at `<storage>/<name/space>/_files/…`, and to other copies of them beside that.

Every step into a folder opens it by name below the folder before, and never through a symbolic link, so that nothing outside can be
reached whatever lies there or changes meanwhile. Nobody's rights are checked here: callers do that.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import secrets
import shutil
import stat as stats_module
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, Self

from django.conf import settings

from engine.globs import chosen
from namespaces.paths import FLOWS, TEMPORARY, UnsafePath, asked, clean, clean_file, namespace_folders
from ui.archives import DAMAGED
from ui.errors import Conflict, Invalid, Missing
from ui.formats import size as size_text

FILES = "_files"
TRASH = "_trash"
MOST_FOUND = 200
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NoSuchFile(Missing):
    """There is no such file."""


class NameTaken(Conflict):
    """Something with this name is already there."""


class TooLarge(Invalid):
    """The file is larger than this installation allows."""


@dataclass(frozen=True, slots=True)
class Stats:
    """A file or folder of a namespace; `path` is relative, with `/`. `size` is in bytes, 0 for folders."""

    path: str
    is_directory: bool
    size: int
    modified: datetime
    created: datetime

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


def _step(parent: int, name: str, create: bool, mode: int = 0o700) -> int:
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, mode, dir_fd=parent)
    try:
        return os.open(name, FOLDER_FLAGS, dir_fd=parent)
    except FileNotFoundError as error:
        raise NoSuchFile(f"There is no folder {name}.") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise (NameTaken if create else NoSuchFile)(f"{name} is not a folder.") from error
        raise


@dataclass(frozen=True, slots=True)
class Place:
    """One copy of a namespace's files: the folders, below those of the namespace, in which it lies."""

    namespace: str
    base: tuple[str, ...] = (FILES,)

    @property
    def key(self) -> str:
        """What names this copy within its namespace, in rows and addresses."""
        return "/".join(self.base)


def place_of(place: str | Place) -> Place:
    """A namespace's name means its own files."""
    return Place(place) if isinstance(place, str) else place


@contextlib.contextmanager
def folder_at(place: str | Place, parts: Sequence[str], *, create: bool = False, base: tuple[str, ...] = ()) -> Iterator[int]:
    """A descriptor of a folder of the place, or of another `base` in its namespace, made with its parents when `create`."""
    place = place_of(place)
    root = Path(settings.KESTRA_STORAGE)
    if create:
        root.mkdir(parents=True, exist_ok=True)
    try:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NoSuchFile from error
    try:
        for name in (*namespace_folders(place.namespace), *(base or place.base), *parts):
            below = _step(here, name, create)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def _entry(path: str, found: os.stat_result) -> Stats:
    is_directory = stats_module.S_ISDIR(found.st_mode)
    return Stats(
        path=path,
        is_directory=is_directory,
        size=0 if is_directory else found.st_size,
        modified=datetime.fromtimestamp(found.st_mtime, UTC),
        created=datetime.fromtimestamp(min(found.st_ctime, found.st_mtime), UTC),
    )


def _is_ours(found: os.stat_result) -> bool:
    return stats_module.S_ISDIR(found.st_mode) or stats_module.S_ISREG(found.st_mode)


def list_dir(place: str | Place, path: str = "") -> list[Stats]:
    """What lies in one folder, folders first, each by name; an empty list for a namespace without files. Raises `NoSuchFile`."""
    parts = clean(path)
    try:
        with folder_at(place, parts) as folder:
            names = [name for name in os.listdir(folder) if not name.startswith(TEMPORARY)]
            found = [(name, os.stat(name, dir_fd=folder, follow_symlinks=False)) for name in names]
    except NoSuchFile:
        if parts:
            raise
        return []
    entries = [_entry("/".join((*parts, name)), found_stat) for name, found_stat in found if _is_ours(found_stat)]
    return sorted(entries, key=lambda entry: (not entry.is_directory, entry.name.lower(), entry.name))


def walk(place: str | Place, path: str = "") -> Iterator[Stats]:
    """Every file and folder below `path`, folders before what is in them, by name."""
    parts = clean(path)
    with contextlib.suppress(NoSuchFile), folder_at(place, parts) as top:
        for folder, folders, names, descriptor in os.fwalk(".", dir_fd=top, follow_symlinks=False):
            folders.sort()
            inside = (*parts, *(part for part in folder.split("/") if part != "."))
            for name in sorted((*folders, *names)):
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if _is_ours(found) and not name.startswith(TEMPORARY):
                    yield _entry("/".join((*inside, name)), found)


def paths(place: str | Place, path: str = "") -> list[str]:
    """The paths of the files below `path`, by name: quicker than `walk`, which tells what each of them is like."""
    found: list[str] = []
    parts = clean(path)
    with contextlib.suppress(NoSuchFile), folder_at(place, parts) as top:
        _add_paths(top, "".join(f"{part}/" for part in parts), found)
    return sorted(found)


def _add_paths(folder: int, inside: str, found: list[str]) -> None:
    below = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below.append(entry.name)
            elif entry.is_file(follow_symlinks=False) and not entry.name.startswith(TEMPORARY):
                found.append(inside + entry.name)
    for name in below:
        with contextlib.suppress(NoSuchFile):
            descriptor = _step(folder, name, False)
            try:
                _add_paths(descriptor, f"{inside}{name}/", found)
            finally:
                os.close(descriptor)


def blobs(place: str | Place, path: str = "") -> dict[str, str]:
    """Every file below `path`, by its path there, with the id that Git gives to its content; folders end with `/` and have an empty id."""
    found: dict[str, str] = {}
    with contextlib.suppress(NoSuchFile), folder_at(place, clean(path)) as top:
        for folder, folders, names, descriptor in os.fwalk(".", dir_fd=top, follow_symlinks=False):
            inside = f"{folder[2:]}/" if folder != "." else ""
            found |= {f"{inside}{name}/": "" for name in folders}
            for name in names:
                if not name.startswith(TEMPORARY) and (sha := _blob(name, descriptor)):
                    found[inside + name] = sha
    return found


def blobs_of(place: str | Place, paths: Iterable[str]) -> dict[str, str | None]:
    """The ids that Git gives to the contents of these files; None where there is no file."""
    found: dict[str, str | None] = dict.fromkeys(paths)
    with contextlib.suppress(NoSuchFile), folder_at(place, ()) as top, Descent(top) as way:
        for path in found:
            parts = clean_file(path)
            with contextlib.suppress(NoSuchFile):
                found[path] = _blob(parts[-1], way.at(parts[:-1]))
    return found


def blob(place: str | Place, path: str) -> str | None:
    """The id that Git gives to the content of a file; None where there is no file."""
    parts = clean_file(path)
    with contextlib.suppress(NoSuchFile), folder_at(place, parts[:-1]) as folder:
        return _blob(parts[-1], folder)
    return None


def _blob(name: str, folder: int) -> str | None:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOENT):
            return None
        raise
    try:
        found = os.fstat(descriptor)
        if not stats_module.S_ISREG(found.st_mode):
            return None
        digest = hashlib.sha1(b"blob %d\0" % found.st_size, usedforsecurity=False)
        while piece := os.read(descriptor, min(found.st_size, 1 << 20) + 1):
            digest.update(piece)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def stats(place: str | Place, path: str = "") -> Stats:
    """One file or folder; raises `NoSuchFile`."""
    parts = clean(path)
    if not parts:
        with folder_at(place, (), create=True) as folder:
            return _entry("", os.fstat(folder))
    with folder_at(place, parts[:-1]) as folder:
        try:
            found = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError as error:
            raise NoSuchFile(f"There is no file {'/'.join(parts)}.") from error
    if not _is_ours(found):
        raise NoSuchFile(f"{'/'.join(parts)} is neither a file nor a folder.")
    return _entry("/".join(parts), found)


def exists(place: str | Place, path: str) -> bool:
    """Whether there is such a file or folder."""
    try:
        stats(place, path)
    except NoSuchFile:
        return False
    return True


def open_file(place: str | Place, path: str) -> IO[bytes]:
    """A file to read from, which the caller closes; raises `NoSuchFile`."""
    parts = clean_file(path)
    with folder_at(place, parts[:-1]) as folder:
        return _file(folder, parts)


def opened_below(way: Descent, path: str) -> IO[bytes]:
    """A file to read from, on the way from some folder down, which the caller closes; raises `NoSuchFile`."""
    parts = path.split("/")
    return _file(way.at(parts[:-1]), parts)


def _file(folder: int, parts: Sequence[str]) -> IO[bytes]:
    """The file with the last of these names in a folder, open to be read."""
    return os.fdopen(_descriptor(folder, parts), "rb")


def _descriptor(folder: int, parts: Sequence[str]) -> int:
    try:
        descriptor = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError as error:
        raise NoSuchFile(f"There is no file {'/'.join(parts)}.") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise NoSuchFile(f"{'/'.join(parts)} is not a file.") from error
        raise
    if not stats_module.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoSuchFile(f"{'/'.join(parts)} is a folder.")
    return descriptor


def read(place: str | Place, path: str) -> bytes:
    """The content of a file; raises `NoSuchFile`."""
    with open_file(place, path) as file:
        return file.read()


def write(place: str | Place, path: str, content: bytes | IO[bytes], *, overwrite: bool = True) -> Stats:
    """Write a file whole or not at all, with the folders above it. Raises `TooLarge`, and `NameTaken` for a folder of that name or,
    with `overwrite=False`, for anything."""
    parts = clean_file(path)
    limit = settings.KESTRA_LIMITS["file_bytes"]
    with folder_at(place, parts[:-1], create=True) as folder:
        if not overwrite and _is_there(parts[-1], folder):
            raise NameTaken(f"{'/'.join(parts)} is already there.")
        with replacing(folder, parts) as descriptor, os.fdopen(descriptor, "wb", closefd=False) as file:
            fill(file, content, limit, "/".join(parts))
        return _entry("/".join(parts), os.stat(parts[-1], dir_fd=folder, follow_symlinks=False))


def checked(place: str | Place, contents: Iterable[tuple[str, bytes | IO[bytes]]]) -> Iterator[tuple[str, bytes | IO[bytes]]]:
    """The same contents, as they come. Raises `UnsafePath`, and `NameTaken` for the path of a folder."""
    with folder_at(place, (), create=True) as top, Descent(top) as way:
        for path, content in contents:
            parts = clean_file(path)
            with contextlib.suppress(NoSuchFile, FileNotFoundError):
                if stats_module.S_ISDIR(os.stat(parts[-1], dir_fd=way.at(parts[:-1]), follow_symlinks=False).st_mode):
                    raise NameTaken(f"{'/'.join(parts)} is a folder.")
            yield "/".join(parts), content


def write_many(place: str | Place, contents: Iterable[tuple[str, bytes | IO[bytes]]]) -> Iterator[str]:
    """Write files as `write` does; tells each path when it is there."""
    limit = settings.KESTRA_LIMITS["file_bytes"]
    with folder_at(place, (), create=True) as top, Descent(top, create=True) as way:
        for path, content in contents:
            parts = clean_file(path)
            with replacing(way.at(parts[:-1]), parts) as descriptor, os.fdopen(descriptor, "wb", closefd=False) as file:
                fill(file, content, limit, path)
            yield path


@contextlib.contextmanager
def replacing(folder: int, parts: Sequence[str]) -> Iterator[int]:
    """A descriptor for what the file of this path, in its `folder`, is to hold; when the block ends well it is there, in one step."""
    temporary = f"{TEMPORARY}{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        try:
            yield descriptor
        finally:
            os.close(descriptor)
        os.rename(temporary, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
    except IsADirectoryError as error:
        os.unlink(temporary, dir_fd=folder)
        raise NameTaken(f"{'/'.join(parts)} is a folder.") from error
    except BaseException:  # whatever stopped it, the half-written file goes
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise


def fill(file: IO[bytes], content: bytes | IO[bytes], limit: int, path: str) -> None:
    """Write a content of at most `limit` bytes into a file; raises `TooLarge`, which names it by `path`."""
    written = 0
    pieces = iter([content]) if isinstance(content, bytes) else iter(lambda: content.read(1 << 20), b"")
    for piece in pieces:
        written += len(piece)
        if written > limit:
            raise TooLarge(f"{path} is larger than {size_text(limit)}, the largest file a namespace may keep here.")
        file.write(piece)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def make_dir(place: str | Place, path: str) -> Stats:
    """Make a folder with its parents; one that is there already stays as it is. Raises `NameTaken` for a file of that name."""
    parts = clean_file(path)
    with folder_at(place, parts, create=True) as folder:
        return _entry("/".join(parts), os.fstat(folder))


def move(place: str | Place, source: str, target: str) -> Stats:
    """Rename a file or folder, into another folder too. Raises `NoSuchFile`, `NameTaken`, and `UnsafePath` for a folder into itself."""
    old, new = clean_file(source), clean_file(target)
    if new[: len(old)] == old:
        if new == old:
            return stats(place, source)
        raise UnsafePath("A folder cannot be moved into itself.")
    stats(place, source)
    with folder_at(place, old[:-1]) as before, folder_at(place, new[:-1], create=True) as after:
        if _is_there(new[-1], after):
            raise NameTaken(f"{'/'.join(new)} is already there.")
        os.rename(old[-1], new[-1], src_dir_fd=before, dst_dir_fd=after)
    return stats(place, target)


def delete(place: str | Place, path: str) -> bool:
    """Take a file, or a folder with everything in it, away in one step and for good; False where there was none."""
    parts = clean_file(path)
    token = secrets.token_hex(12)
    try:
        with folder_at(place, parts[:-1]) as folder, folder_at(place, (), create=True, base=(TRASH,)) as trash:
            os.rename(parts[-1], token, src_dir_fd=folder, dst_dir_fd=trash)
            for name in os.listdir(trash):  # this one, and what a crash left there
                _remove(name, trash)
    except (NoSuchFile, FileNotFoundError):
        return False
    return True


def _remove(name: str, folder: int) -> None:
    try:
        if stats_module.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass  # someone else was as quick


def search(place: str | Place, query: str) -> list[str]:
    """Paths of the files that contain every word of `query`, whatever the case; at most 200."""
    words = query.lower().split()
    found = (path for path in paths(place) if all(word in path.lower() for word in words))
    return [path for path, _ in zip(found, range(MOST_FOUND), strict=False)]


def glob(place: str | Place, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """Paths of the files that the patterns choose (`engine.globs`), by name; all of them without patterns.

    Raises `Invalid` for a pattern that cannot be read.
    """
    try:
        return sorted(chosen(paths(place), include, exclude))
    except ValueError as error:
        raise Invalid(str(error)[:1].upper() + str(error)[1:]) from error


def copy_to(place: str | Place, folder: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """Copy the chosen files below `folder`, over what is there; answers their relative paths.

    A task may have put symbolic links there: they are replaced, never followed.
    """
    paths = glob(place, include, exclude)
    copy_paths(place, folder, paths)
    return paths


def copy_paths(place: str | Place, folder: Path, paths: Sequence[str]) -> None:
    """Copy these files below `folder`, in the same way. Raises `NoSuchFile` for one that is gone."""
    if not paths:
        return
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with folder_at(place, ()) as source, Descent(source) as before, Descent(top, create=True, mode=0o755) as after:
            for path in paths:
                parts = path.split("/")
                original = _descriptor(before.at(parts[:-1]), parts)
                try:
                    _copy(original, after.at(parts[:-1]), parts[-1])
                finally:
                    os.close(original)
    finally:
        os.close(top)


class Descent:
    """The way from a folder down to where the file before lay: the next one is entered from the last folder that both share."""

    def __init__(self, top: int, *, create: bool = False, mode: int = 0o700) -> None:
        self.top, self.create, self.mode = top, create, mode
        self.way: list[tuple[str, int]] = []

    def at(self, parts: Sequence[str]) -> int:
        """A descriptor of this folder, for as long as no other is asked for. Raises `NoSuchFile`, `NameTaken`."""
        shared = next((depth for depth, (name, _) in enumerate(self.way) if [name] != list(parts[depth : depth + 1])), len(self.way))
        self._leave(shared)
        for name in parts[shared:]:
            self.way.append((name, _step(self.way[-1][1] if self.way else self.top, name, self.create, self.mode)))
        return self.way[-1][1] if self.way else self.top

    def _leave(self, depth: int) -> None:
        while len(self.way) > depth:
            os.close(self.way.pop()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(0)


def _copy(source: int, folder: int, name: str) -> None:
    """An open file into one of this folder, in place of what has its name.

    The kernel copies; where the file system can, both share their blocks until one is changed. Never a hard link: a task may write.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        copy = os.open(name, flags, 0o644, dir_fd=folder)
    except FileExistsError:
        os.unlink(name, dir_fd=folder)
        copy = os.open(name, flags, 0o644, dir_fd=folder)
    try:
        _fill(source, copy)
    finally:
        os.close(copy)


def _fill(source: int, copy: int) -> None:
    left = os.fstat(source).st_size
    try:
        while left > 0 and (done := os.copy_file_range(source, copy, left)):
            left -= done
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        while left > 0 and (done := os.sendfile(copy, source, None, left)):  # from where the other one stopped
            left -= done


def export_zip(place: str | Place, flows: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """Every file of the namespace as a zip archive, and in its folder `_flows` the sources of `flows` by their ids."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in glob(place):
            with open_file(place, path) as source, archive.open(path, "w", force_zip64=True) as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        for flow_id, text in flows.items():
            archive.writestr(f"{FLOWS}/{flow_id}.yml", text)
    return target.getvalue()


@contextlib.contextmanager
def opened_zip(source: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """A zip archive to read from; raises `Invalid`."""
    try:
        archive = zipfile.ZipFile(source)
    except DAMAGED as error:
        raise Invalid("This is not a zip archive.") from error
    with archive:
        yield archive


def members_of(archive: zipfile.ZipFile, *, apart: bool = False) -> tuple[list[zipfile.ZipInfo], list[zipfile.ZipInfo]]:
    """The files of a zip archive that can all be written; and `apart` from them those of its folder `_flows`. Raises `Invalid`."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    limit = settings.KESTRA_LIMITS["upload_bytes"]
    if sum(member.file_size for member in members) > 10 * limit or len(members) > 10_000:
        raise TooLarge(f"Unpacked, the archive is larger than {size_text(10 * limit)} or has more than 10 000 files.")
    flows = [member for member in members if apart and member.filename.startswith(f"{FLOWS}/")]
    members = [member for member in members if member not in flows]
    for member in members:
        clean_file(asked(member.filename))
    try:
        damaged = archive.testzip()
    except DAMAGED as error:
        raise Invalid("The archive is damaged, encrypted or packed by an unknown method; nothing was unpacked.") from error
    if damaged is not None:
        raise Invalid(f"The archive is damaged at {damaged[:200]}; nothing was unpacked.")
    return members, flows


def used(place: str | Place) -> tuple[int, int]:
    """How many files the namespace has and how many bytes they take."""
    sizes = [entry.size for entry in walk(place) if not entry.is_directory]
    return len(sizes), sum(sizes)
