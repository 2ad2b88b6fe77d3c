"""A patch as people read it: its pieces, with the lines before and after side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from flows.diff import EMPTY, Row, Side

MOST_ROWS = 2_000  # of one file, that a page shows
OPTIONS = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=all", "--full-index")


@dataclass(frozen=True, slots=True)
class Hunk:
    """One piece of a diff. `id` is that of its text, so that no other piece is meant when the file has changed meanwhile; empty for the
    whole of a new file."""

    id: str
    head: str
    lines: tuple[str, ...]

    @property
    def rows(self) -> list[Row]:
        """What was on the left, what is on the right; at most `MOST_ROWS`."""
        return _rows(self.head, self.lines[:MOST_ROWS])

    @property
    def left_out(self) -> int:
        """How many lines `rows` does not show."""
        return max(0, len(self.lines) - MOST_ROWS)

    @property
    def place(self) -> str:
        """The function or section that Git names, or the lines."""
        numbers, _, name = self.head.removeprefix("@@ ").partition(" @@")
        return name.strip() or f"Line {numbers.rpartition('+')[2].partition(',')[0]}"


def pieces(patch: bytes) -> list[tuple[Hunk, bytes]]:
    """The pieces of the patch of one file, each with a patch of it alone."""
    top, *parts = re.split(rb"^(?=@@ )", patch, flags=re.MULTILINE)
    found = []
    for part in parts:
        head, *lines = part.decode(errors="replace").removesuffix("\n").split("\n")
        # Without the line numbers: they move when an earlier piece is taken.
        name = sha256(part.partition(b"\n")[2]).hexdigest()[:16]
        found.append((Hunk(name, head, tuple(lines)), top + part))
    return found


def whole(text: str) -> Hunk:
    """The piece that a new file is."""
    lines = text.splitlines()
    return Hunk("", f"@@ -0,0 +1,{len(lines)} @@", tuple(f"+{line}" for line in lines))


def _rows(head: str, lines: Sequence[str]) -> list[Row]:
    starts = re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", head)
    left, right = (int(start) for start in starts.groups()) if starts else (1, 1)
    rows: list[Row] = []
    gone: list[Side] = []
    come: list[Side] = []
    for line in (*lines, " "):
        if line.startswith("-"):
            gone.append(Side(left, line[1:], "removed"))
            left += 1
        elif line.startswith("+"):
            come.append(Side(right, line[1:], "added"))
            right += 1
        elif not line.startswith("\\"):
            rows += _paired(gone, come)
            gone, come = [], []
            rows.append(Row(Side(left, line[1:], "same"), Side(right, line[1:], "same")))
            left, right = left + 1, right + 1
    return rows[:-1]


def _paired(gone: Sequence[Side], come: Sequence[Side]) -> list[Row]:
    count = max(len(gone), len(come))
    return [Row(gone[n] if n < len(gone) else EMPTY, come[n] if n < len(come) else EMPTY) for n in range(count)]
