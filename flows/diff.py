"""Two sources side by side: which lines are the same, added, removed, and what may be folded away."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

CONTEXT = 3  # unchanged lines shown around a change
FOLD = 4  # unchanged lines that are worth folding


@dataclass(frozen=True, slots=True)
class Side:
    """One cell: the number of the line (from 1; None for an empty cell), its text, and `added`, `removed`, `same` or `none`."""

    number: int | None
    text: str
    kind: str


EMPTY = Side(None, "", "none")


@dataclass(frozen=True, slots=True)
class Row:
    """Left and right of one row; `change` counts the changes from 1 at their first row, `folded` lines are hidden here."""

    left: Side = EMPTY
    right: Side = EMPTY
    change: int = 0
    folded: int = 0


@dataclass(frozen=True, slots=True)
class Diff:
    rows: tuple[Row, ...]
    added: int
    removed: int


def compare(before: str, after: str) -> Diff:
    """The difference of two texts, line by line."""
    old, new = before.splitlines(), after.splitlines()
    rows: list[Row] = []
    added = removed = changes = 0
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            rows += _same(old, i1, j1, i2 - i1, first=i1 == 0, last=i2 == len(old))
            continue
        changes += 1
        added, removed = added + j2 - j1, removed + i2 - i1
        for offset in range(max(i2 - i1, j2 - j1)):
            left = Side(i1 + offset + 1, old[i1 + offset], "removed") if i1 + offset < i2 else EMPTY
            right = Side(j1 + offset + 1, new[j1 + offset], "added") if j1 + offset < j2 else EMPTY
            rows.append(Row(left, right, changes if offset == 0 else 0))
    return Diff(tuple(rows), added, removed)


def _same(old: list[str], i: int, j: int, length: int, *, first: bool, last: bool) -> list[Row]:
    lines = [Row(Side(i + n + 1, old[i + n], "same"), Side(j + n + 1, old[i + n], "same")) for n in range(length)]
    head, tail = 0 if first else CONTEXT, 0 if last else CONTEXT
    hidden = length - head - tail
    if hidden < FOLD:
        return lines
    return [*lines[:head], Row(folded=hidden), *lines[length - tail :]]
