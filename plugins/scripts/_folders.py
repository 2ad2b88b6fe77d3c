"""Writing into and collecting from a task's folder, which the task itself may have filled with links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from plugins.contract import TaskFailed

PRIVATE = ".kestra"  # below the working directory: ours, never an output


def inside(folder: Path, name: str) -> Path:
    """The path of `name` below `folder`; TaskFailed for a name that leads out of it, by itself or by a link on its way."""
    pure = PurePosixPath(name.replace("\\", "/"))
    if not name.strip() or "\x00" in name or pure.is_absolute() or ".." in pure.parts or name.startswith("./"):
        raise TaskFailed(f"Invalid file name '{name}': a name relative to the working directory is expected", retryable=False)
    path = folder.joinpath(*pure.parts)
    root = folder.resolve()
    if not path.parent.resolve().is_relative_to(root):
        raise TaskFailed(f"Invalid file name '{name}': a link on its way leads out of the working directory", retryable=False)
    return path


def write(folder: Path, name: str, content: bytes | Path) -> Path:
    """Write a file below `folder`, making its folders and replacing what was there (a link is replaced, not followed)."""
    path = inside(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        path.unlink()
    if isinstance(content, Path):
        shutil.copyfile(content, path)
    else:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    return path


def read_inside(folder: Path, path: Path) -> bytes | None:
    """The bytes of a plain file that truly lies below `folder`; None where there is none."""
    return path.read_bytes() if is_own_file(folder, path) else None


def is_own_file(folder: Path, path: Path) -> bool:
    """Whether `path` is a plain file below `folder` once its links are followed."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return real.is_file() and real.is_relative_to(folder.resolve())


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every plain file below `folder` as (relative path, path), sorted by folder; what is private or links outside is left out."""
    root = folder.resolve()
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not (name == PRIVATE and Path(parent) == root))
        for name in sorted(names):
            path = Path(parent, name)
            if is_own_file(root, path):
                yield path.relative_to(root).as_posix(), path
