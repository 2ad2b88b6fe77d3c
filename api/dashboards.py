"""Dashboards over HTTP: kept as YAML, and the rows of their charts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import MINYEAR, UTC, datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router

from api import executions, filters, logs, shapes
from api.doors import csv_of, nothing, object_of, page_of, sorted_by, text_of, who, word_of
from engine.yaml_ import load
from executions import charts, dashboards
from executions.dashboard_schema import Chart, InvalidDashboard, TimeWindow, chart, dashboard
from executions.models import Dashboard
from ui.errors import Invalid

router = Router(tags=["dashboards"])
BEGINNING = datetime(MINYEAR + 1, 1, 1, tzinfo=UTC)
SORTS = {"id": "id", "title": "title", "created": "created", "updated": "updated"}
METRICS: dict[str, filters.Meaning] = {
    "namespace": filters.text("execution__namespace"),
    "flowId": filters.text("execution__flow_id"),
    "taskId": filters.text("task_id"),
    "startDate": filters.date("timestamp", equals="gte"),
    "endDate": filters.date("timestamp", equals="lte"),
    "timeRange": filters.recent("timestamp"),
    "scope": filters.scope("execution__namespace"),
}
FIELDS = {"Executions": executions.FIELDS, "Logs": logs.FIELDS, "Metrics": METRICS}


def _shape(row: Dashboard) -> dict[str, Any]:
    """A dashboard with its source, and what that says."""
    written = load(row.source).value
    told = {"id": row.id, "deleted": False, "created": shapes.instant(row.created), "updated": shapes.instant(row.updated)}
    return {**written, "description": row.description or None} | told | {"sourceCode": row.source}


# --- kept ---------------------------------------------------------------------------------------------------------------------


@router.get("", summary="Search dashboards")
@router.get("/", include_in_schema=False)
def search(request: HttpRequest, page: int = 1, size: int = 10, q: str = "", sort: list[str] = Query([])) -> dict[str, Any]:
    return page_of(sorted_by(dashboards.search(q), sort, SORTS), _told, page, size)


def _told(row: Dashboard) -> dict[str, Any]:
    return shapes.without_nulls(_shape(row))


@router.post("", summary="Create a dashboard from its YAML source")
@router.post("/", include_in_schema=False)
def create(request: HttpRequest) -> dict[str, Any]:
    return _told(dashboards.create(user=who(request), source=text_of(request)))


@router.get("/settings/default-dashboards", summary="Default dashboards: none")
def no_default_dashboards(request: HttpRequest) -> dict[str, Any]:
    return {}


@router.get("/{id}", summary="One dashboard")
def one(request: HttpRequest, id: str) -> dict[str, Any]:
    return _told(dashboards.find(id))


@router.put("/{id}", summary="Replace a dashboard")
def update(request: HttpRequest, id: str) -> dict[str, Any]:
    """By whoever made it, or an administrator."""
    return _told(dashboards.update(user=who(request), dashboard_id=id, source=text_of(request)))


@router.delete("/{id}", summary="Delete a dashboard")
def delete(request: HttpRequest, id: str) -> HttpResponse:
    dashboards.delete(user=who(request), dashboard_id=id)
    return nothing()


@router.post("/validate", summary="Validate a dashboard")
def validate(request: HttpRequest) -> dict[str, Any]:
    return _validated(dashboard, text_of(request))


@router.post("/validate/chart", summary="Validate a chart")
def validate_chart(request: HttpRequest) -> dict[str, Any]:
    return _validated(chart, text_of(request))


def _validated(read: Any, source: str) -> dict[str, Any]:
    told: dict[str, Any] = {"index": 0, "outdated": False}
    try:
        read(source)
    except InvalidDashboard as error:
        told["constraints"] = error.message
    return told


# --- charts -------------------------------------------------------------------------------------------------------------------


@router.post("/{id}/charts/{chart_id}", summary="The rows of a chart")
def rows(request: HttpRequest, id: str, chart_id: str) -> dict[str, Any]:
    """Body: `{startDate, endDate, pageSize, pageNumber, namespace, labels, filters: [{field, operation, value}]}`, all of them optional."""
    found, row = dashboards.chart_of(id, chart_id)
    return _rows(request, found, dashboard(row.source).timeWindow, object_of(request))


@router.post("/{id}/charts/{chart_id}/export", summary="The rows of a chart as a table")
def export(request: HttpRequest, id: str, chart_id: str, format: str = "CSV") -> HttpResponse:
    return _table(rows(request, id, chart_id), chart_id)


@router.post("/charts/preview", summary="The rows of a chart that is not kept")
def preview(request: HttpRequest) -> dict[str, Any]:
    """Body: `{chart, globalFilter}`: the chart's source, and what else is asked."""
    asked = object_of(request)
    more = asked.get("globalFilter") or {}
    if not isinstance(more, dict):
        raise Invalid("`globalFilter` is a map")
    return _rows(request, chart(word_of(asked, "chart")), TimeWindow(), more)


@router.post("/charts/export", summary="The rows of a chart that is not kept, as a table")
def export_preview(request: HttpRequest, format: str = "CSV") -> HttpResponse:
    return _table(preview(request), "chart")


def _table(found: Mapping[str, Any], name: str) -> HttpResponse:
    listed = found["results"]
    header = list(listed[0]) if listed else []
    return csv_of(name, header, ([one[column] for column in header] for one in listed))


def _rows(request: HttpRequest, shown: Chart, window: TimeWindow, asked: Mapping[str, Any]) -> dict[str, Any]:
    found, total = charts.rows(who(request), shown, _asked(shown, window, asked))
    return {"results": [{name: _written(value) for name, value in row.items()} for row in found], "total": total}


def _written(value: Any) -> Any:
    return shapes.zoned(value) if isinstance(value, datetime) else value


def _asked(shown: Chart, window: TimeWindow, asked: Mapping[str, Any]) -> charts.Asked:
    """Without dates the time that the dashboard shows by default, and never more than it allows."""
    start, end, labels = word_of(asked, "startDate"), word_of(asked, "endDate"), asked.get("labels") or {}
    last = filters.moment(end, "endDate") if end else timezone.now()
    first = filters.moment(start, "startDate") if start else last - min(window.default, last - BEGINNING)
    if last - first > window.max:
        raise Invalid(f"Time window is larger than the maximum of this dashboard, {shapes.iso_duration(window.max)}")
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise Invalid("`labels` is a map of texts")
    more = filters.listed(asked.get("filters") or [], FIELDS[shown.data.kind]) if shown.data else Q()
    page, size = _count(asked, "pageNumber", 1), min(_count(asked, "pageSize", charts.MOST), charts.MOST)
    return charts.Asked(first, last, word_of(asked, "namespace"), labels, page, size, more)


def _count(asked: Mapping[str, Any], name: str, default: int) -> int:
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1_000_000:
        raise Invalid(f"`{name}` is a number from 1 on")
    return value
