"""Triggers, statistics and the few answers about the server itself."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from api import shapes
from api.doors import page_of, who
from api.filters import wanted
from executions.models import TriggerState
from flows.models import Flow
from namespaces import rights
from namespaces.models import Role

router = Router(tags=["triggers"])
server_router = Router(tags=["server"])
VERSION = "0.21.0"


def declared(row: TriggerState) -> dict[str, Any]:
    """The trigger as its flow declares it."""
    flow = Flow.objects.filter(namespace=row.namespace, flow_id=row.flow_id, deleted=False).first()
    listed = (flow.raw.get("triggers") or []) if flow else []
    return next((one for one in listed if isinstance(one, dict) and one.get("id") == row.trigger_id), {"id": row.trigger_id, "type": row.type})


@router.get("/search", summary="Search triggers")
def search(request: HttpRequest, page: int = 1, size: int = 10, q: str = "", namespace: str = "", flowId: str = "") -> dict[str, Any]:  # noqa: N803 -- Kestra's names
    filters = wanted(request)
    rows = rights.filter_readable(TriggerState.objects.order_by("namespace", "flow_id", "trigger_id"), who(request))
    namespace, flow_id, q = namespace or filters.text("namespace"), flowId or filters.text("flowId"), q or filters.text("q", "query")
    if namespace:
        rows = rows.filter(namespace__startswith=namespace)
    if flow_id:
        rows = rows.filter(flow_id=flow_id)
    if q:
        rows = rows.filter(trigger_id__icontains=q)
    return page_of(rows, lambda row: {"abstractTrigger": declared(row), "triggerContext": shapes.trigger(row)}, page, size)


@router.get("/{namespace}/{flow_id}", summary="Triggers of a flow")
def of_flow(request: HttpRequest, namespace: str, flow_id: str, page: int = 1, size: int = 10) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    rows = TriggerState.objects.filter(namespace=namespace, flow_id=flow_id).order_by("trigger_id")
    return page_of(rows, shapes.trigger, page, size)


@server_router.get("/configs", summary="What this server is")
def configs(request: HttpRequest) -> dict[str, Any]:
    return {"version": VERSION, "edition": "OSS", "isBasicAuthEnabled": True, "tenantsEnabled": False}


@server_router.get("/ping", auth=None, summary="Whether the server answers", response=str)
def ping(request: HttpRequest) -> str:
    return "pong"
