"""Two texts that began as one are put together again, or told apart, by Git."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 20  # seconds
HUNK = re.compile(r"@@ -(?P<before>\d+)(?:,\d+)? \+(?P<after>\d+)(?:,\d+)? @@")
MARKER = 7  # how long the marks around a conflict are
FAILED = 128  # exit statuses below are numbers of conflicts


@dataclass(frozen=True, slots=True)
class Merged:
    """The text of both; where they contradict each other, both sides stand between marks, and `conflicts` counts such places."""

    text: str
    conflicts: int


def merge(base: str, mine: str, theirs: str, *, names: tuple[str, str] = ("yours", "theirs")) -> Merged:
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
                ["git", "merge-file", "-p", f"--marker-size={MARKER}", *labels, *(path.name for path in paths)],
                cwd=folder, env=_environment(folder), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Merged(_apart(texts[0], texts[2], names).replace("\n", ending), 1)
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


def _apart(mine: str, theirs: str, names: tuple[str, str]) -> str:
    """One text after the other between marks: what is left to do with two that differ too much to be compared."""
    ours, others = (text if text.endswith("\n") or not text else f"{text}\n" for text in (mine, theirs))
    return f"{'<' * MARKER} {_label(names[0])}\n{ours}{'=' * MARKER}\n{others}{'>' * MARKER} {_label(names[1])}\n"


def _label(name: str) -> str:
    """On one line, and not taken for the end of the marks."""
    return " ".join(name.split())[:80] or "someone"


def _environment(folder: str) -> dict[str, str]:
    """Only what Git needs: no settings of this machine change how texts are merged."""
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CEILING_DIRECTORIES": str(Path(folder).parent)}
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "LC_ALL": "C", **quiet}
