"""The cache of a WorkingDirectory: files that are kept, as one archive, from one execution of a flow to the next."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.utils import timezone

from engine.document import Task
from engine.expressions.values import parse_duration
from executions import storage
from executions.context import Context
from executions.kept_files import CHUNK, Kept
from executions.ports import opened_inside
from plugins.contract import TaskFailed
from plugins.scripts import _folders, _globs
from ui.errors import KestraError

STORED = zipfile.ZIP_DEFLATED


def restore(context: Context, task: Task) -> None:
    """Put what was kept into the folder, unless it is older than `ttl`."""
    cache = _of(task)
    uri = uri_of(context, task)
    found = storage.kept(uri) if cache is not None else None
    if cache is None or found is None:
        return
    if _expired(cache, found):
        storage.delete(uri)  # what is the same as before is kept anew, with a new age
        return
    with zipfile.ZipFile(storage.existing(uri)) as kept:
        for entry in kept.infolist():
            _folders.write(context.working_dir, entry.filename, kept.read(entry))
    context.log("DEBUG", f"Brought {len(kept.infolist())} file(s) from the cache")


def keep(context: Context, task: Task) -> None:
    """Keep what the patterns choose, where it differs from what is kept already."""
    cache = _of(task)
    if cache is None:
        return
    patterns = [str(pattern) for pattern in cache.get("patterns") or ()]
    chosen = {name: path for name, path in _folders.files(context.working_dir) if _globs.matches(name, patterns, anywhere=False)}
    try:
        with tempfile.NamedTemporaryFile(dir=context.working_dir.parent, suffix=".zip") as file:
            _pack(context.working_dir, chosen, Path(file.name))
            uri = uri_of(context, task)
            if chosen and _contents(Path(file.name)) != _kept_contents(uri):
                storage.write(uri, file)
                context.log("DEBUG", f"Kept {len(chosen)} file(s) in the cache")
    except (OSError, KestraError) as error:
        context.log("WARN", f"The cache could not be kept: {error.message if isinstance(error, KestraError) else error.strerror}")


def uri_of(context: Context, task: Task) -> str:
    """Where the archive lies: one for a task of a flow, and for each value of a loop around it."""
    flow = f"{storage.SCHEME}/{context.flow.namespace.replace('.', '/')}/{storage.slug(context.flow.id)}"
    value = context.value
    apart = "" if value is None else f"{hashlib.sha256(value.encode()).hexdigest()[:32]}/"
    return f"{flow}/{storage.slug(task.id)}/cache/{apart}cache.zip"


def _of(task: Task) -> Mapping[str, Any] | None:
    cache = task.properties.get("cache")
    return cache if isinstance(cache, Mapping) else None


def _expired(cache: Mapping[str, Any], found: Kept) -> bool:
    if cache.get("ttl") is None:
        return False
    try:
        longest = parse_duration(str(cache["ttl"]))
    except ValueError as error:
        raise TaskFailed(f"Invalid ttl of the cache: {error}", retryable=False) from error
    return timezone.now() - found.modified > longest


def _pack(folder: Path, chosen: Mapping[str, Path], target: Path) -> None:
    with zipfile.ZipFile(target, "w", STORED) as archive:
        for name, path in sorted(chosen.items()):
            with opened_inside(folder, path) as source, archive.open(name, "w", force_zip64=True) as entry:
                while chunk := source.read(CHUNK):
                    entry.write(chunk)


def _contents(archive: Path) -> Iterable[tuple[str, int, int]]:
    """Names, sizes and checksums."""
    with zipfile.ZipFile(archive) as kept:
        return sorted((entry.filename, entry.file_size, entry.CRC) for entry in kept.infolist())


def _kept_contents(uri: str) -> Iterable[tuple[str, int, int]]:
    """Those of what is kept; nothing where nothing is."""
    return [] if storage.kept(uri) is None else _contents(storage.existing(uri))
