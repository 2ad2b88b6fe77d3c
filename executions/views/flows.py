"""The list of flows with how they fare, and the tab of a flow that shows its executions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions import page_figures, presenters
from executions.models import Execution
from executions.views import lists
from executions.views.home import namespaces_of
from flows.models import Flow
from flows.views.pages import frame
from flows.views.pages import readable as readable_flow
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person, login_required
from ui.htmx import page
from ui.paging import paginate


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One line of the list."""

    flow: Flow
    health: page_figures.Health
    starts_by: list[str]
    next: datetime | None
    labels: list[tuple[str, str]]
    may_execute: bool


@login_required
@require_GET
def flow_list(request: HttpRequest) -> HttpResponse:
    """Which flow is unwell? One line each, by namespace."""
    rows = found(request.user, request.GET)
    window = paginate(request, rows.order_by("namespace", "flow_id"), size=100)
    now = timezone.now()
    context = {
        "now": now,
        "page": window,
        "rows": rows_of(window.rows, request, now),
        "total": window.total,
        "q": request.GET.get("q", ""),
        "namespace": request.GET.get("namespace", ""),
        "label": request.GET.get("label", ""),
        "state": request.GET.get("state", ""),
        "states": ("SUCCESS", "WARNING", "FAILED", "KILLED", "RUNNING", "PAUSED"),
        "namespaces": namespaces_of(request.user),
        "bulk_buttons": presenters.FLOW_OFFERS if rights.member_somewhere(request.user) else (),
        "filtered": any(request.GET.get(name) for name in ("q", "namespace", "label", "state")),
        "may_create": rights.readable(request.user) != [],
    }
    return page(request, "executions/flows.html", "executions/_flow_list.html", context)


def found(user: Person, query: QueryDict) -> QuerySet[Flow]:
    """Flows by text (name, namespace, source), namespace, label `key:value` and the state of their last execution."""
    rows = rights.filter_readable(Flow.objects.filter(deleted=False), user)
    text, namespace, label, state = (query.get(name, "").strip() for name in ("q", "namespace", "label", "state"))
    if text:
        rows = rows.filter(Q(flow_id__icontains=text) | Q(namespace__icontains=text) | Q(source__icontains=text))
    if namespace:
        rows = rows.filter(rights.below(namespace))
    if label:
        key, _, value = label.partition(":")
        rows = rows.filter(**{f"labels__{key}": value}) if value and key.isidentifier() else rows.filter(source__icontains=label)
    if state:
        own = Execution.objects.filter(namespace=OuterRef("namespace"), flow_id=OuterRef("flow_id")).order_by("-created", "-id")
        rows = rows.alias(last_state=Subquery(own.values("state")[:1])).filter(last_state=state)
    return rows


def rows_of(flows: Any, request: HttpRequest, now: datetime) -> list[FlowRow]:
    """The lines of these flows."""
    health = page_figures.health(flows)
    upcoming = page_figures.next_starts(flows, now)
    may = {name: rights.allows(rights.role_of(request.user, name), Role.MEMBER) for name in {flow.namespace for flow in flows}}
    return [
        FlowRow(
            flow,
            health[(flow.namespace, flow.flow_id)],
            starts(flow),
            upcoming.get((flow.namespace, flow.flow_id)),
            [(str(key), str(value)) for key, value in (flow.labels or {}).items()],
            may[flow.namespace] and not flow.disabled,
        )
        for flow in flows
    ]


def starts(flow: Flow) -> list[str]:
    """The ids of its triggers."""
    triggers = flow.raw.get("triggers") if isinstance(flow.raw, dict) else None
    return [str(one.get("id", "")) for one in triggers if isinstance(one, dict)] if isinstance(triggers, list) else []


@login_required
@require_GET
def of_flow(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """The executions of one flow."""
    row = readable_flow(request, namespace, flow_id)
    context = lists.list_context(request, namespace=namespace, flow=flow_id) | frame(request, row, "executions") | {"of_flow": True}
    return page(request, "executions/of_flow.html", "executions/_execution_list.html", context)
