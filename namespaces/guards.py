"""What rooms above this one keep in a namespace, so that it is not deleted under them: they say so when they start."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Guard = Callable[[str], str | None]
_guards: dict[str, Guard] = {}


def keep_while(room: str, guard: Guard) -> None:
    """Ask `guard` before a namespace is deleted: it answers why that may not be (`There are flows in it.`), or None."""
    _guards[room] = guard


def reasons(namespace: str) -> Iterator[str]:
    """Why this namespace must stay, if at all."""
    for guard in _guards.values():
        if reason := guard(namespace):
            yield reason
