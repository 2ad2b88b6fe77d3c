"""Executions over HTTP as a table, as the values that they have, and as what they usually take."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from api import shapes, streams
from api.doors import csv_of, who
from api.executions import asked_for
from executions import selectors, statistics
from namespaces import rights
from namespaces.models import Role
from ui.errors import Invalid

router = Router(tags=["executions"])
MOST = 100_000  # rows of one table
COLUMNS = {"namespace": "namespace", "flowid": "flow_id", "state": "state", "flowrevision": "flow_revision", "triggerid": "trigger__id"}


@router.get("/export/by-query/csv", summary="The executions that a search finds, as a table")
def export_csv(request: HttpRequest) -> HttpResponse:
    header = (
        "id",
        "namespace",
        "flowId",
        "flowRevision",
        "state",
        "startDate",
        "endDate",
        "duration",
        "labels",
        "inputs",
        "parentId",
        "triggerId",
    )
    return csv_of("executions", header, (_row(row) for row in asked_for(request)[:MOST].iterator(chunk_size=500)))


def _row(row: Any) -> tuple[Any, ...]:
    state = shapes.state(row.histories)
    labels = shapes.dumps([{"key": key, "value": value} for key, value in row.labels])
    trigger = row.trigger.get("id", "") if isinstance(row.trigger, dict) else ""
    return (
        row.id, row.namespace, row.flow_id, row.flow_revision, row.state, state["startDate"], state.get("endDate", ""), state["duration"],
        labels, shapes.dumps(row.inputs), row.parent_id or "", trigger,
    )  # fmt: skip


@router.get("/distinct-field-values", summary="The values that a field has in the executions that a search finds")
def distinct_values(request: HttpRequest, field: str, size: int = 100) -> list[str]:
    """`field` is NAMESPACE, FLOW_ID, STATE, FLOW_REVISION or TRIGGER_ID, in any spelling."""
    column = COLUMNS.get(field.replace("_", "").lower())
    if column is None:
        raise Invalid(f"`field` is one of NAMESPACE, FLOW_ID, STATE, FLOW_REVISION and TRIGGER_ID, got {field[:50]}")
    found = statistics.distinct(asked_for(request).exclude(**{column: None}), column)
    return [str(value) for value in found[: max(1, min(size, 1000))]]


@router.get("/namespaces/{namespace}/flows/{flow_id}/average-duration", summary="How long a flow usually takes")
def average_duration(request: HttpRequest, namespace: str, flow_id: str) -> dict[str, Any]:
    """Over its last successful executions."""
    rights.require(who(request), namespace, Role.READER)
    usual = statistics.usual(namespace, flow_id)
    span = None if usual.seconds is None else shapes.iso_duration(timedelta(seconds=usual.seconds))
    return shapes.without_nulls({"averageDuration": span, "duration": span, "count": usual.count})


@router.get("/{execution_id}/follow-dependencies", summary="Follow the states of an execution and of those that it started")
def follow_dependencies(request: HttpRequest, execution_id: str, destinationOnly: bool = False, expandAll: bool = False) -> HttpResponse:
    """As server-sent events, one for each change; all executions that share its correlation id are told."""
    selectors.execution(who(request), execution_id)
    return streams.dependencies(request, execution_id)
