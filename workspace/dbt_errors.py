"""What dbt says is wrong, as problems at the line of the text that somebody wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from plugins.dbt._places import place_of
from workspace import questions

_FILE = re.compile(r"(?:\(|Error encountered in )([^()\s]+\.(?:sql|yml|yaml|py|md|csv))")
_LINE = re.compile(r"^\s*line (\d+)\s*$", re.MULTILINE)
_NODE = re.compile(r"depends on a (?:node|source) named '([^']+)'")
_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_VARIABLE = re.compile(r"Required var '(\w+)' not found")
_YAML = re.compile(r"line (\d+), column (\d+)")
_USELESS = ("Error parsing inline query", "Encountered an error:")


def problems(messages: Iterable[str], text: str, path: str, folder: str, compiled: str = "") -> list[dict[str, Any]]:
    """A problem for each message of dbt; those about another file name it as `path`."""
    told = [message for message in messages if message.strip() not in _USELESS]
    seen: dict[str, dict[str, Any]] = {}
    for message in told:
        found = _problem(message, text, path, folder, compiled)
        seen.setdefault(found["message"], found)
    return list(seen.values()) or [questions.problem("dbt failed without saying why")]


def _problem(message: str, text: str, path: str, folder: str, compiled: str) -> dict[str, Any]:
    named = _FILE.search(message)
    short = _short(message)
    if named is not None:
        about = f"{folder}/{named[1]}" if folder else named[1]
        if about != path:
            line = _LINE.search(message)
            return questions.problem(short, int(line[1]) if line else 1, path=about)
    line, column = _where(message, text, compiled)
    return questions.problem(short, line, column)


def _where(message: str, text: str, compiled: str) -> tuple[int, int]:
    for pattern in (_NODE, _UNDEFINED, _VARIABLE):
        found = pattern.search(message)
        if found is not None:
            at = _word(text, found[1].rpartition(".")[2])
            if at is not None:
                return at
    placed = place_of(message, text, compiled or text, "") if "Compilation Error" not in message else None
    if placed is not None and placed.line is not None:
        return placed.line, _column(message, text.splitlines()[placed.line - 1])
    line = _LINE.search(message) or _YAML.search(message)
    count = len(text.splitlines()) or 1
    number = min(int(line[1]), count) if line else 1
    return number, int(line[2]) if line and line.re is _YAML else 1


def _word(text: str, word: str) -> tuple[int, int] | None:
    """Where a word stands as a whole for the first time."""
    found = re.search(rf"\b{re.escape(word)}\b", text)
    if found is None:
        return None
    return text.count("\n", 0, found.start()) + 1, found.start() - (text.rfind("\n", 0, found.start()) + 1) + 1


def _column(message: str, line: str) -> int:
    """The column that the sign under a quoted line points at, where the quotation is the whole line."""
    lines = message.splitlines()
    for number, quoted in enumerate(lines[:-1]):
        head = re.match(r"\s*LINE \d+: ", quoted)
        if head is not None and lines[number + 1].strip() == "^" * len(lines[number + 1].strip()) and lines[number + 1].strip():
            at = lines[number + 1].index("^") - head.end()
            words = quoted[head.end() :]
            offset = line.find(words.strip()) - (len(words) - len(words.lstrip()))
            return max(1, at + offset + 1) if words.strip() in line else 1
    return 1


def _short(message: str) -> str:
    """The message without what says only where it came from."""
    lines = [line.strip() for line in message.strip().splitlines()]
    kept = [line for line in lines if line and not re.fullmatch(r"(Compilation|Parsing|Runtime|Database) Error(?: in .*)?", line)]
    return "\n".join(kept or lines)[:2_000]
