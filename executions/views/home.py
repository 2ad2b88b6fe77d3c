"""Home: is anything wrong, what is running, what is next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions import page_figures
from executions.models import Execution
from flows.models import Flow
from namespaces import rights
from namespaces.models import User
from namespaces.rights import login_required
from ui.htmx import page

JUMPS = 12


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Figures, bars over time, running now, last failures, next scheduled."""
    return page(request, "home/home.html", "home/_home.html", home_context(request))


def home_context(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    namespace = request.GET.get("namespace", "")
    period = request.GET.get("period", "24h")
    period = period if period in page_figures.PERIODS else "24h"
    rows = page_figures.executions_of(request.user, namespace)
    chart = page_figures.chart(rows, period, now)
    running, running_count = page_figures.running(rows, now)
    failures = page_figures.last_failures(rows)
    flows = rights.filter_readable(Flow.objects.filter(deleted=False), request.user)
    return {
        "now": now,
        "namespace": namespace,
        "namespaces": namespaces_of(request.user),
        "period": period,
        "periods": list(page_figures.PERIODS),
        "slot_text": page_figures.SLOT_TEXT[period],
        "chart": chart,
        "figures": figures(rows, chart, period, now, running_count),
        "running": running,
        "running_count": running_count,
        "failures": failures,
        "upcoming": page_figures.upcoming(request.user, now, namespace),
        "has_executions": chart.total > 0 or rows.exists(),
        "has_flows": flows.exists(),
    }


def figures(rows: QuerySet[Execution], chart: page_figures.Chart, period: str, now: datetime, running: int) -> dict[str, Any]:
    """The five figures: how many, how many well, failed, with a warning, running."""
    length = page_figures.PERIODS[period][0]
    ended = sum(count for state, count in chart.totals.items() if state != "RUNNING")
    well = chart.totals.get("SUCCESS", 0) + chart.totals.get("WARNING", 0)
    before = rows.filter(created__gte=now - 2 * length, created__lt=now - length).count()
    failed_flows = rows.filter(state="FAILED", created__gte=now - length).values("namespace", "flow_id").distinct().count()
    waiting = rows.filter(state__in=("QUEUED", "PAUSED")).count()
    return {
        "total": chart.total,
        "difference": chart.total - before,
        "before": before,
        "share": well / ended if ended else None,
        "ended": ended,
        "failed": chart.totals.get("FAILED", 0),
        "failed_flows": failed_flows,
        "warnings": chart.totals.get("WARNING", 0),
        "running": running,
        "waiting": waiting,
        "period_before": {"1h": "the hour before", "24h": "the day before", "7d": "the week before", "30d": "the 30 days before"}[period],
    }


def namespaces_of(user: Any) -> list[str]:
    """The namespaces with flows that someone may see, each with those above it."""
    names = set(rights.filter_readable(Flow.objects.filter(deleted=False), user).values_list("namespace", flat=True).distinct())
    roots = rights.readable(user)
    found = {part for name in names for part in rights.ancestry(name)}
    if roots is not None:
        found = {name for name in found if any(name == root or name.startswith(f"{root}.") for root in roots)}
    return sorted(found)


@login_required
@require_GET
def jump(request: HttpRequest) -> JsonResponse:
    """What the palette finds for `?q=`: flows by name, executions by the beginning of their id (also after `#`)."""
    text = request.GET.get("q", "").strip().lstrip("#")
    if not text:
        return JsonResponse({"results": []})
    flows = rights.filter_readable(Flow.objects.filter(deleted=False, flow_id__icontains=text), request.user)[:JUMPS]
    found = [
        _jump(flow.flow_id, flow.namespace, reverse("flows:detail", args=[flow.namespace, flow.flow_id]), "workflow") for flow in flows
    ]
    found += [
        _jump(f"Execute {flow.flow_id}", flow.namespace, reverse("executions:execute", args=[flow.namespace, flow.flow_id]), "play")
        for flow in flows
        if isinstance(request.user, User)
    ][:4]
    if len(text) >= 3:
        rows = page_figures.executions_of(request.user).filter(id__startswith=text).order_by("-created")[:JUMPS]
        found += [
            _jump(row.id[:12], f"{row.flow_id}, {row.state.lower()}", reverse("executions:detail", args=[row.id]), "circle-play")
            for row in rows
        ]
    return JsonResponse({"results": found[: JUMPS * 2]})


def _jump(title: str, hint: str, url: str, icon: str) -> dict[str, str]:
    return {"title": title, "hint": hint, "url": url, "icon": icon}
