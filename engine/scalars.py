"""Where a character of a text stands in the YAML that the text was written in, whatever its style."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]+)*")  # an anchor, a tag
SIZES = {"x": 2, "u": 4, "U": 8}  # digits of an escape that names a character by its number
BLANK = frozenset("tnvfr NL_P")  # escapes of what looks like nothing
Place = tuple[int, int]


def place_inside(source: str, start: Place, text: str, line: int, column: int) -> Place:
    """Line and column, from 1, in `source` of what stands at `line` and `column` of a text that begins at `start` there.

    Folding, indentation and line ends change white space alone, so what is visible is counted.
    """
    written = text.split("\n")
    here = written[line - 1] if line <= len(written) else ""
    seen = sum(not sign.isspace() for part in (*written[: line - 1], here[: column - 1]) for sign in part)
    beside = column > len(here) or here[column - 1].isspace()  # white space, or the end: it stands after the sign before it
    at, there = next(islice(_visible(BREAK.split(source), start), max(seen - 1, 0) if beside else seen, None), start)
    return at, there + (beside and seen > 0)


def _visible(lines: Sequence[str], start: Place) -> Iterator[Place]:
    """The place of every sign, white space left out, from where a text begins."""
    line, column = start
    properties = PROPERTIES.match(lines[line - 1], column - 1)
    position = properties.end() if properties is not None else column - 1
    style = lines[line - 1][position : position + 1]
    if style in ("|", ">"):
        line, position = line + 1, 0
    elif style in ("'", '"'):
        position += 1
    for number in range(line, len(lines) + 1):
        content = lines[number - 1]
        while position < len(content):
            width, blank = _sign(content, position, style)
            if not blank:
                yield number, position + 1
            position += width
        position = 0


def _sign(content: str, position: int, style: str) -> tuple[int, bool]:
    """How many characters a sign is written with, and whether it is white space."""
    if style == "'" and content.startswith("''", position):
        return 2, False
    if style == '"' and content[position] == "\\":
        return _escape(content[position + 1 :])
    return 1, content[position].isspace()


def _escape(rest: str) -> tuple[int, bool]:
    digits = rest[1 : 1 + SIZES.get(rest[:1], 0)]
    if digits:
        return 2 + len(digits), chr(int(digits, 16)).isspace()
    return 1 + len(rest[:1]), not rest or rest[0] in BLANK
