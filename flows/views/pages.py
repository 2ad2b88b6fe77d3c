"""A flow's overview, and what can be done to it as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET, require_POST

from engine.document import Flow as FlowDocument
from engine.document import Task
from flows import selectors, services
from flows.models import Flow
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import login_required
from ui.errors import Missing
from ui.htmx import done, page

# Tabs whose pages belong to rooms above this one are linked by their URL names; one that does not exist is not shown.
TABS = (
    ("overview", "Overview", "flows:detail"),
    ("editor", "Editor", "flows:editor"),
    ("topology", "Topology", "flows:topology"),
    ("dependencies", "Dependencies", "flows:dependencies"),
    ("executions", "Executions", "executions:of_flow"),
    ("revisions", "Revisions", "flows:revisions"),
    ("triggers", "Triggers", "executions:flow_triggers"),
    ("logs", "Logs", "executions:flow_logs"),
    ("metrics", "Metrics", "executions:flow_metrics"),
)


class FlowMissing(Missing):
    """There is no such flow, or you may not see it."""


def readable(request: HttpRequest, namespace: str, flow_id: str, *, role: Role = Role.READER, deleted: bool = False) -> Flow:
    """The flow and the right to it together."""
    rights.require(request.user, namespace, role)
    row = Flow.objects.filter(namespace=namespace, flow_id=flow_id).first()
    if row is None or (row.deleted and not deleted):
        raise FlowMissing
    return row


def tabs_of(row: Flow) -> list[dict[str, Any]]:
    shown = []
    for name, label, url_name in TABS:
        try:
            url = reverse(url_name, args=[row.namespace, row.flow_id])
        except NoReverseMatch:
            continue
        shown.append({"name": name, "label": label, "url": url, "count": row.revision if name == "revisions" else None})
    return shown


def frame(request: HttpRequest, row: Flow, tab: str) -> dict[str, Any]:
    """What every page of a flow shows around its tab."""
    return {
        "flow": row,
        "tabs": tabs_of(row),
        "tab": tab,
        "may_edit": rights.allows(rights.role_of(request.user, row.namespace), Role.MEMBER),
    }


def outline(tasks: Sequence[Task], depth: int = 0) -> list[dict[str, Any]]:
    """Tasks as an indented list: `{task, depth, branch}`; a branch other than `tasks` is named before its first task."""
    rows = []
    for task in tasks:
        rows.append({"task": task, "short_type": task.type.rsplit(".", 1)[-1], "depth": depth, "branch": ""})
        for name, inner in task.branches.items():
            nested = outline(inner, depth + 1)
            if nested and name != "tasks":
                nested[0]["branch"] = "on failure" if name == "errors" else name.removeprefix("cases.")
            rows += nested
    return rows


def parsed_or_none(row: Flow) -> FlowDocument | None:
    """None where the stored source no longer parses; the pages say so and still show the text."""
    try:
        return selectors.parsed(row.namespace, row.flow_id)
    except services.InvalidFlow:
        return None


@login_required
@require_GET
def overview(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """What the flow is: facts, inputs, tasks, triggers."""
    row = readable(request, namespace, flow_id)
    document = parsed_or_none(row)
    context = frame(request, row, "overview") | {
        "document": document,
        "outline": outline(document.tasks) if document else [],
        "errors": outline(document.errors) if document else [],
        "saved": row.revisions.select_related("created_by").first(),
    }
    return page(request, "flows/overview.html", "flows/_overview.html", context)


@login_required
@require_POST
def delete(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """Delete the flow; Undo restores its last revision."""
    row = readable(request, namespace, flow_id, role=Role.MEMBER)
    services.delete(user=request.user, namespace=namespace, flow_id=flow_id)
    undo = f"{reverse('flows:restore', args=[namespace, flow_id])}?number={row.revision}"
    return done(request, reverse("flows:list"), message=f"Flow {flow_id} deleted", undo=undo)


def _set_disabled(request: HttpRequest, namespace: str, flow_id: str, *, disabled: bool) -> HttpResponse:
    readable(request, namespace, flow_id, role=Role.MEMBER)
    services.set_disabled(user=request.user, namespace=namespace, flow_id=flow_id, disabled=disabled)
    undo = reverse("flows:enable" if disabled else "flows:disable", args=[namespace, flow_id])
    return done(
        request,
        reverse("flows:detail", args=[namespace, flow_id]),
        message=f"Flow {flow_id} {'disabled' if disabled else 'enabled'}",
        undo=undo,
    )


@login_required
@require_POST
def disable(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """Nobody and nothing may execute the flow until it is enabled again."""
    return _set_disabled(request, namespace, flow_id, disabled=True)


@login_required
@require_POST
def enable(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """The flow may be executed again."""
    return _set_disabled(request, namespace, flow_id, disabled=False)
