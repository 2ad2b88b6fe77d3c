"""Which paths a pattern of a script task means: the globs of the language, and `regex:` with a time limit."""

from __future__ import annotations

from collections.abc import Iterable

import regex

from engine.globs import PREFIXES, TIMEOUT
from engine.globs import matches as matches_glob
from plugins.contract import TaskFailed


def is_pattern(text: str) -> bool:
    """Whether a text is a pattern rather than the plain name of a file."""
    return text.startswith(PREFIXES) or any(sign in text for sign in "*?{[")


def matches(path: str, patterns: Iterable[str], *, anywhere: bool = True) -> bool:
    """Whether a relative path matches one of the patterns; `anywhere=False` keeps a plain pattern at the top folder.

    Raises TaskFailed for a pattern that cannot be read.
    """
    return any(_matches_one(path, pattern, anywhere) for pattern in patterns)


def _matches_one(path: str, pattern: str, anywhere: bool) -> bool:
    try:
        if pattern.startswith("regex:"):
            return regex.fullmatch(pattern.removeprefix("regex:"), path, timeout=TIMEOUT) is not None
        full = pattern if anywhere or pattern.startswith(PREFIXES) else f"glob:{pattern.removeprefix('./')}"
        return matches_glob(full, path)
    except TimeoutError:
        return False
    except (ValueError, regex.error) as error:
        raise TaskFailed(f"The pattern '{pattern}' cannot be read: {error}", retryable=False) from error
