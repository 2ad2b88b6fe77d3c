"""Two texts that began as one are put together again, or told apart, by Git."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ui.errors import Conflict

PATIENCE = 20  # seconds
HUNK = re.compile(r"@@ -(?P<before>\d+)(?:,\d+)? \+(?P<after>\d+)(?:,\d+)? @@")
MARKER = 7  # how long the marks around a conflict are
WIDE = 23  # signs of a mark by which a program finds the conflicts: more than any text has in a row
FAILED = 128  # exit statuses below are numbers of conflicts


@dataclass(frozen=True, slots=True)
class Merged:
    """The text of both; where they contradict each other, both sides stand between marks, and `conflicts` counts such places."""

    text: str
    conflicts: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a text that both sides have (`same`), or that each has in its own way."""

    same: str | None
    ours: str = ""
    theirs: str = ""


_MARKS = (f"<{{{WIDE}}} [^\n]*\n", f"={{{WIDE}}}\r?\n", f">{{{WIDE}}} [^\n]*(?:\n|\\Z)")
_CLASH = re.compile(f"^{_MARKS[0]}((?:.*\n)*?)^{_MARKS[1]}((?:.*\n)*?)^{_MARKS[2]}", re.MULTILINE)


def segments(content: str) -> list[Segment]:
    """The parts of a merged text, by its `WIDE` marks."""
    parts = _CLASH.split(content)
    found = [Segment(parts[0])] if parts[0] else []
    for ours, theirs, same in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        found.append(Segment(None, ours, theirs))
        if same:
            found.append(Segment(same))
    return found


def joined(parts: Sequence[Segment], decided: Sequence[str]) -> str:
    """The text with what was decided, part by part. Raises `Conflict` where the number of parts is another one."""
    if len([part for part in parts if part.same is None]) != len(decided):
        raise Conflict("This file clashes in other places now: look again.")
    left = iter(decided)
    ending = "\r\n" if any("\r\n" in (part.same or part.ours) for part in parts) else "\n"
    text = ""
    for part in parts:
        if part.same is not None:
            text += part.same
        elif one := next(left).replace("\r\n", "\n"):
            text += (one if one.endswith("\n") else f"{one}\n").replace("\n", ending)
    return text


def merge(base: str, mine: str, theirs: str, *, names: tuple[str, str] = ("yours", "theirs"), marker: int = MARKER) -> Merged:
    """What two people made of one text. Lines end as they do in `theirs`."""
    ending = "\r\n" if "\r\n" in theirs else "\n"
    texts = [text.replace("\r\n", "\n") for text in (mine, base, theirs)]
    with tempfile.TemporaryDirectory(prefix="kestra-web-merge-") as folder:
        paths = [Path(folder, name) for name in ("mine", "base", "theirs")]
        for path, text in zip(paths, texts, strict=True):
            path.write_bytes(text.encode())
        labels = [part for name in (names[0], "before", names[1]) for part in ("-L", _label(name))]
        try:
            found = subprocess.run(
                ["git", "merge-file", "-p", f"--marker-size={marker}", *labels, *(path.name for path in paths)],
                cwd=folder, env=_environment(folder), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Merged(_apart(texts[0], texts[2], names, marker).replace("\n", ending), 1)
    if found.returncode < 0 or found.returncode >= FAILED:
        raise OSError(f"git merge-file ended with {found.returncode}: {found.stderr.decode(errors='replace')[:200]}")
    return Merged(found.stdout.decode().replace("\n", ending), found.returncode)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a difference: `added`, `removed`, `same`, or `gap` for what is left out before it. Numbers are those of its sides."""

    kind: str
    text: str = ""
    before: int | None = None
    after: int | None = None


def differences(before: str, after: str) -> list[Line]:
    """What differs line by line, with a few lines around; nothing for equal texts, or such that take too long to compare."""
    with tempfile.TemporaryDirectory(prefix="kestra-web-merge-") as folder:
        for name, text in (("before", before), ("after", after)):
            Path(folder, name).write_bytes(text.encode())
        command = ["git", "diff", "--no-index", "--no-color", "--no-ext-diff", "--text", "-U3", "--", "before", "after"]
        try:
            found = subprocess.run(
                command, cwd=folder, env=_environment(folder), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return []
    return _lines(found.stdout.decode().split("\n"))


def _lines(lines: list[str]) -> list[Line]:
    found: list[Line] = []
    before = after = 0
    for line in lines[:-1]:
        if hunk := HUNK.match(line):
            gap = before != 0 or hunk["before"] not in ("0", "1")
            before, after = int(hunk["before"]), int(hunk["after"])
            found += [Line("gap")] if gap else []
        elif not found and not before and not after:
            continue  # the header
        elif line[:1] == "+":
            found.append(Line("added", line[1:], None, after))
            after += 1
        elif line[:1] == "-":
            found.append(Line("removed", line[1:], before, None))
            before += 1
        elif line[:1] == " ":
            found.append(Line("same", line[1:], before, after))
            before, after = before + 1, after + 1
    return found


def _apart(mine: str, theirs: str, names: tuple[str, str], marker: int) -> str:
    """One text after the other between marks: what is left to do with two that differ too much to be compared."""
    ours, others = (text if text.endswith("\n") or not text else f"{text}\n" for text in (mine, theirs))
    return f"{'<' * marker} {_label(names[0])}\n{ours}{'=' * marker}\n{others}{'>' * marker} {_label(names[1])}\n"


def _label(name: str) -> str:
    """On one line, and not taken for the end of the marks."""
    return " ".join(name.split())[:80] or "someone"


def _environment(folder: str) -> dict[str, str]:
    """Only what Git needs: no settings of this machine change how texts are merged."""
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CEILING_DIRECTORIES": str(Path(folder).parent)}
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "LC_ALL": "C", **quiet}
