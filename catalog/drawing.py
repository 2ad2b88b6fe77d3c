"""What a page needs to draw a graph: its nodes with names, colours and places, and the edges between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catalog.joining import Joined
from catalog.layout import HEIGHT, WIDTH, Layout, lay_out
from catalog.painting import Painting
from ui import formats


def document(met: Joined, own: int, chosen: Iterable[str], painted: Painting) -> dict[str, Any]:
    """The chosen nodes as `lineage-drawing.js` draws them; those that do not belong to the project `own` name theirs."""
    laid = lay_out(met.graph, chosen)
    size, box = [laid.width, laid.height], [WIDTH, HEIGHT]
    return {"nodes": _drawn(met, own, laid, painted), "edges": laid.edges, "size": size, "box": box}


def _drawn(met: Joined, own: int, laid: Layout, painted: Painting) -> list[list[Any]]:
    """Of each node: unique_id, name, what stands below it, kind, state, freshness, heat, x, y, the id of its project."""
    made = []
    for name, (x, y) in zip(laid.names, laid.places, strict=True):
        member, whose = met.graph.members[name], met.project_of[name]
        told = (
            met.projects[whose].name if whose != own else "",
            member.materialized or member.kind.replace("_", " "),
            formats.duration(painted.seconds(name)),
        )
        below, heat = ", ".join(part for part in told if part), painted.heat(name)
        made.append([name, member.name, below, member.kind, painted.state(name), painted.freshness(name), heat, x, y, whose])
    return made
