"""What tasks counted and timed: the Metrics tab of an execution, and that of a flow."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from executions import page_metrics, selectors
from executions.execution_context import page_context
from executions.page_metrics import AGGREGATIONS, Wanted
from executions.views._pauses import pauses
from flows.views.pages import frame, readable
from namespaces.rights import login_required
from ui.htmx import page
from ui.paging import paginate


@login_required
@require_GET
def metrics(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The metrics of one execution; of the chosen one a chart and every value by task and tags."""
    execution = selectors.execution(request.user, execution_id)
    tasks = page_metrics.tasks(execution)
    task = request.GET.get("task", "")
    task = task if task in tasks else ""
    found = page_metrics.series(execution, task)
    chosen = _chosen(request, found)
    context = page_context(execution, request.user, "metrics") | {
        "series": found,
        "chosen": chosen,
        "tasks": tasks,
        "task": task,
        "live_url": request.get_full_path(),
        "pauses": pauses(execution, request.user),
    }
    if chosen is not None:
        values = paginate(request, page_metrics.values_of(execution, chosen, task).order_by("-value", "timestamp", "id"))
        context["values"] = values
        context["rows"] = [(row, page_metrics.written(row.value, row.type), page_metrics.share(row.value, chosen)) for row in values.rows]
        context["chart"] = page_metrics.chart_of(execution, chosen, task) if chosen.count > 1 else None
    return page(request, "executions/metrics.html", "executions/_metrics.html", context)


def _chosen(request: HttpRequest, found: list[page_metrics.Series]) -> page_metrics.Series | None:
    """The metric that the address names, else the first one."""
    name, kind = request.GET.get("name", ""), request.GET.get("type", "")
    named = [one for one in found if one.name == name]
    return next((one for one in named if one.type == kind), next(iter(named or found), None))


@login_required
@require_GET
def flow_metrics(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """One metric over the last executions of a flow."""
    row = readable(request, namespace, flow_id)
    executions = list(page_metrics.lately(row.namespace, row.flow_id))
    known = page_metrics.known(executions)
    wanted = _wanted(request, known)
    context: dict[str, Any] = {
        "wanted": wanted,
        "names": list(dict.fromkeys((name, kind) for name, kind, _ in known)),
        "tasks": [task for name, kind, task in known if wanted and (name, kind) == (wanted.name, wanted.type)],
        "aggregations": {"sum": "Sum", "avg": "Mean", "min": "Smallest", "max": "Largest"},
        "history": page_metrics.history(executions, wanted) if wanted else None,
        "executed": bool(executions),
        "looked_back": len(executions),
    }
    return page(request, "executions/flow_metrics.html", "executions/_flow_metrics.html", frame(request, row, "metrics") | context)


def _wanted(request: HttpRequest, known: list[tuple[str, str, str]]) -> Wanted | None:
    """What the address asks for, as far as there is such a metric; else the first one. None where there is none."""
    if not known:
        return None
    text = request.GET.get("metric", "")
    name, kind = next(((name, kind) for name, kind, _ in known if f"{kind}:{name}" == text), known[0][:2])
    task, aggregation = request.GET.get("task", ""), request.GET.get("aggregation", "")
    return Wanted(name, kind, task if (name, kind, task) in known else "", aggregation if aggregation in AGGREGATIONS else "sum")
