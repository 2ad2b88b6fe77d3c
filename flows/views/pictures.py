"""Pictures of flows: the tasks of one, the same beside the editor, and what depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import yaml
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from engine.document import Flow as FlowDocument
from flows import called, graph, help, selectors, topology, validation
from flows import dependencies as flow_dependencies
from flows.dependencies import Dependency, Name
from flows.models import Flow
from flows.views.pages import frame, parsed_or_none, readable
from namespaces import rights
from namespaces.rights import Person, login_required
from namespaces.views.shell import shell
from plugins import catalog
from ui.errors import Missing
from ui.htmx import page

LEVELS = 3  # steps that dependencies are followed unless all are asked for
LONGEST = 20_000  # characters of YAML in the pane of a node


def graph_of(user: Person, flow: FlowDocument, opened: Sequence[str]) -> tuple[graph.Graph, str]:
    """The graph with the flows inside the opened nodes, and why one of them could not be shown."""
    known = list(opened)
    while True:
        try:
            return graph.of(flow, subflow=called.opened(user, known)), ""
        except Missing as error:
            problem = error.message
            return graph.of(flow), problem


def canvas_context(user: Person, flow: FlowDocument | None, opened: Sequence[str]) -> dict[str, Any]:
    """What `_topology_canvas.html` draws; no state, since nothing ran."""
    made, problem = graph_of(user, flow, opened) if flow else (graph.Graph((), (), ()), "")
    drawing = topology.draw(made) if flow else topology.Drawing()
    return {
        "drawing": drawing,
        "boxes": [(node, None) for node in drawing.boxes],
        "leaves": [(node, None) for node in drawing.leaves],
        "opened": opened,
        "drawing_problem": problem,
    }


def node_context(user: Person, flow: FlowDocument, source: str, opened: Sequence[str], uid: str) -> dict[str, Any]:
    """One node: its YAML as written, and the beginning of its type's documentation. Raises Missing for one that is not there."""
    made, _ = graph_of(user, flow, opened)
    node = next((one for one in made.nodes if one.uid == uid and (one.task or one.trigger)), None)
    if node is None:
        raise Missing(f"There is no task or trigger {uid.rpartition('.')[2]} in this flow; reload the page")
    known = node.task or node.trigger
    assert known is not None
    written = selectors.find_task(selectors.mapping(source), known.id) or dict(known.properties)
    text = yaml.safe_dump([written], sort_keys=False, allow_unicode=True, width=120)
    return {"node": node, "known": known, "yaml": text[:LONGEST], "help": _help(known.type)}


def _help(type_: str) -> help.Help | None:
    try:
        return help.help_of(catalog.canonical(type_))
    except catalog.CatalogError:
        return None


@login_required
@require_GET
def topology_page(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """The tasks as a picture."""
    row = readable(request, namespace, flow_id)
    context = frame(request, row, "topology") | canvas_context(request.user, parsed_or_none(row), request.GET.getlist("open"))
    context["node_url"] = reverse("flows:topology_node", args=[namespace, flow_id])
    return page(request, "flows/topology.html", "flows/_topology.html", context)


@login_required
@require_GET
def topology_node(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """The pane of one node."""
    row = readable(request, namespace, flow_id)
    document = parsed_or_none(row)
    if document is None:
        raise Missing("The source of this flow cannot be read; open the editor to see what is wrong")
    context = node_context(request.user, document, row.source, request.GET.getlist("open"), request.GET.get("node", ""))
    context["last_url"] = reverse("executions:last_of_task", args=[namespace, flow_id, context["known"].id]) if context["node"].task else ""
    return render(request, "flows/_topology_node.html", context | {"flow": row})


@login_required
@require_POST
def draw_source(request: HttpRequest) -> HttpResponse:
    """The picture of a source that is not saved, for the pane beside the editor."""
    outcome = validation.validate(request.POST.get("source", ""))
    flow = outcome.flow if outcome.flow is not None and outcome.flow.tasks else None
    return render(request, "flows/_topology_canvas.html", canvas_context(request.user, flow, request.POST.getlist("open")))


# --- dependencies -------------------------------------------------------------------------------------------------------------


@login_required
@require_GET
def dependencies(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """What this flow calls and waits for, and what calls it and waits for it, some levels far."""
    row = readable(request, namespace, flow_id)
    known = flow_dependencies.of(request.user)
    everything = request.GET.get("levels") == "all"
    found = _levels((namespace, flow_id), known, None if everything else LEVELS)
    more = not everything and len(_levels((namespace, flow_id), known, LEVELS + 1)) > len(found)
    context = frame(request, row, "dependencies") | _dependencies_context(found, here=(namespace, flow_id))
    return page(request, "flows/dependencies.html", "flows/_dependencies.html", context | {"more": more, "everything": everything})


def _levels(flow: Name, known: Iterable[Dependency], levels: int | None) -> list[Dependency]:
    """The dependencies within so many steps of a flow, in both directions; None for all that are connected."""
    edges, reached, found = list(known), {flow}, set[Dependency]()
    while levels is None or levels > 0:
        touching = {one for one in edges if one.target in reached or one.source in reached}
        if touching == found:
            break
        found, reached = touching, reached | {name for one in touching for name in (one.source, one.target)}
        levels = None if levels is None else levels - 1
    return sorted(found)


@login_required
@require_GET
def namespace_dependencies(request: HttpRequest, namespace: str) -> HttpResponse:
    """What the flows of a namespace and those below it need, and what needs them."""
    context = shell(request, namespace, "dependencies")
    rows = Flow.objects.filter(rights.below(namespace), deleted=False).order_by("namespace", "flow_id")
    own: list[Name] = list(rows.values_list("namespace", "flow_id"))
    inside = frozenset(own)
    found = [one for one in flow_dependencies.of(request.user) if one.target in inside or one.source in inside]
    connected = {name for one in found for name in (one.source, one.target)}
    context |= _dependencies_context(found) | {"alone": [name for name in own if name not in connected]}
    return page(request, "flows/namespace_dependencies.html", "flows/_dependencies.html", context)


def _dependencies_context(found: Sequence[Dependency], *, here: Name | None = None) -> dict[str, Any]:
    drawing = topology.draw_dependencies(found)
    return {
        "drawing": drawing,
        "leaves": [(node, None) for node in drawing.nodes],
        "found": found,
        "here": "/".join(here) if here else "",
    }
