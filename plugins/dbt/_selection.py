"""Which nodes each command of a task is going to run, as dbt says before the first of them begins; the context keeps it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from plugins.contract import RunContext
from plugins.dbt._narrowing import NODES, narrowable
from plugins.scripts import _folders

_LARGEST = 32 << 20  # bytes of a list; one of 10,000 nodes has half a million


class Selections:
    """Finds the lists that commands leave in a folder, and tells the context of each once. `lines` are the commands."""

    def __init__(self, context: RunContext, folder: Path, root: Path, lines: Sequence[str]) -> None:
        self._context, self._folder, self._root = context, folder, root
        self._lines = {number: shlex.split(line)[1:] for number, line in enumerate(lines) if narrowable(line)}
        self._taken: set[str] = set()

    def look(self) -> bool:
        """Take what is new; answers whether there was anything."""
        fresh = sorted(path for path in self._folder.glob("*.json") if path.name not in self._taken)
        for path in fresh:
            self._taken.add(path.name)
            for number, nodes in self._read(path):
                del self._lines[number]
                self._context.selects(number, nodes)
        return bool(fresh)

    def _read(self, path: Path) -> Iterator[tuple[int, list[str]]]:
        """The command that a list is of, the first one not taken that is written so, and its nodes."""
        told = _told(_folders.read_inside(self._root, path) if path.lstat().st_size < _LARGEST else None)
        number = next((number for number, words in self._lines.items() if words == told.get("arguments")), None)
        nodes = told.get("nodes")
        if number is not None and isinstance(nodes, list):
            yield number, [node for node in nodes if isinstance(node, str) and node.partition(".")[0] in NODES]


def _told(content: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(content or b"")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
