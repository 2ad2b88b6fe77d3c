"""Looking for files of a namespace by name, as one types it, and for what they hold."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from namespaces import files
from namespaces.files import NoSuchFile, Place, place_of
from ui.errors import Invalid

LONGEST_QUERY = 200
MOST_LINES = 1_000
MOST_IN_FILE = 50
SHOWN = 240  # characters of a line
LONGEST_ANSWER = 16 << 20  # bytes of Git that are read: a few lines may be as long as a file
PATIENCE = 5  # seconds
NOTHING_FOUND = 1


@dataclass(frozen=True, slots=True)
class Named:
    """A file whose path has what was typed; `at` are the positions of those characters."""

    path: str
    at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line that has what was looked for. `text` is the part around it, in which it stands at `start` to `end`; `column` counts from 1."""

    number: int
    column: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Held:
    """A file that holds what was looked for."""

    path: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Files by path; `more` tells that there are others, which too many lines or too little time left out."""

    files: tuple[Held, ...]
    more: bool = False


def by_name(place: str | Place, query: str, most: int = 50) -> list[Named]:
    """Files whose path has the characters of `query` in this order, whatever the case, the likeliest first; the first files without one."""
    paths = files.paths(place)
    wanted = "".join(query.lower().split())[:LONGEST_QUERY]
    if not wanted:
        return [Named(path, ()) for path in paths[:most]]
    likely = re.compile("".join(f"[^{re.escape(sign)}]*{re.escape(sign)}" for sign in wanted))
    ranked = []
    for path in paths:
        lower = path.lower()
        if likely.match(lower):
            at = _positions(lower, wanted)
            ranked.append((_rank(lower, wanted, at), path, at))
    return [Named(path, at) for _, path, at in sorted(ranked)[:most]]


def _positions(path: str, wanted: str) -> tuple[int, ...]:
    """Where the characters are: together if they are so anywhere, in the file's own name rather than in its folders."""
    name = path.rfind("/") + 1
    whole = path.find(wanted, name)
    if whole < 0:
        whole = path.find(wanted)
    if whole >= 0:
        return tuple(range(whole, whole + len(wanted)))
    return _in_order(path, wanted, name) or _in_order(path, wanted, 0)


def _in_order(path: str, wanted: str, start: int) -> tuple[int, ...]:
    at = []
    for sign in wanted:
        start = path.find(sign, start) + 1
        if not start:
            return ()
        at.append(start - 1)
    return tuple(at)


def _rank(path: str, wanted: str, at: tuple[int, ...]) -> tuple[bool, int, bool, int, int]:
    """Smaller is likelier: in the name, in few pieces, from the beginning of a word on, close together, in a short path."""
    name = path.rfind("/") + 1
    pieces = sum(1 for before, after in pairwise(at) if after != before + 1)
    inside = at[0] > 0 and path[at[0] - 1].isalnum()
    return at[0] < name, pieces, inside, at[-1] - at[0], len(path)


def in_contents(
    place: str | Place, query: str, *, regex: bool = False, case: bool = False, words: bool = False, only: Sequence[str] = ()
) -> Found:  # fmt: skip
    """Files with lines that have `query`, a text or a regular expression (POSIX, extended), and where. `only` are patterns of their paths.

    Git looks, with several threads, at the folder that is opened here: it follows no symbolic link. Raises `Invalid`.
    """
    if not query or len(query) > LONGEST_QUERY or any(sign in "\n\x00" or "\ud800" <= sign <= "\udfff" for sign in query):
        raise Invalid(f"Look for something of at most {LONGEST_QUERY} characters on one line.")
    options = [option for option, is_on in (("-F", not regex), ("-E", regex), ("-i", not case), ("-w", words)) if is_on]
    command = ["git", "grep", "--no-index", "--no-exclude-standard", "--no-color", "-nIz", "--column", f"-m{MOST_IN_FILE}", *options]
    command += ["-e", query, "--", *(_pattern(pattern) for pattern in only)]
    try:
        with files.folder_at(place_of(place), ()) as folder:
            out, is_whole = _answer(command, folder)
    except NoSuchFile:
        return Found(())
    matcher = _matcher(query, regex=regex, case=case)
    return _gathered(_told(out), matcher, is_whole)


def _pattern(pattern: str) -> str:
    """For Git; one without a folder is for files in all of them."""
    text = pattern.strip().lstrip("/")
    if not text or ".." in text.split("/") or "\x00" in text:
        raise Invalid(f"{pattern[:100]!r} is no pattern of paths, such as models/*.sql.")
    return f":(glob){text if '/' in text else f'**/{text}'}"


def _answer(command: list[str], folder: int) -> tuple[bytes, bool]:
    """What Git says, and whether that is all of it."""
    here = f"/proc/self/fd/{folder}"
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CEILING_DIRECTORIES": str(Path(os.readlink(here)).parent)}
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", **quiet}
    with subprocess.Popen(
        command, cwd=here, env=environment, pass_fds=[folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stderr is not None
        watch = threading.Timer(PATIENCE, child.kill)
        watch.start()
        try:
            out = child.stdout.read(LONGEST_ANSWER)
            if len(out) == LONGEST_ANSWER:
                child.kill()
            wrong = child.stderr.read(10_000).decode(errors="replace")
            status = child.wait()
        finally:
            watch.cancel()
    if status > NOTHING_FOUND:
        raise Invalid(f"This cannot be looked for: {_reason(wrong)}.")
    if status < 0 and status != -signal.SIGKILL:
        raise OSError(f"git grep ended with {status}")
    return out, status >= 0


def _reason(text: str) -> str:
    return text.strip().rpartition(": ")[2].rstrip(".") or "it is no regular expression"


def _told(out: bytes) -> Iterator[tuple[str, int, int, str]]:
    """Path, line, column in bytes and text of each line that Git told whole."""
    for line in out.split(b"\n")[:-1]:
        path, number, column, text = (*line.split(b"\0", 3), b"", b"", b"")[:4]
        if number.isdigit() and column.isdigit():
            before = len(text[: int(column) - 1].decode(errors="replace"))
            yield path.decode(errors="surrogateescape"), int(number), before, text.decode(errors="replace").rstrip("\r")


def _matcher(query: str, *, regex: bool, case: bool) -> re.Pattern[str] | None:
    """Only to mark how long a match is: what matches was decided by Git."""
    return None if regex else re.compile(re.escape(query), 0 if case else re.IGNORECASE)


def _gathered(lines: Iterator[tuple[str, int, int, str]], matcher: re.Pattern[str] | None, is_whole: bool) -> Found:
    found: dict[str, list[Line]] = {}
    count = 0
    for path, number, before, text in lines:
        count += 1
        if count > MOST_LINES:
            break
        match = matcher.match(text, before) if matcher else None
        length = match.end() - match.start() if match else 1
        cut = max(0, before - SHOWN // 4)
        part = text[cut : cut + SHOWN]
        found.setdefault(path, []).append(Line(number, before + 1, part, before - cut, min(before - cut + length, len(part))))
    held = tuple(Held(path, tuple(rows)) for path, rows in found.items())
    return Found(held, more=not is_whole or count > MOST_LINES or any(len(one.lines) >= MOST_IN_FILE for one in held))
