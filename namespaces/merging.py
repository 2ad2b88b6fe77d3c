"""Two texts that began as one are put together again, by Git."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 20  # seconds
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
