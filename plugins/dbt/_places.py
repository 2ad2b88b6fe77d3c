"""Where in a model an error lies: from what the database said of the SQL that was executed to the line that somebody wrote."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_QUOTED = re.compile(r"^\s*LINE (\d+): ?(.*)$", re.MULTILINE)  # PostgreSQL, Redshift, DuckDB
_NUMBERED = (
    re.compile(r"\bat \[(\d+):\d+\]"),  # BigQuery
    re.compile(r"\berror line (\d+) at position \d+", re.IGNORECASE),  # Snowflake
    re.compile(r"\(line (\d+), pos \d+\)"),  # Spark, Databricks
    re.compile(r"\bline (\d+):\d+: "),  # Trino, Athena
)
_OF_JINJA = re.compile(r"^\s*line (\d+)\s*$", re.MULTILINE)  # dbt, of a template that it cannot read
_MOST_LINES = 5_000


@dataclass(frozen=True, slots=True)
class Place:
    """A line, counted from 1, of what was written (`line`) and of the compiled SQL (`compiled`); None where it cannot be told."""

    line: int | None
    compiled: int | None


def place_of(message: str, written: str, compiled: str, executed: str) -> Place:
    """The place that an error message names. `executed` is the statement around the compiled SQL; what is unknown is empty."""
    if "Compilation Error" in message:
        found = _OF_JINJA.search(message)
        return Place(_within(int(found.group(1)), written.splitlines()) if found else None, None)
    number, text = _named(message)
    if number is None:
        return Place(None, None)
    lines = compiled.splitlines()
    at = _compiled_line(number, text, lines, executed.splitlines())
    return Place(None if at is None else written_line(at, lines, written.splitlines()), at)


def _named(message: str) -> tuple[int | None, str]:
    """The number of the line that the database names, and its text as far as that is quoted."""
    quoted = _QUOTED.search(message)
    if quoted:
        return int(quoted.group(1)), quoted.group(2).strip()
    found = next((found for pattern in _NUMBERED if (found := pattern.search(message))), None)
    return (int(found.group(1)), "") if found else (None, "")


def _compiled_line(number: int, text: str, compiled: Sequence[str], executed: Sequence[str]) -> int | None:
    """The line of the compiled SQL that is line `number` of the statement; told by the text where the numbers do not fit."""
    start = _start(compiled, executed)
    found = None if start is None else number - start
    if found is not None and 1 <= found <= len(compiled) and _fits(text, compiled[found - 1]):
        return found
    fitting = [place for place, line in enumerate(compiled, start=1) if text and _fits(text, line)]
    return fitting[0] if len(fitting) == 1 else None


def _start(compiled: Sequence[str], executed: Sequence[str]) -> int | None:
    """How many lines of the statement come before the compiled SQL, whose first lines may be blank or indented there."""
    first = next((place for place, line in enumerate(compiled) if line.strip()), None)
    if first is None:
        return None
    wanted = [line.strip() for line in compiled[first:]]
    lines = [line.strip() for line in executed]
    last = len(wanted) - 1
    for at in range(len(lines) - last):
        inner = lines[at + 1 : at + last] == wanted[1:-1]
        if inner and lines[at].endswith(wanted[0]) and lines[at + last].startswith(wanted[-1]):
            return at - first
    return None


def _fits(text: str, line: str) -> bool:
    """Whether a quotation, which may be cut at both ends, is of this line."""
    words = text.strip().removeprefix("...").removesuffix("...").strip()
    return not words or words in line or (len(line.strip()) > 5 and line.strip() in words)


def written_line(at: int, compiled: Sequence[str], written: Sequence[str]) -> int | None:
    """The line that somebody wrote from which this line of the compiled SQL came, told by the lines around it that are the same."""
    if len(compiled) > _MOST_LINES or len(written) > _MOST_LINES:
        return None
    plain = [[line.strip() for line in lines] for lines in (compiled, written)]
    for kind, start, end, other, other_end in SequenceMatcher(None, plain[0], plain[1], autojunk=False).get_opcodes():
        if start < at <= end:
            offset = at - 1 - start
            if kind == "equal" or end - start == other_end - other:
                return other + offset + 1
            return min(other + 1, len(written)) or None if other_end > other else None
    return None


def _within(number: int, lines: Sequence[str]) -> int | None:
    return number if 1 <= number <= len(lines) else None
