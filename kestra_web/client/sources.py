"""Flow sources among files and folders."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.yaml_ import load
from kestra_web.client.connection import Failed

SEPARATOR = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Source:
    """One flow as it stands in a file; `place` is the file, with the document's number where it has several."""

    place: str
    text: str

    @property
    def mapping(self) -> dict[str, Any]:
        value = load(self.text).value
        return value if isinstance(value, dict) else {}

    @property
    def name(self) -> tuple[str, str]:
        """Namespace and id; raises Failed for a text that has none."""
        namespace, id_ = self.mapping.get("namespace"), self.mapping.get("id")
        if not isinstance(namespace, str) or not isinstance(id_, str):
            raise Failed(f"{self.place}: a flow needs `id` and `namespace`")
        return namespace, id_


def found(paths: Sequence[str]) -> list[Source]:
    """The flows in these files, in the `.yml` and `.yaml` files of these folders, and in the standard input for `-`. Raises Failed."""
    sources = [source for path in paths for source in _in_path(path)]
    if not sources:
        raise Failed(f"no flow in {', '.join(paths)}: expected YAML files")
    return sources


def _in_path(path: str) -> Iterator[Source]:
    if path == "-":
        yield from _documents("standard input", sys.stdin.read())
        return
    where = Path(path)
    if not where.exists():
        raise Failed(f"{path}: there is no such file or folder")
    files = sorted(one for one in where.rglob("*") if one.suffix in (".yml", ".yaml") and one.is_file()) if where.is_dir() else [where]
    for file in files:
        try:
            yield from _documents(str(file), file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise Failed(f"{file} cannot be read as text") from error


def _documents(place: str, text: str) -> Iterator[Source]:
    parts = [part for part in SEPARATOR.split(text) if part.strip()]
    for number, part in enumerate(parts, start=1):
        yield Source(place if len(parts) == 1 else f"{place}, document {number}", part)
