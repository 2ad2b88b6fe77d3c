"""The tabs of one execution that show it: Overview and Gantt."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from engine.states import ALL, TERMINATED
from executions import gantt as shapes
from executions import long_loops, page_children, page_logs, page_selectors, page_timing, panes, presenters, selectors
from executions.execution_context import page_context
from executions.long_loops import Opened
from executions.models import Execution, TaskRun
from executions.page_children import Asked
from executions.views._pauses import pauses
from namespaces.rights import Person, filter_readable, login_required
from ui.htmx import page

FILTERS = ("RUNNING", "SUCCESS", "WARNING", "FAILED", "SKIPPED")


@login_required
@require_GET
def overview(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Why it failed, what it did, with which values."""
    execution = selectors.execution(request.user, execution_id)
    context = page_context(execution, request.user, "detail") | overview_context(execution, request.user, Asked.of(request.GET.dict()))
    context |= {"live_url": request.get_full_path(), "pauses": pauses(execution, request.user)}
    return page(request, "executions/overview.html", "executions/_overview.html", context)


def overview_context(execution: Execution, user: Person, asked: Asked = Asked()) -> dict[str, Any]:  # noqa: B008 -- frozen
    """The panels of the Overview; of executions that it started what is asked for."""
    figures = page_selectors.figures([execution.id])[execution.id]
    counts = figures.steps or figures.task_runs
    worst = page_logs.find(execution, page_logs.Filter(), 0, level=4)
    return {
        "counts": [(state, counts[state]) for state in ALL if counts.get(state)],
        "counted": "step" if figures.steps else "task run",
        "total": sum(counts.values()),
        "meter": presenters.meter(counts),
        "notable": page_selectors.notable(execution, 12),
        "error_line": worst,
        "cause": page_selectors.cause(execution),
        "history": presenters.history(execution.histories),
        "inputs": [(name, value) for name, value in presenters.flat(presenters.display(execution.inputs)) if name],
        "outputs": [(name, value) for name, value in presenters.flat(presenters.display(execution.outputs or {})) if name],
        "labels": [(key, value) for key, value in execution.labels if not key.startswith("system.")],
        "children": page_children.groups(user, execution, asked),
        "copies": list(filter_readable(Execution.objects.filter(parent_id=execution.id), user).order_by("created")[:20]),
        "live_url": reverse("executions:detail", args=[execution.id]),
    }


@login_required
@require_GET
def gantt(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Task runs and steps over time."""
    execution = selectors.execution(request.user, execution_id)
    axis = page_selectors.gantt_axis(execution, timezone.now())
    opened = Opened.of(request.GET.dict())
    view = by if (by := request.GET.get("by", "")) in page_timing.VIEWS else ""
    lanes = page_timing.lane_rows(execution, axis, view, timezone.now()) if view else None
    rows = lanes if lanes is not None else page_selectors.gantt_rows(execution, axis, opened)
    counts = shapes.states(rows)
    context = page_context(execution, request.user, "gantt") | {
        "axis": axis,
        "rows": rows,
        "opened": opened,
        "by": view,
        "views": [("", "Tree", "list-tree"), ("threads", "Threads", "align-left"), ("layers", "Layers", "layers")],
        "loop_page": loop_page(execution, opened) if opened.loop else None,
        "state_counts": [
            (state, counts.get(state, 0)) for state in (*FILTERS, *(state for state in ALL if state not in FILTERS and counts.get(state)))
        ],
        "empty_title": "Nothing has started yet" if execution.state not in TERMINATED else "Nothing was started",
        "empty_text": presenters.waiting_for(execution),
        "pauses": pauses(execution, request.user),
        "logs_url": reverse("executions:logs_of", args=[execution.id]),
    }
    chosen = request.GET.get("row", "")
    if chosen:
        context["pane"] = panes.pane(execution, chosen, may=context["may"])
    return page(request, "executions/gantt.html", "executions/_gantt.html", context)


def loop_page(execution: Execution, opened: Opened) -> dict[str, Any] | None:
    """The opened page of a long loop: which it is, what it holds, and those beside it."""
    loop, number, pages, total = long_loops.of(execution, opened).page
    if not loop:
        return None
    first = (number - 1) * long_loops.PAGE
    return {
        "loop": loop,
        "name": TaskRun.objects.values_list("task_id", flat=True).get(id=loop),
        "state": opened.state,
        "first": min(first + 1, total),
        "last": min(first + long_loops.PAGE, total),
        "total": total,
        "before": number - 1,
        "after": number + 1 if number < pages else 0,
        "pages": pages,
    }


@login_required
@require_GET
def gantt_insights(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Critical path, idle threads, what is slow, and when it will be over."""
    execution = selectors.execution(request.user, execution_id)
    context = {"execution": execution, "insights": page_timing.insights(execution, timezone.now())}
    return render(request, "executions/_gantt_insights.html", context)


@login_required
@require_GET
def gantt_row(request: HttpRequest, execution_id: str, row_id: str) -> HttpResponse:
    """The pane of one row: facts and its log lines."""
    execution = selectors.execution(request.user, execution_id)
    context = page_context(execution, request.user, "gantt")
    context |= {"pane": panes.pane(execution, row_id, may=context["may"]), "logs_url": reverse("executions:logs_of", args=[execution.id])}
    if context["pane"] is None:
        return HttpResponse(status=404)
    return render(request, "executions/_step_pane.html", context)


@login_required
@require_GET
def kestra_url(request: HttpRequest, execution_id: str, **_: str) -> HttpResponse:
    """The address that Kestra gives an execution leads to ours."""
    return redirect("executions:detail", selectors.execution(request.user, execution_id).id)
