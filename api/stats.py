"""Statistics over HTTP: executions, task runs and log lines by day, and the last execution of each flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Router

from api import filters, shapes
from api.doors import object_of, pairs_of, switch_of, who, word_of
from api.executions import known_states
from api.logs import level_of
from executions import selectors, statistics
from executions.models import Execution
from executions.statistics import Figures, Period
from flows import selectors as flow_selectors
from ui.errors import Invalid

router = Router(tags=["stats"])


def _period(asked: Mapping[str, Any]) -> Period:
    start, end = word_of(asked, "startDate"), word_of(asked, "endDate")
    return statistics.period(filters.moment(start, "startDate") if start else None, filters.moment(end, "endDate") if end else None)


def _executions(request: HttpRequest, asked: Mapping[str, Any]) -> QuerySet[Execution]:
    """The executions that a body names: `{q, scope, namespace, flowId, flows, state}`."""
    states = known_states(_texts(asked, "state"))
    chosen = selectors.Filters(
        query=word_of(asked, "q"), namespace=word_of(asked, "namespace"), flow_id=word_of(asked, "flowId"), states=tuple(states)
    )
    rows = selectors.search(who(request), chosen).filter(_scope(asked))
    pairs = _flows(asked)
    return rows.filter(_one_of(pairs)) if pairs else rows


def _texts(asked: Mapping[str, Any], name: str) -> list[str]:
    listed = asked.get(name) or []
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise Invalid(f"`{name}` must be a list of texts")
    return listed


def _scope(asked: Mapping[str, Any], *columns: str) -> Q:
    return filters.one_of_scopes(_texts(asked, "scope"), filters.scope(*columns or ("namespace",)))


def _flows(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    return pairs_of(asked["flows"], "id", "flowId") if asked.get("flows") else []


def _one_of(pairs: list[tuple[str, str]]) -> Q:
    if len(pairs) > 1000:
        raise Invalid(f"`flows` names at most 1000 flows, got {len(pairs)}")
    found = Q(pk__in=[])
    for namespace, flow_id in pairs:
        found |= Q(namespace=namespace, flow_id=flow_id)
    return found


def _daily(found: statistics.Daily, within: Period) -> list[dict[str, Any]]:
    return [
        {
            "startDate": shapes.zoned(at),
            "duration": _duration(figures),
            "executionCounts": {state: figures.counts.get(state, 0) for state in statistics.COUNTED},
            "groupBy": within.group,
        }
        for at, figures in found.items()
    ]


def _duration(figures: Figures) -> dict[str, Any]:
    """Seconds; only the count where nothing ended."""
    spans = figures.durations
    if not spans:
        return {"count": 0}
    return {"min": min(spans), "avg": sum(spans) / len(spans), "max": max(spans), "sum": sum(spans), "count": len(spans)}


@router.post("/summary", summary="How many flows and triggers there are")
def summary(request: HttpRequest) -> dict[str, int]:
    asked = object_of(request)
    rows = flow_selectors.search(who(request), q=word_of(asked, "q"), namespace=word_of(asked, "namespace"))
    raws = list(rows.filter(_scope(asked)).values_list("raw", flat=True))
    return {"flows": len(raws), "triggers": sum(len(raw.get("triggers") or []) for raw in raws)}


@router.post("/executions/daily", summary="Executions by state, over time")
def executions_daily(request: HttpRequest) -> list[dict[str, Any]]:
    """Body: `{q, scope, namespace, flowId, flows, state, startDate, endDate}`; the longer the time, the coarser its pieces."""
    asked = object_of(request)
    within = _period(asked)
    return _daily(statistics.of_executions(_executions(request, asked), within), within)


@router.post("/taskruns/daily", summary="Task runs by state, over time")
def task_runs_daily(request: HttpRequest) -> list[dict[str, Any]]:
    asked = object_of(request)
    within = _period(asked)
    return _daily(statistics.of_task_runs(_executions(request, asked), within), within)


@router.post("/executions/daily/group-by-flow", summary="Executions of each flow by state, over time")
def by_flow(request: HttpRequest) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By namespace, then flow; with `namespaceOnly` the flow is `*`."""
    asked = object_of(request)
    within, rows = _period(asked), _executions(request, asked)
    if switch_of(asked, "namespaceOnly"):
        return {name: {"*": _daily(found, within)} for name, found in statistics.by_namespace(rows, within).items()}
    told: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for (namespace, flow_id), found in statistics.by_flow(rows, within).items():
        told.setdefault(namespace, {})[flow_id] = _daily(found, within)
    return told


@router.post("/executions/daily/group-by-namespace", summary="Executions of each namespace by state, over time")
def by_namespace(request: HttpRequest) -> dict[str, list[dict[str, Any]]]:
    asked = object_of(request)
    within = _period(asked)
    found = statistics.by_namespace(_executions(request, asked), within)
    return {name: _daily(one, within) for name, one in found.items()}


@router.post("/executions/latest/group-by-flow", summary="The last execution of each of some flows")
def latest(request: HttpRequest) -> list[dict[str, Any]]:
    """Body: `{flows: [{namespace, id}]}`, or nothing for every flow."""
    rows = selectors.latest(_executions(request, object_of(request)))
    return [shapes.execution(row) for row in rows.prefetch_related("task_runs", "steps")[:1000]]


@router.post("/logs/daily", summary="Log lines by level, over time")
def logs_daily(request: HttpRequest) -> list[dict[str, Any]]:
    """Body: `{q, scope, namespace, flowId, logLevel, startDate, endDate}`."""
    asked = object_of(request)
    within = _period(asked)
    lines = selectors.search_logs(
        who(request),
        query=word_of(asked, "q"),
        namespace=word_of(asked, "namespace"),
        flow_id=word_of(asked, "flowId"),
        min_level=level_of(word_of(asked, "logLevel")),
    ).filter(_scope(asked, "execution__namespace", "trigger__namespace"))
    return [
        {
            "timestamp": shapes.zoned(at),
            "counts": {name: counts.get(number, 0) for number, name in enumerate(shapes.LEVELS)},
            "groupBy": within.group,
        }
        for at, counts in statistics.of_logs(lines, within).items()
    ]
