"""What a dbt task would do: which nodes it would run, why each, and how long that takes on so many threads."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plugins.dbt._state import Digest, changes


def reasons(nodes: Iterable[str], after: Digest, before: Digest | None) -> dict[str, str]:
    """Why each node would run, in words: what of it changed since the state, what before it did, or that the command names it."""
    if before is None:
        return dict.fromkeys(nodes, "selected: there is no state to compare with")
    changed = {change.unique_id: change for change in changes(before, after)}
    found = {}
    for node in nodes:
        change = changed.get(node)
        if change is not None:
            found[node] = "new" if change.kind == "added" else f"changed: {', '.join(change.what)}"
        else:
            above = _changed_above(node, after, changed)
            found[node] = f"comes after {_name(above, after)}, which changed" if above else "selected, unchanged"
    return found


def _changed_above(node: str, after: Digest, changed: Mapping[str, Any]) -> str:
    """The nearest changed node before this one; empty where there is none."""
    seen, layer = {node}, [node]
    while layer:
        parents = [parent for one in layer for parent in after.get(one, {}).get("parents", ())]
        layer = [parent for parent in dict.fromkeys(parents) if parent not in seen]
        seen.update(layer)
        found = next((parent for parent in layer if parent in changed), "")
        if found:
            return found
    return ""


def _name(unique_id: str, digest: Digest) -> str:
    return str(digest.get(unique_id, {}).get("name") or unique_id)


def entry(node: str, digest: Digest) -> dict[str, Any]:
    """What a plan says of a node, whatever becomes of it."""
    known = digest.get(node, {})
    return {"id": node, "name": known.get("name") or node, "path": known.get("path") or "", "parents": list(known.get("parents") or ())}


def gates(nodes: Sequence[str], digest: Digest) -> dict[str, set[str]]:
    """What must have ended before each node begins, as `dbt build` has it: its parents, and the tests of its parents."""
    chosen = set(nodes)
    parents = {node: {parent for parent in digest.get(node, {}).get("parents", ()) if parent in chosen} for node in nodes}
    tests: dict[str, set[str]] = {}
    for node in nodes:
        if node.startswith(("test.", "unit_test.")):
            for parent in parents[node]:
                tests.setdefault(parent, set()).add(node)
    for node in nodes:
        if not node.startswith(("test.", "unit_test.")):
            for parent in list(parents[node]):
                # A test that waits for this node, too, cannot hold it back.
                parents[node] |= {test for test in tests.get(parent, ()) if node not in parents[test]}
    return parents


def ordered(nodes: Sequence[str], before: Mapping[str, set[str]]) -> list[str]:
    """The nodes, each after what it waits for."""
    waiting = {node: set(before.get(node, ())) for node in nodes}
    found: dict[str, None] = {}
    while len(found) < len(nodes):
        free = [node for node in nodes if node not in found and not waiting[node] - found.keys()]
        found.update(dict.fromkeys(free or [node for node in nodes if node not in found]))
    return list(found)


def seconds(nodes: Sequence[str], before: Mapping[str, set[str]], took: Mapping[str, float], threads: int) -> float:
    """How long the nodes take on so many threads, each begun as soon as it may; nodes that wait for each other are not waited for."""
    waiting = {node: set(before.get(node, ())) for node in nodes}
    after: dict[str, list[str]] = {}
    for node, needs in waiting.items():
        for need in needs:
            after.setdefault(need, []).append(node)
    ready = [node for node in nodes if not waiting[node]]
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < max(threads, 1):
            node = ready.pop(0)
            heapq.heappush(running, (now + took.get(node, 0.0), node))
        now, ended = heapq.heappop(running)
        for node in after.get(ended, ()):
            waiting[node].discard(ended)
            if not waiting[node]:
                ready.append(node)
    return now
