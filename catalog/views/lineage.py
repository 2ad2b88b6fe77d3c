"""The lineage of a project: chosen by dbt's selectors, laid out here, drawn by the page."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from catalog import columns, drawing, selecting, selectors
from catalog.graph import TESTS, graph
from catalog.joining import Joined, joined
from catalog.models import Project
from catalog.painting import Painting
from catalog.selecting import NoSelector
from catalog.views.nodes import node_context
from namespaces.rights import login_required
from ui.errors import Invalid, Missing
from ui.htmx import page

AROUND = re.compile(r"^(?:(\d+)\+)?([^\s,+@]+)(?:\+(\d+))?$")
COLOURS = {"state": "State", "freshness": "Freshness", "duration": "Duration"}
LISTED = 500


@login_required
@require_GET
def lineage(request: HttpRequest, project_id: int) -> HttpResponse:
    """The page around the graph; the same nodes as a list for those who cannot see it, or whose screen is small."""
    project = selectors.project(request.user, project_id)
    version = selectors.version_of(project, request.GET.get("version", ""))
    asked = request.GET.get("select", "").strip()[:2000]
    met = _met(request, project, version)
    known = met.graph
    painted = Painting(met)
    try:
        chosen, problem = selecting.select(known, asked, painted.statuses if "result:" in asked else None), ""
    except NoSelector as error:
        chosen, problem = set(), error.message
    colour = request.GET.get("colour", "")
    context = {
        "project": project,
        "version": version,
        "tab": "lineage",
        "select": asked,
        "problem": problem,
        "count": len(chosen),
        "total": sum(member.kind not in TESTS for member in known.members.values()),
        "around": None if problem else _around(asked),
        "colour": colour if colour in COLOURS else "state",
        "colours": COLOURS.items(),
        "groups": _listed(met, chosen, painted),
        "others": [other for number, other in met.projects.items() if number != project.pk],
        "alone": bool(request.GET.get("alone")),
        "joined_query": _query(request, "alone"),
        "more": max(len(chosen) - LISTED, 0),
        "query": _query(request),
        "chosen": request.GET.get("node", ""),
        **(_way(request, met, project, version) if request.GET.get("column") and request.GET.get("node") in known.members else {}),
    }
    return page(request, "catalog/lineage.html", "catalog/_lineage_list.html", context)


def _query(request: HttpRequest, *without: str) -> str:
    query = request.GET.copy()
    for name in ("node", "column", *without):
        query.pop(name, None)
    return query.urlencode()


def _around(asked: str) -> dict[str, Any] | None:
    """`2+orders+1` taken apart, with what one step more and less would be written as; None for any other selection."""
    found = AROUND.match(asked)
    if not found:
        return None
    up, core, down = int(found[1] or 0), found[2], int(found[3] or 0)

    def written(above: int, below: int) -> str:
        return f"{f'{above}+' if above > 0 else ''}{core}{f'+{below}' if below > 0 else ''}"

    return {
        "up": up,
        "down": down,
        "less_up": written(up - 1, down),
        "more_up": written(up + 1, down),
        "less_down": written(up, down - 1),
        "more_down": written(up, down + 1),
    }


@login_required
@require_GET
def data(request: HttpRequest, project_id: int) -> HttpResponse:
    """The chosen nodes with their places, as the page draws them."""
    project = selectors.project(request.user, project_id)
    version = selectors.version_of(project, request.GET.get("version", ""))
    met = _met(request, project, version)
    painted = Painting(met)
    asked = request.GET.get("select", "").strip()[:2000]
    chosen = selecting.select(met.graph, asked, painted.statuses if "result:" in asked else None)
    drawn = drawing.document(met, project.pk, chosen, painted)
    return JsonResponse({**drawn, "panel": reverse("catalog:lineage_node", args=[0])})


@login_required
@require_GET
def panel(request: HttpRequest, project_id: int) -> HttpResponse:
    """The side panel of one node."""
    project = selectors.project(request.user, project_id)
    version = selectors.version_of(project, request.GET.get("version", ""))
    context = node_context(request.user, project, selectors.node(project, request.GET.get("node", ""), version), version)
    return render(request, "catalog/_lineage_panel.html", context)


@login_required
@require_GET
def column(request: HttpRequest, project_id: int) -> HttpResponse:
    """The side panel of one column: what it is made of, and what is made of it."""
    project = selectors.project(request.user, project_id)
    version = selectors.version_of(project, request.GET.get("version", ""))
    met = _met(request, project, version)
    node = selectors.node(project, request.GET.get("node", ""), version)
    if not request.GET.get("column", "").strip():
        raise Invalid("Say which column: `column` is missing in the address.")
    if node.unique_id not in met.graph.members:
        raise Missing(f"{node.unique_id} has no place in the lineage.")
    return render(request, "catalog/_lineage_column.html", {"project": project, "version": version, **_way(request, met, project, version)})


def _way(request: HttpRequest, met: Joined, project: Project, version: int) -> dict[str, Any]:
    """The way of the column that an address names, as text and as what the graph marks."""
    unique_id, name = request.GET["node"], request.GET["column"].strip().lower()[:300]
    if version != project.version:
        return {"way": None, "way_node": met.graph.members[unique_id], "way_column": name}
    way = columns.way(met, unique_id, name)
    steps = {"upstream": _blocks(met, way.upstream), "downstream": _blocks(met, way.downstream)}
    unknown = [_place(met, place) | {"why": why} for place, why in way.unknown.items()]
    marked = json.dumps({"columns": way.places, "edges": way.edges, "unknown": [node for node, _ in way.unknown]})
    return {"way": way, "way_node": met.graph.members[unique_id], "way_column": name, **steps, "unknown": unknown, "marked": marked}


def _blocks(met: Joined, steps: list[columns.Step]) -> list[dict[str, Any]]:
    """Each column that is made, with what it is made of, nearest first."""
    made: dict[columns.Place, list[columns.Step]] = defaultdict(list)
    for step in steps:
        made[step.target].append(step)
    return [
        {
            "target": _place(met, target),
            "how": parts[0].how if len({part.how for part in parts}) == 1 else "put together",
            "via": parts[0].via,
            "sources": [_place(met, part.source) for part in parts],
        }
        for target, parts in made.items()
    ]


def _place(met: Joined, place: columns.Place) -> dict[str, Any]:
    """A column of a node, or of a table outside the project."""
    node, name = place
    member = met.graph.members.get(node)
    return {
        "node": node if member else "",
        "name": member.name if member else node.removeprefix("table:"),
        "column": name,
        "kind": member.kind if member else "table",
        "project": met.project_of.get(node),
    }


def _met(request: HttpRequest, project: Project, version: int) -> Joined:
    """The graph, joined with other projects unless the address says that this one is to stand alone."""
    if request.GET.get("alone"):
        own = graph(project, version)
        return Joined(own, {project.pk: project}, dict.fromkeys(own.members, project.pk))
    return joined(request.user, project, version)


def _listed(met: Joined, chosen: set[str], painted: Painting) -> list[tuple[str, list[dict[str, Any]]]]:
    """The chosen nodes by kind and name, the first of many."""
    groups = defaultdict(list)
    for member in selectors.by_kind(met.graph, chosen)[:LISTED]:
        project = met.projects[met.project_of[member.unique_id]]
        groups[member.kind].append({"member": member, "project": project, "state": painted.state(member.unique_id)})
    return list(groups.items())
