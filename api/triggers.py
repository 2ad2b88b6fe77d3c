"""Triggers over HTTP: what the scheduler remembers of each, and switching them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from api import filters, shapes
from api.doors import json_of, nothing, page_of, who
from executions import trigger_states
from executions.models import TriggerState
from flows.models import Flow
from namespaces import rights
from namespaces.models import Role
from ui.errors import Invalid

router = Router(tags=["triggers"])

FIELDS: dict[str, filters.Meaning] = {
    "q": filters.words("trigger_id", "flow_id", "namespace"),
    "query": filters.words("trigger_id", "flow_id", "namespace"),
    "namespace": filters.text("namespace"),
    "flowId": filters.text("flow_id"),
    "triggerId": filters.text("trigger_id"),
    "startDate": filters.date("next_date", equals="gte"),
    "endDate": filters.date("next_date", equals="lte"),
    "workerId": filters.anything,
    "scope": filters.anything,
}


def declared(row: TriggerState) -> dict[str, Any]:
    """The trigger as its flow declares it."""
    flow = Flow.objects.filter(namespace=row.namespace, flow_id=row.flow_id, deleted=False).first()
    listed = (flow.raw.get("triggers") or []) if flow else []
    return next(
        (one for one in listed if isinstance(one, dict) and one.get("id") == row.trigger_id), {"id": row.trigger_id, "type": row.type}
    )


@router.get("/search", summary="Search triggers")
def search(request: HttpRequest, page: int = 1, size: int = 10, q: str = "", namespace: str = "", flowId: str = "") -> dict[str, Any]:  # noqa: N803 -- Kestra's names
    rows = rights.filter_readable(TriggerState.objects.order_by("namespace", "flow_id", "trigger_id"), who(request))
    if namespace:
        rows = rows.filter(rights.below(namespace))
    if flowId:
        rows = rows.filter(flow_id=flowId)
    if q:
        rows = rows.filter(filters.words("trigger_id", "flow_id", "namespace")(filters.Condition("q", "CONTAINS", q)))
    rows = rows.filter(filters.of(request, FIELDS))
    return page_of(rows, lambda row: {"abstractTrigger": declared(row), "triggerContext": shapes.trigger(row)}, page, size)


@router.get("/{namespace}/{flow_id}", summary="Triggers of a flow")
def of_flow(request: HttpRequest, namespace: str, flow_id: str, page: int = 1, size: int = 10, q: str = "") -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    rows = TriggerState.objects.filter(namespace=namespace, flow_id=flow_id, trigger_id__icontains=q).order_by("trigger_id")
    return page_of(rows, shapes.trigger, page, size)


# --- Switching --------------------------------------------------------------------------------------------------------------


def _named(asked: Any) -> dict[str, str]:
    """Which trigger a body means: `{namespace, flowId, triggerId}`."""
    if not isinstance(asked, dict) or not all(isinstance(asked.get(name), str) for name in ("namespace", "flowId", "triggerId")):
        raise Invalid('Expected {"namespace", "flowId", "triggerId"} in the body')
    return {"namespace": asked["namespace"], "flow_id": asked["flowId"], "trigger_id": asked["triggerId"]}


def _switch(asked: Any) -> bool:
    if not isinstance(asked, dict) or not isinstance(asked.get("disabled"), bool):
        raise Invalid("Expected `disabled` as true or false in the body")
    return bool(asked["disabled"])


@router.put("", summary="Switch a trigger off or on")
@router.put("/", include_in_schema=False)
@router.put("/set-disabled", include_in_schema=False)
def update(request: HttpRequest) -> dict[str, Any]:
    """Body: `{namespace, flowId, triggerId, disabled}`."""
    asked = json_of(request)
    return shapes.trigger(trigger_states.set_disabled(user=who(request), disabled=_switch(asked), **_named(asked)))


@router.post("/set-disabled/by-triggers", summary="Switch several triggers off or on")
def update_many(request: HttpRequest) -> dict[str, int]:
    """Body: `{triggers: [{namespace, flowId, triggerId}], disabled}`. All are looked for before one is changed."""
    asked = json_of(request)
    disabled = _switch(asked)
    named = _several(request, asked.get("triggers"))
    for one in named:
        trigger_states.set_disabled(user=who(request), disabled=disabled, **one)
    return {"count": len(named)}


def _several(request: HttpRequest, listed: Any) -> list[dict[str, str]]:
    if not isinstance(listed, list):
        raise Invalid('Expected a JSON list of {"namespace", "flowId", "triggerId"} in the body')
    named = [_named(one) for one in listed]
    for one in named:
        trigger_states.find(user=who(request), **one)
    return named


@router.post("/{namespace}/{flow_id}/{trigger_id}/unlock", summary="Let a trigger fire though its last execution goes on")
def unlock(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str) -> dict[str, Any]:
    return shapes.trigger(trigger_states.unlock(user=who(request), namespace=namespace, flow_id=flow_id, trigger_id=trigger_id))


@router.post("/unlock/by-triggers", summary="Unlock several triggers")
def unlock_many(request: HttpRequest) -> dict[str, int]:
    """Those that wait for nothing are left as they are and not counted."""
    count = 0
    for one in _several(request, json_of(request)):
        try:
            trigger_states.unlock(user=who(request), **one)
        except trigger_states.NotLocked:
            continue
        count += 1
    return {"count": count}


@router.delete("/{namespace}/{flow_id}/{trigger_id}", summary="Forget what is remembered of a trigger")
def forget(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str) -> HttpResponse:
    """A trigger that the flow still declares begins anew at its next date."""
    trigger_states.find(user=who(request), namespace=namespace, flow_id=flow_id, trigger_id=trigger_id).delete()
    return nothing()
