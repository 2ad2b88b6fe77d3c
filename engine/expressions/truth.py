"""What counts as true, in the two ways a flow asks."""

from __future__ import annotations

FALSY = frozenset({"", "false", "0", "-0"})


def truthy(text: str | None) -> bool:
    """Whether a rendered `runIf`, `condition` or assertion holds: all but None, ``, `false`, `0` and `-0`, not trimmed."""
    return text is not None and text not in FALSY


def holds(text: str | None) -> bool:
    """Whether the rendering of an `Expression` condition holds: neither blank nor `false` (so `0` holds)."""
    return text is not None and text.strip() != "" and text.strip() != "false"
