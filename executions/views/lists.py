"""The list of executions: filters in the URL, what happened to each, rows that are asked for again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django.views.decorators.http import require_GET, require_POST

from engine.states import ALL
from executions import columns, page_figures, page_selectors, presenters
from executions.models import Execution, ExecutionLabel
from executions.views.home import namespaces_of
from namespaces import rights
from namespaces.models import User
from namespaces.rights import Person, login_required
from ui.htmx import done, page
from ui.paging import paginate

SIZE = 50
PERIOD_TEXT = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}
OFFERED = (
    "RUNNING",
    "SUCCESS",
    "WARNING",
    "FAILED",
    "KILLED",
    "PAUSED",
    "QUEUED",
    "CREATED",
    "CANCELLED",
    "RETRYING",
    "RESTARTED",
    "KILLING",
    "RETRIED",
    "SKIPPED",
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the URL asks for. `start` and `end` come from a period or from a bar of the histogram."""

    text: str = ""
    namespace: str = ""
    flow: str = ""
    states: tuple[str, ...] = ()
    label: str = ""
    period: str = ""
    start: datetime | None = None
    end: datetime | None = None
    parent: str = ""

    @property
    def any(self) -> bool:
        return bool(
            self.text or self.namespace or self.flow or self.states or self.label or self.period or self.start or self.end or self.parent
        )


def filters_of(query: QueryDict | Mapping[str, str], **fixed: str) -> Filters:
    """The filters of a query string; nonsense is left out."""
    states = query.getlist("state") if isinstance(query, QueryDict) else []
    period = query.get("period", "")
    return Filters(
        text=query.get("q", "").strip(),
        namespace=fixed.get("namespace", query.get("namespace", "")).strip(),
        flow=fixed.get("flow", query.get("flow", "")).strip(),
        states=tuple(state for state in states if state in ALL),
        label=query.get("label", "").strip(),
        period=period if period in PERIOD_TEXT else "",
        start=moment(query.get("start", "")),
        end=moment(query.get("end", "")),
        parent=query.get("parent", "").strip(),
    )


def moment(text: str) -> datetime | None:
    """The ISO 8601 moment that an address names; None for nonsense."""
    try:
        value = parse_datetime(text.replace(" ", "+")) if text else None
    except ValueError:
        return None
    return make_aware(value) if value is not None and is_naive(value) else value


def matching(rows: QuerySet[Execution], wanted: Filters, now: datetime, *, exact_namespace: bool = False) -> QuerySet[Execution]:
    """The executions that the filters leave."""
    if wanted.namespace and exact_namespace:
        rows = rows.filter(namespace=wanted.namespace)
    if wanted.flow:
        rows = rows.filter(flow_id=wanted.flow)
    if wanted.states:
        rows = rows.filter(state__in=wanted.states)
    if wanted.parent:
        rows = rows.filter(Q(caller_id=wanted.parent) | Q(parent_id=wanted.parent))
    if wanted.period:
        rows = rows.filter(created__gte=now - page_figures.PERIODS[wanted.period][0])
    if wanted.start:
        rows = rows.filter(created__gte=wanted.start)
    if wanted.end:
        rows = rows.filter(created__lt=wanted.end)
    if wanted.label:
        rows = rows.filter(id__in=_labelled(wanted.label))
    if wanted.text:
        labelled = ExecutionLabel.objects.filter(value__icontains=wanted.text).values("execution_id")
        rows = rows.filter(
            Q(id__startswith=wanted.text) | Q(flow_id__icontains=wanted.text) | Q(error__icontains=wanted.text) | Q(id__in=labelled)
        )
    return rows


def found(user: Person, wanted: Filters, now: datetime, *, exact_namespace: bool = False) -> QuerySet[Execution]:
    """The executions that someone may see and that the filters leave; the namespace with all below it, or exactly that one."""
    return matching(page_figures.executions_of(user, wanted.namespace), wanted, now, exact_namespace=exact_namespace)


def _labelled(text: str) -> QuerySet[ExecutionLabel, Any]:
    key, _, value = text.partition(":")
    labels = ExecutionLabel.objects.filter(key=key.strip())
    return (labels.filter(value=value.strip()) if value else labels).values("execution_id")


@dataclass(frozen=True, slots=True)
class ListRow:
    """One line of the list."""

    execution: Execution
    what: str
    took: timedelta
    by: str
    by_icon: str
    labels: list[tuple[str, str]]
    inputs: list[tuple[str, str]]


def rows_of(executions: Any, now: datetime) -> list[ListRow]:
    """The lines of these executions."""
    figures = page_selectors.figures([row.id for row in executions])
    made = []
    for row in executions:
        own = figures[row.id]
        icon, name = presenters.started_by(row)
        labels = [(key, value) for key, value in row.labels if not key.startswith("system.")]
        made.append(
            ListRow(
                row,
                presenters.what_happened(row, own.steps, own.task_runs, own.doing),
                presenters.duration_of(row, now),
                name,
                icon,
                labels,
                _inputs(row),
            )
        )
    return made


def _inputs(row: Execution) -> list[tuple[str, str]]:
    """Its inputs that have a value, as texts; those that are secret only say that they are there."""
    given = [(name, value) for name, value in presenters.flat(presenters.display(row.inputs or {})) if name and value is not None]
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) for name, value in given]


def columns_context(request: HttpRequest) -> dict[str, Any]:
    """Which columns this person sees, and whether there are boxes to choose by: rows and heads are drawn from it."""
    shown = columns.shown_to(request.user)
    names = [column.name for column in shown]
    own = columns.chosen_by(request.user) is not None
    return {
        "columns": shown,
        "column_names": names,
        "column_key": " ".join(names),
        "own_columns": own,
        "may_act": rights.member_somewhere(request.user),
    }


def list_context(request: HttpRequest, **fixed: str) -> dict[str, Any]:
    """One page of the list; `fixed` are filters that the page itself sets."""
    now = timezone.now()
    wanted = filters_of(request.GET, **fixed)
    matched = found(request.user, wanted, now, exact_namespace="namespace" in fixed)
    window = paginate(request, matched.select_related("created_by").order_by("-created", "id"), size=SIZE)
    period = wanted.period or "24h"
    chart = page_figures.chart(matched, period, now) if not (wanted.start or wanted.end) else None
    return {
        "now": now,
        "wanted": wanted,
        "page": window,
        "rows": rows_of(window.rows, now),
        "total": window.total,
        "chart": chart if chart and chart.total else None,
        "chart_text": page_figures.SLOT_TEXT[period],
        "period_text": PERIOD_TEXT.get(wanted.period, ""),
        "periods": PERIOD_TEXT.items(),
        "states": OFFERED,
        **columns_context(request),
        "all_columns": columns.COLUMNS,
        "bulk_buttons": presenters.OFFERS[: presenters.DIRECT],
        "bulk_menu": presenters.OFFERS[presenters.DIRECT :],
        "namespaces": [] if fixed else namespaces_of(request.user),
        "newest": now.isoformat(),
        "filtered": wanted.any
        and not (fixed and not Filters(wanted.text, "", "", wanted.states, wanted.label, wanted.period, wanted.start, wanted.end).any),
    }


@login_required
@require_GET
def execution_list(request: HttpRequest) -> HttpResponse:
    """Find the one."""
    return page(request, "executions/list.html", "executions/_execution_list.html", list_context(request))


@login_required
@require_GET
def rows(request: HttpRequest) -> HttpResponse:
    """The rows of `?id=…` that the other filters leave: what a page asks for when it hears that these executions changed."""
    now = timezone.now()
    wanted = filters_of(request.GET)
    ids = request.GET.getlist("id")[:200]
    changed = found(request.user, wanted, now).filter(id__in=ids)
    listed = list(changed.select_related("created_by").order_by("-created", "id"))
    return render(request, "executions/_execution_rows.html", {"rows": rows_of(listed, now), "now": now, **columns_context(request)})


@login_required
@require_POST
def choose_columns(request: HttpRequest) -> HttpResponse:
    """Keep which columns this person wants to see, and lead to the list as it was: htmx follows to the list alone."""
    assert isinstance(request.user, User)  # login_required saw to it
    if "usual" in request.POST:
        columns.choose(user=request.user, names=None)
        return done(request, address(request.POST))
    columns.choose(user=request.user, names=request.POST.getlist("column"))
    return redirect(address(request.POST))


def address(sent: QueryDict) -> str:
    """The list that a form was sent from, with its filters: all executions, or those of one flow."""
    namespace, flow, query = sent.get("namespace", ""), sent.get("flow", ""), QueryDict(sent.get("query", "")).urlencode()
    url = reverse("executions:of_flow", args=[namespace, flow]) if namespace and flow else reverse("executions:list")
    return f"{url}?{query}" if query else url
