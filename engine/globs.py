"""Which paths a list of patterns chooses, by the rule of Kestra's file properties (Java globs)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

import regex

PREFIXES = ("glob:", "regex:")
TIMEOUT = 1.0  # seconds for one match: many stars can take for ever


@functools.lru_cache(maxsize=512)
def compile_glob(pattern: str) -> regex.Pattern[str]:
    """A matcher of whole relative paths. `glob:` passes as it is; a pattern that starts with a word character matches at any depth
    (`profiles.yml` is `**/profiles.yml`). A leading slash is the top folder. `*` and `?` stay within a name, `**` does not.

    Raises ValueError for `regex:`: expressions of users need a time limit, which `chosen` does not give them.
    """
    if pattern.startswith("regex:"):
        raise ValueError("regular expressions cannot be used to choose files: write a glob such as **/*.sql")
    glob = pattern.removeprefix("glob:")
    if not pattern.startswith(PREFIXES) and re.match(r"\w", glob):
        glob = f"**/{glob}"
    try:
        return regex.compile(_translate(glob.lstrip("/") if not glob.startswith("**") else glob), regex.DOTALL)
    except regex.error as error:
        raise ValueError(f"the pattern {glob} cannot be read: {error}") from error


def matches(pattern: str, path: str) -> bool:
    """Whether a glob matches a whole relative path; raises ValueError for one that cannot be read or takes too long."""
    try:
        return compile_glob(pattern).fullmatch(path, timeout=TIMEOUT) is not None
    except TimeoutError as error:
        raise ValueError(f"the pattern {pattern[:80]} takes too long: write it with fewer stars") from error


def _translate(glob: str) -> str:
    out, position, depth = "", 0, 0
    while position < len(glob):
        character = glob[position]
        if glob.startswith("**/", position):
            out, position = out + "(?:[^/]+/)*", position + 3
            continue
        if glob.startswith("**", position):
            out, position = out + ".*", position + 2
            continue
        if character == "[":
            piece, position = _bracket(glob, position)
            out += piece
            continue
        if character == "{":
            depth, out = depth + 1, out + "(?:"
        elif character == "}" and depth:
            depth, out = depth - 1, out + ")"
        elif character == "," and depth:
            out += "|"
        elif character == "\\" and position + 1 < len(glob):
            position += 1
            out += re.escape(glob[position])
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(character, re.escape(character))
        position += 1
    if depth:
        raise ValueError(f"the pattern {glob} has a {{ without its }}")
    return out


def _bracket(glob: str, start: int) -> tuple[str, int]:
    end = glob.find("]", start + 2)
    if end < 0:
        return re.escape("["), start + 1
    body = glob[start + 1 : end]
    negated = body[0] in "!^"
    members = re.sub(r"([\\\[\]^])", r"\\\1", body[1:] if negated else body)
    return f"(?!/)[{'^' if negated else ''}{members}]", end + 1


def chosen(paths: Iterable[str], include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """The relative paths that some pattern of `include` matches (all when it is empty) and none of `exclude`; order is kept.

    Raises ValueError as `matches` does.
    """
    return [
        path
        for path in paths
        if (not include or any(matches(pattern, path) for pattern in include)) and not any(matches(pattern, path) for pattern in exclude)
    ]
