"""What rooms above this one keep in a namespace: why it is not deleted under them, and who tidies it. They say so when they start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

Guard = Callable[[str], str | None]
Tidier = Callable[[str, datetime], object]
_guards: dict[str, Guard] = {}
_tidiers: dict[str, Tidier] = {}


def keep_while(room: str, guard: Guard) -> None:
    """Ask `guard` before a namespace is deleted: it answers why that may not be (`There are flows in it.`), or None."""
    _guards[room] = guard


def reasons(namespace: str) -> Iterator[str]:
    """Why this namespace must stay, if at all."""
    for guard in _guards.values():
        if reason := guard(namespace):
            yield reason


def tidy_with(room: str, tidier: Tidier) -> None:
    """Call `tidier` with a namespace and the time, about once an hour, to remove what the room has kept there for too long."""
    _tidiers[room] = tidier


def tidy(namespace: str, now: datetime) -> None:
    """Have all of them tidy a namespace."""
    for tidier in _tidiers.values():
        tidier(namespace, now)
