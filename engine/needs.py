"""Which task runs a template speaks of: what it names of `outputs` and `tasks`, so that the others need not be brought to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

Needs = frozenset[str] | None  # ids of tasks; None for all of them
ALL: Final = None
NOTHING: Final[frozenset[str]] = frozenset()

# Functions through which a template may reach what it does not name itself.
FAR = ("render", "renderOnce", "printContext", "fetchContext", "tasksWithState")
NAMED = re.compile(
    r"(?<![.\w])(?:outputs|tasks)\b(?:\s*\.\s*(\w+)|\s*\[\s*'([^'\\]*)'\s*\]|\s*\[\s*\"([^\"\\]*)\"\s*\])?|\b(?:" + "|".join(FAR) + r")\b"
)


def needs_of(template: Any) -> Needs:
    """The tasks whose outputs or states the texts of a structure may name; rather too many than too few."""
    found: set[str] = set()
    for text in _texts(template):
        needs = _needs_of_text(text)
        if needs is ALL:
            return ALL
        found |= needs
    return frozenset(found)


def joined(first: Needs, second: Needs) -> Needs:
    """What two templates need together."""
    return ALL if first is ALL or second is ALL else first | second


def covers(known: Needs, wanted: Needs) -> bool:
    """Whether what is there is enough."""
    return known is ALL or (wanted is not ALL and wanted <= known)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


@lru_cache(maxsize=2000)
def _needs_of_text(text: str) -> Needs:
    if "{" not in text:
        return NOTHING
    found = set()
    for match in NAMED.finditer(text):
        name = next((group for group in match.groups() if group is not None), None)
        if name is None:
            return ALL
        found.add(name)
    return frozenset(found)
