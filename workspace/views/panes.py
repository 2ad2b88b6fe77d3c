"""The three panes in which two versions of a text are put together: what each side has, and between them the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from namespaces.merging import Segment

TALLEST = 30  # lines of a result before it scrolls
AROUND = 3  # lines of what is the same, before and after a clash


def panes(parts: Sequence[Segment]) -> list[dict[str, Any]]:
    """What `workspace/_panes.html` shows. Where both sides are the same only the lines around a clash are shown."""
    found, number = [], 0
    for part in parts:
        if part.same is None:
            number += 1
            height = min(TALLEST, max(part.ours.count("\n"), part.theirs.count("\n"), 1) + 1)
            found.append({"clash": number, "ours": part.ours, "theirs": part.theirs, "height": height})
            continue
        lines = part.same.splitlines()
        fold = len(lines) > 2 * AROUND + 2
        ends = {"head": lines[:AROUND] if fold else lines, "tail": lines[-AROUND:] if fold else []}
        found.append({**ends, "folded": len(lines) - 2 * AROUND if fold else 0})
    return found
