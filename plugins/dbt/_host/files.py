"""Whether the files of a project are still those that were parsed: seen at a glance, without an object for each.

A file that has kept its inode, size and times since it was read is not read again. Times that were young when it was read prove nothing:
within the same tick of the clock it may have been written once more.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from dbt.constants import DEFAULT_ENV_PLACEHOLDER, MAXIMUM_SEED_SIZE
from dbt.contracts.files import FileHash, ParseFileType
from dbt.parser import read_files as reading

from .learned import Learned

YOUNG = 2_000_000_000  # nanoseconds
SEEN = Learned("seen", 50_000)  # device and inode: size, times of content and inode, checksum


def same(manifest: Any, projects: dict[str, Any]) -> bool:
    """Whether dbt would find that nothing has changed since it parsed this manifest. False, too, where only dbt itself can tell."""
    try:
        return _same_variables(manifest.env_vars) and _same_files(manifest.files, projects)
    except (OSError, UnicodeDecodeError):
        return False  # dbt says what is wrong


def _same_variables(variables: dict[str, str]) -> bool:
    """Whether the environment has the values with which the project was parsed."""
    return all(os.environ.get(name, DEFAULT_ENV_PLACEHOLDER) == value for name, value in variables.items())


def _same_files(known: dict[str, Any], projects: dict[str, Any]) -> bool:
    found = set()
    for project in projects.values():
        if os.path.exists(os.path.join(project.project_root, ".dbtignore")):
            return False
        for name, kind, entry in _files_of(project):
            file = known.get(name)
            if file is None or file.checksum.name not in ("sha256", "path") or file.checksum.checksum != _checksum(kind, name, entry):
                return False
            found.add(name)
    return len(found) == len(known)


def _files_of(project: Any) -> Iterator[tuple[str, Any, os.DirEntry[str]]]:
    """Id and kind of every file that dbt would read, as `find_matching` finds them."""
    walked: dict[str, list[tuple[str, os.DirEntry[str]]]] = {}
    root = os.path.normpath(project.project_root)
    for kind, wanted in reading.get_file_types_for_project(project).items():
        endings = tuple(wanted["extensions"])
        for searched in wanted["paths"]:
            if searched not in walked:
                walked[searched] = list(_walk(os.path.join(root, searched), ""))
            for relative, entry in walked[searched]:
                if entry.name[0] in ".#~" or not entry.name.lower().endswith(endings):
                    continue
                if kind == ParseFileType.SingularTest and relative.startswith(("generic/", "fixtures/")):
                    continue
                yield f"{project.project_name}://{os.path.join(searched, relative)}", kind, entry


def _walk(folder: str, before: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below a folder, by its path there; as `os.walk` does, which enters no folder by a link."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if not entry.is_dir():
            yield before + entry.name, entry
        elif not entry.is_symlink():
            yield from _walk(entry.path, f"{before}{entry.name}/")


def _checksum(kind: Any, name: str, entry: os.DirEntry[str]) -> str:
    """What dbt takes for the checksum of a file."""
    stat = entry.stat()
    if kind == ParseFileType.Seed and stat.st_size > MAXIMUM_SEED_SIZE:
        return str(FileHash.path(name.partition("://")[2]).checksum)
    place, facts = (stat.st_dev, stat.st_ino), (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    seen = SEEN.known.get(place)
    if seen is not None and seen[:3] == facts:
        return str(seen[3])
    now = time.time_ns()
    with open(entry.path, "rb", buffering=0) as file:
        found = hashlib.sha256(file.read().decode().strip().encode()).hexdigest()
    if max(stat.st_mtime_ns, stat.st_ctime_ns) < now - YOUNG:
        SEEN.fresh[place] = (*facts, found)
    return found


def install(reader_of: Callable[[], Any]) -> None:
    """Once, before any fork. `reader_of()` answers the loader that reads files now, or None."""
    reader: Any = reading.ReadFilesFromFileSystem
    plain = reader.read_files

    def read_files(self: Any) -> None:
        loader = reader_of()
        if loader is not None and self.saved_files is loader.saved_manifest.files and same(loader.saved_manifest, self.all_projects):
            self.files, self.project_parser_files = self.saved_files, {}
        else:
            plain(self)

    reader.read_files = read_files
