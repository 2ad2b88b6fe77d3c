"""Log lines, metrics and outputs over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from api import filters, shapes, streams
from api.doors import nothing, page_of, sorted_by, who
from executions import selectors, statistics
from executions.models import Execution, LogLine, Metric
from namespaces import rights
from namespaces.models import Role
from ui.errors import Invalid, Missing

router = Router(tags=["logs"])
metrics_router = Router(tags=["metrics"])
outputs_router = Router(tags=["outputs"])


def level_of(name: str) -> int:
    """The number of a level, 0 where none is named; raises Invalid."""
    if name and name.upper() not in shapes.LEVELS:
        raise Invalid(f"Unknown level {name}; there are {', '.join(shapes.LEVELS)}")
    return shapes.LEVELS.index(name.upper()) if name else 0


FIELDS: dict[str, filters.Meaning] = {
    "q": filters.words("message"),
    "query": filters.words("message"),
    "namespace": filters.either(filters.text("execution__namespace"), filters.text("trigger__namespace")),
    "flowId": filters.either(filters.text("execution__flow_id"), filters.text("trigger__flow_id")),
    "executionId": filters.text("execution_id"),
    "taskId": filters.text("task_id"),
    "taskRunId": filters.text("task_run_id"),
    "triggerId": filters.either(filters.text("execution__trigger__id"), filters.text("trigger__trigger_id")),
    "level": lambda condition: Q(level__gte=level_of(condition.value)),
    "minLevel": lambda condition: Q(level__gte=level_of(condition.value)),
    "startDate": filters.date("timestamp", equals="gte"),
    "endDate": filters.date("timestamp", equals="lte"),
    "timeRange": filters.recent("timestamp"),
    "scope": filters.scope("execution__namespace", "trigger__namespace"),
    "kind": filters.anything,
}


LOG_SORTS = {
    "timestamp": "timestamp",
    "level": "level",
    "namespace": "execution__namespace",
    "flowId": "execution__flow_id",
    "executionId": "execution_id",
    "taskId": "task_id",
}


@router.get("/search", summary="Search in all log lines")
def search(
    request: HttpRequest,
    page: int = 1,
    size: int = 10,
    q: str = "",
    namespace: str = "",
    flowId: str = "",  # noqa: N803 -- the parameters' names are Kestra's
    triggerId: str = "",  # noqa: N803 -- the name is Kestra's
    minLevel: str = "",  # noqa: N803 -- the name is Kestra's
    startDate: str = "",  # noqa: N803 -- the name is Kestra's
    endDate: str = "",  # noqa: N803 -- the name is Kestra's
    sort: list[str] = Query([]),
) -> dict[str, Any]:
    rows = selectors.search_logs(
        who(request),
        query=q,
        namespace=namespace,
        flow_id=flowId,
        trigger_id=triggerId,
        min_level=level_of(minLevel),
        start=filters.moment(startDate, "startDate") if startDate else None,
        end=filters.moment(endDate, "endDate") if endDate else None,
    ).filter(filters.scoped(request, FIELDS), filters.of(request, FIELDS))
    rows = sorted_by(rows, sort, LOG_SORTS)
    return page_of(rows, lambda row: shapes.log_line(row, row.execution), page, size) | {"type": "OFFSET"}


def _lines(
    request: HttpRequest, execution_id: str, min_level: str, task_run_id: str, task_id: str, attempt: int | None
) -> tuple[Execution, QuerySet[LogLine]]:
    row = selectors.execution(who(request), execution_id)
    rows = LogLine.objects.filter(execution=row, level__gte=level_of(min_level)).order_by("number")
    step = row.steps.filter(pk=task_run_id).first() if task_run_id else None
    if step is not None:
        rows = rows.filter(task_run_id=step.task_run_id, step=step.name)
    elif task_run_id:
        rows = rows.filter(task_run_id=task_run_id)
    if task_id:
        rows = rows.filter(step=task_id) if "." in task_id else rows.filter(task_id=task_id)
    if attempt is not None:
        rows = rows.filter(attempt=attempt)
    return row, rows


@router.get("/{execution_id}", summary="Log lines of an execution, oldest first")
def of_execution(
    request: HttpRequest, execution_id: str, minLevel: str = "", taskRunId: str = "", taskId: str = "", attempt: int | None = None
) -> list[dict[str, Any]]:  # noqa: N803 -- the name is Kestra's
    row, rows = _lines(request, execution_id, minLevel, taskRunId, taskId, attempt)
    steps = {(step.task_run_id, step.attempt, step.name): step.id for step in row.steps.all()}
    shaped = []
    for line in rows:
        step_id = steps.get((line.task_run_id, line.attempt, line.step)) if line.step else None
        shaped.append(shapes.log_line(line, row) | ({"taskRunId": step_id} if step_id else {}))
    return shaped


@router.get("/{execution_id}/download", summary="Log lines of an execution as a text file")
def download(
    request: HttpRequest, execution_id: str, minLevel: str = "", taskRunId: str = "", taskId: str = "", attempt: int | None = None
) -> HttpResponse:  # noqa: N803 -- the name is Kestra's
    row, rows = _lines(request, execution_id, minLevel, taskRunId, taskId, attempt)

    def lines() -> Iterator[str]:
        for line in rows.iterator(chunk_size=2000):
            yield f"{shapes.instant(line.timestamp)} {shapes.LEVELS[line.level]} {line.message}\n"

    headers = {"Content-Disposition": f'attachment; filename="{row.id}.log"'}
    return StreamingHttpResponse(lines(), content_type="text/plain; charset=utf-8", headers=headers)


@router.get("/{execution_id}/follow", summary="Follow the log lines of an execution as server-sent events")
def follow(request: HttpRequest, execution_id: str, minLevel: str = "") -> HttpResponse:  # noqa: N803 -- the name is Kestra's
    level = level_of(minLevel)
    selectors.execution(who(request), execution_id)
    return streams.logs(request, execution_id, level)


@router.delete("/{execution_id}", summary="Delete log lines of an execution")
def delete(
    request: HttpRequest, execution_id: str, minLevel: str = "", taskRunId: str = "", taskId: str = "", attempt: int | None = None
) -> HttpResponse:  # noqa: N803 -- the name is Kestra's
    row, rows = _lines(request, execution_id, minLevel, taskRunId, taskId, attempt)
    rights.require(who(request), row.namespace, Role.MEMBER)
    rows.delete()
    return nothing(200)


@router.delete("/{namespace}/{flow_id}", summary="Delete log lines of a flow's executions")
def delete_of_flow(request: HttpRequest, namespace: str, flow_id: str, triggerId: str = "") -> HttpResponse:
    """With `triggerId` those of this trigger and of the executions that it started."""
    rights.require(who(request), namespace, Role.MEMBER)
    rows = LogLine.objects.filter(execution__namespace=namespace, execution__flow_id=flow_id)
    (rows.filter(execution__trigger__id=triggerId) if triggerId else rows).delete()
    own = LogLine.objects.filter(trigger__namespace=namespace, trigger__flow_id=flow_id)
    (own.filter(trigger__trigger_id=triggerId) if triggerId else own).delete()
    return nothing(200)


METRIC_SORTS = {"name": "name", "value": "value", "timestamp": "timestamp", "taskId": "task_id", "taskRunId": "task_run_id", "type": "type"}


@metrics_router.get("/{execution_id}", summary="Metrics of an execution")
def metrics(
    request: HttpRequest,
    execution_id: str,
    page: int = 1,
    size: int = 10,
    taskRunId: str = "",
    taskId: str = "",
    sort: list[str] = Query([]),
) -> dict[str, Any]:  # noqa: N803 -- the name is Kestra's
    row = selectors.execution(who(request), execution_id)
    rows = Metric.objects.filter(execution=row).order_by("id")
    if taskRunId:
        rows = rows.filter(task_run_id=taskRunId)
    if taskId:
        rows = rows.filter(task_id=taskId)
    return page_of(sorted_by(rows, sort, METRIC_SORTS), lambda one: shapes.metric(one, row), page, size)


@metrics_router.get("/names/{namespace}/{flow_id}", summary="Names of a flow's metrics")
def metric_names(request: HttpRequest, namespace: str, flow_id: str) -> list[str]:
    rights.require(who(request), namespace, Role.READER)
    return statistics.distinct(statistics.metrics_of(namespace, flow_id), "name")


@metrics_router.get("/names/{namespace}/{flow_id}/{task_id}", summary="Names of a task's metrics")
def task_metric_names(request: HttpRequest, namespace: str, flow_id: str, task_id: str) -> list[str]:
    rights.require(who(request), namespace, Role.READER)
    return statistics.distinct(statistics.metrics_of(namespace, flow_id, task_id), "name")


@metrics_router.get("/tasks/{namespace}/{flow_id}", summary="Tasks of a flow that ever had metrics")
def tasks_with_metrics(request: HttpRequest, namespace: str, flow_id: str) -> list[str]:
    rights.require(who(request), namespace, Role.READER)
    return statistics.distinct(statistics.metrics_of(namespace, flow_id), "task_id")


@metrics_router.get("/aggregates/{namespace}/{flow_id}/{metric}", summary="One metric of a flow over time")
def aggregated(
    request: HttpRequest, namespace: str, flow_id: str, metric: str, aggregation: str = "sum", startDate: str = "", endDate: str = ""
) -> dict[str, Any]:
    """The last 30 days unless dates are given; `aggregation` is sum, avg, min or max."""
    return _aggregated(request, namespace, flow_id, "", metric, aggregation, startDate, endDate)


@metrics_router.get("/aggregates/{namespace}/{flow_id}/{task_id}/{metric}", summary="One metric of a task over time")
def task_aggregated(
    request: HttpRequest,
    namespace: str,
    flow_id: str,
    task_id: str,
    metric: str,
    aggregation: str = "sum",
    startDate: str = "",
    endDate: str = "",
) -> dict[str, Any]:
    return _aggregated(request, namespace, flow_id, task_id, metric, aggregation, startDate, endDate)


def _aggregated(
    request: HttpRequest, namespace: str, flow_id: str, task_id: str, metric: str, aggregation: str, start: str, end: str
) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    within = statistics.period(
        filters.moment(start, "startDate") if start else None, filters.moment(end, "endDate") if end else None, timedelta(days=30)
    )
    rows = statistics.metrics_of(namespace, flow_id, task_id).filter(name=metric)
    found = statistics.aggregated(rows, aggregation, within)
    told = [{"name": metric, "value": value, "date": shapes.zoned(at)} for at, value in found.items()]
    return {"groupBy": within.group, "aggregations": told}


@outputs_router.get("/executions/{execution_id}", summary="Outputs of the flow")
def execution_outputs(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    return selectors.execution(who(request), execution_id).outputs or {}


@outputs_router.get("/tasks/{execution_id}", summary="Task runs that have outputs")
def tasks_with_outputs(request: HttpRequest, execution_id: str) -> list[dict[str, Any]]:
    runs = selectors.execution(who(request), execution_id).task_runs.all()
    return [
        shapes.without_nulls({"taskId": run.task_id, "taskRunId": run.id, "value": run.value, "iteration": run.iteration})
        for run in runs
        if run.outputs
    ]


@outputs_router.get("/tasks/{execution_id}/{task_run_id}", summary="Outputs of one task run")
def task_run_outputs(request: HttpRequest, execution_id: str, task_run_id: str) -> dict[str, Any]:
    run = selectors.execution(who(request), execution_id).task_runs.filter(pk=task_run_id).first()
    if run is None:
        raise Missing(f"Execution '{execution_id}' has no task run '{task_run_id}'")
    return run.outputs or {}
