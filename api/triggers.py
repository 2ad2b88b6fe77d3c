"""Triggers over HTTP: what is remembered of each, switching, unlocking, backfills."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from api import filters, shapes
from api.doors import csv_of, json_of, nothing, page_of, sorted_by, who
from api.problems import refused_bulk
from executions import backfilling, trigger_states
from executions.models import Execution, TriggerState
from executions.schedule_dates import SCHEDULES
from flows.models import Flow
from namespaces import rights
from namespaces.models import Role
from ui.errors import Invalid, KestraError, Missing

router = Router(tags=["triggers"])
Named = dict[str, str]

FIELDS: dict[str, filters.Meaning] = {
    "q": filters.words("trigger_id", "flow_id", "namespace"),
    "query": filters.words("trigger_id", "flow_id", "namespace"),
    "namespace": filters.text("namespace"),
    "flowId": filters.text("flow_id"),
    "triggerId": filters.text("trigger_id"),
    "startDate": filters.date("next_date", equals="gte"),
    "endDate": filters.date("next_date", equals="lte"),
    "timeRange": filters.recent("date"),
    "workerId": filters.text("worker"),
    "lastTriggeredDate": filters.date("date"),
    "nextExecutionDate": filters.date("next_date"),
    "locked": lambda condition: Q(evaluating__isnull=condition.value.lower() != "true"),
    "triggerState": lambda condition: Q(disabled=condition.value.upper() == "DISABLED"),
    "scope": filters.scope("namespace"),
}
LAST = {**FIELDS, "startDate": filters.date("date", equals="gte"), "endDate": filters.date("date", equals="lte")}
SORTS = {
    "namespace": "namespace", "flowId": "flow_id", "triggerId": "trigger_id", "date": "date", "lastTriggeredDate": "date",
    "nextExecutionDate": "next_date", "nextEvaluationDate": "next_date", "updatedDate": "updated", "updatedAt": "updated",
    "executionId": "execution_id", "workerId": "worker", "disabled": "disabled",
}  # fmt: skip
COLUMNS = ("namespace", "flowId", "triggerId", "type", "date", "nextExecutionDate", "executionId", "disabled")


# --- shapes -----------------------------------------------------------------------------------------------------------------


def _backfill(backfill: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not backfill:
        return None
    dates = ("start", "end", "currentDate", "previousNextExecutionDate")
    return shapes.without_nulls({**backfill, **{name: shapes.zoned(backfill.get(name)) for name in dates}})


class Shaper:
    """Rows as Kestra shows them. Flows and executions that they name are read once for all rows of a page."""

    def __init__(self, rows: Iterable[TriggerState]) -> None:
        listed = list(rows)
        wanted = Q(pk__in=[])
        for namespace, flow_id in {(row.namespace, row.flow_id) for row in listed}:
            wanted |= Q(namespace=namespace, flow_id=flow_id)
        self._flows = {(flow.namespace, flow.flow_id): flow for flow in Flow.objects.filter(wanted, deleted=False)}
        ids = [row.execution_id for row in listed if row.execution_id]
        self._open = set(Execution.objects.filter(id__in=ids, ended=None).values_list("id", flat=True))

    def declared(self, row: TriggerState) -> dict[str, Any]:
        """The trigger as its flow declares it."""
        flow = self._flows.get((row.namespace, row.flow_id))
        listed = (flow.raw.get("triggers") or []) if flow else []
        same = (one for one in listed if isinstance(one, dict) and one.get("id") == row.trigger_id)
        return next(same, {"id": row.trigger_id, "type": row.type})

    def state(self, row: TriggerState) -> dict[str, Any]:
        """What is remembered, in the words of Kestra 0.21 and in those of today's clients."""
        execution = row.execution_id if row.execution_id in self._open else None
        stop = self.declared(row).get("stopAfter")
        return shapes.without_nulls(
            {
                "namespace": row.namespace,
                "flowId": row.flow_id,
                "triggerId": row.trigger_id,
                "date": shapes.zoned(row.date or row.updated.replace(microsecond=0)),  # until it fires, since when it is so
                "lastTriggeredDate": shapes.zoned(row.date),
                "nextExecutionDate": shapes.zoned(row.next_date),
                "nextEvaluationDate": shapes.zoned(row.next_date),
                "executionId": execution,
                "updatedDate": shapes.instant(row.updated),
                "updatedAt": shapes.instant(row.updated),
                "evaluateRunningDate": shapes.instant(row.evaluating),
                "workerId": row.worker or None,
                "locked": execution is not None or row.evaluating is not None,
                "kind": "SCHEDULE" if row.type in SCHEDULES else "POLLING",
                "stopAfter": stop if isinstance(stop, list) else None,
                "backfill": _backfill(row.backfill),
                "disabled": row.disabled,
            }
        )

    def both(self, row: TriggerState) -> dict[str, Any]:
        """Declaration and state, under both pairs of names."""
        declared, state = self.declared(row), self.state(row)
        return {"abstractTrigger": declared, "triggerContext": state, "trigger": declared, "state": state}


def _one(row: TriggerState) -> dict[str, Any]:
    return Shaper([row]).state(row)


# --- reading ----------------------------------------------------------------------------------------------------------------


def _remembered() -> QuerySet[TriggerState]:
    """Those that have a date: Kestra keeps no state of webhooks and Flow triggers."""
    without = Q(type__endswith=".Webhook") | Q(type__endswith=".trigger.Flow") | Q(type__endswith=".types.Flow")
    return TriggerState.objects.exclude(without).order_by("namespace", "flow_id", "trigger_id")


def _found(request: HttpRequest, meanings: Mapping[str, filters.Meaning] = FIELDS) -> QuerySet[TriggerState]:
    """What a search finds: by its plain parameters and by its filters, as far as the asker may read."""
    rows = rights.filter_readable(_remembered(), who(request))
    given = request.GET
    if given.get("namespace"):
        rows = rows.filter(rights.below(given["namespace"]))
    if given.get("flowId"):
        rows = rows.filter(flow_id=given["flowId"])
    if given.get("workerId"):
        rows = rows.filter(worker=given["workerId"])
    if given.get("q"):
        rows = rows.filter(FIELDS["q"](filters.Condition("q", "CONTAINS", given["q"])))
    return rows.filter(filters.scoped(request, meanings), filters.of(request, meanings))


@router.get("/search", summary="Search triggers")
def search(
    request: HttpRequest,
    page: int = 1,
    size: int = 10,
    q: str = "",
    namespace: str = "",
    flowId: str = "",  # noqa: N803 -- the names are Kestra's
    workerId: str = "",  # noqa: N803
    dateFilter: str = "",  # noqa: N803
    sort: list[str] = Query([]),
) -> dict[str, Any]:
    """`dateFilter` says which date the filters `startDate` and `endDate` mean: NEXT_EXECUTION_DATE or LAST_TRIGGERED_DATE."""
    if dateFilter not in ("", "NEXT_EXECUTION_DATE", "LAST_TRIGGERED_DATE"):
        raise Invalid("`dateFilter` is NEXT_EXECUTION_DATE or LAST_TRIGGERED_DATE")
    rows = sorted_by(_found(request, LAST if dateFilter == "LAST_TRIGGERED_DATE" else FIELDS), sort, SORTS)
    found = page_of(rows, lambda row: row, page, size)
    shaper = Shaper(found["results"])
    return found | {"results": [shaper.both(row) for row in found["results"]]}


@router.get("/export/by-query/csv", summary="Triggers as a CSV file")
def export(request: HttpRequest) -> StreamingHttpResponse:
    rows = list(_found(request))
    shaper = Shaper(rows)
    shaped = ({**shaper.state(row), "type": row.type} for row in rows)
    return csv_of("triggers", COLUMNS, ([one.get(name, "") for name in COLUMNS] for one in shaped))


@router.get("/{namespace}/{flow_id}", summary="Triggers of a flow")
def of_flow(
    request: HttpRequest, namespace: str, flow_id: str, page: int = 1, size: int = 10, q: str = "", sort: list[str] = Query([])
) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    rows = _remembered().filter(namespace=namespace, flow_id=flow_id, trigger_id__icontains=q)
    found = page_of(sorted_by(rows, sort, SORTS), lambda row: row, page, size)
    shaper = Shaper(found["results"])
    return found | {"results": [shaper.state(row) for row in found["results"]]}


# --- bodies -----------------------------------------------------------------------------------------------------------------


def _named(asked: Any) -> Named:
    """Which trigger a body means: `{namespace, flowId, triggerId}`."""
    if not isinstance(asked, dict) or not all(isinstance(asked.get(name), str) for name in ("namespace", "flowId", "triggerId")):
        raise Invalid('Expected {"namespace", "flowId", "triggerId"} in the body')
    return {"namespace": asked["namespace"], "flow_id": asked["flowId"], "trigger_id": asked["triggerId"]}


def _several(listed: Any) -> list[Named]:
    if not isinstance(listed, list):
        raise Invalid('Expected a JSON list of {"namespace", "flowId", "triggerId"} in the body')
    return [_named(one) for one in listed]


def _switch(asked: Any, name: str = "disabled", default: bool | None = None) -> bool:
    value = asked.get(name, default) if isinstance(asked, dict) else None
    if not isinstance(value, bool):
        raise Invalid(f"Expected `{name}` as true or false in the body")
    return value


def _begin_backfill(request: HttpRequest, asked: Mapping[str, Any]) -> TriggerState:
    trigger_states.find(user=who(request), **_named(asked))  # who may not is told nothing about the body
    given = asked.get("backfill")
    if not isinstance(given, dict) or not isinstance(given.get("start"), str):
        raise Invalid('Expected {"backfill": {"start": date, "end": date, "inputs": {}, "labels": []}} in the body')
    inputs, labels, end = given.get("inputs") or {}, given.get("labels") or [], given.get("end")
    if not isinstance(inputs, dict) or not isinstance(labels, list | dict) or not isinstance(end, str | None):
        raise Invalid("A backfill has `inputs` as a map, `labels` as a list of {key, value}, and `end` as a date")
    return backfilling.create(
        user=who(request),
        **_named(asked),
        start=filters.moment(given["start"], "start"),
        end=filters.moment(end, "end") if end else None,
        inputs=inputs,
        labels=labels,
    )


# --- one trigger ------------------------------------------------------------------------------------------------------------


@router.put("", summary="Switch a trigger off or on, or begin a backfill")
@router.put("/", include_in_schema=False)
def update(request: HttpRequest) -> dict[str, Any]:
    """Body: `{namespace, flowId, triggerId, disabled, backfill: {start, end, inputs, labels}}`, of which one of the last two is enough.

    The backfill that goes on already may be told back: it is not begun again.
    """
    asked = json_of(request)
    named = _named(asked)
    row = trigger_states.find(user=who(request), **named)
    wanted = asked.get("backfill")
    begins = bool(wanted) and not _goes_on(row, wanted)
    with transaction.atomic():
        if "disabled" in asked or not wanted:
            row = trigger_states.set_disabled(user=who(request), disabled=_switch(asked), **named)
        return _one(_begin_backfill(request, asked) if begins else row)


def _goes_on(row: TriggerState, wanted: Any) -> bool:
    told = _backfill(row.backfill)
    return told is not None and isinstance(wanted, dict) and all(wanted.get(name) == told.get(name) for name in ("start", "end"))


@router.put("/set-disabled", summary="Switch a trigger off or on, with or without what it missed")
def set_disabled(request: HttpRequest) -> dict[str, Any]:
    """Body: `{namespace, flowId, triggerId, disabled, recoverMissedSchedules}`."""
    asked = json_of(request)
    named = _named(asked)
    recover = asked.get("recoverMissedSchedules")
    keep = recover is None or _switch(asked, "recoverMissedSchedules")
    return _one(trigger_states.set_disabled(user=who(request), disabled=_switch(asked), recover=keep, **named))


@router.post("/{namespace}/{flow_id}/{trigger_id}/unlock", summary="Let a trigger fire though its last execution goes on")
def unlock(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str) -> dict[str, Any]:
    return _one(trigger_states.unlock(user=who(request), namespace=namespace, flow_id=flow_id, trigger_id=trigger_id))


@router.post("/{namespace}/{flow_id}/{trigger_id}/restart", summary="Forget what a trigger waits for, and give up its evaluation")
def restart(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str) -> dict[str, Any]:
    return _one(trigger_states.restart(user=who(request), namespace=namespace, flow_id=flow_id, trigger_id=trigger_id))


@router.delete("/{namespace}/{flow_id}/{trigger_id}", summary="Forget what is remembered of a trigger")
def forget(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str) -> HttpResponse:
    """A trigger that the flow still declares begins anew at its next date."""
    trigger_states.forget(user=who(request), namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    return nothing()


@router.put("/backfill/create", summary="Begin a backfill")
def create_backfill(request: HttpRequest) -> dict[str, Any]:
    """Body: `{namespace, flowId, triggerId, backfill: {start, end, inputs, labels}}`; without `end` until now."""
    asked = json_of(request)
    return _one(_begin_backfill(request, asked if isinstance(asked, dict) else {}))


@router.put("/backfill/pause", summary="Pause a backfill")
def pause_backfill(request: HttpRequest) -> dict[str, Any]:
    return _one(backfilling.pause(user=who(request), **_named(json_of(request))))


@router.put("/backfill/unpause", summary="Go on with a backfill")
def unpause_backfill(request: HttpRequest) -> dict[str, Any]:
    return _one(backfilling.unpause(user=who(request), **_named(json_of(request))))


@router.post("/backfill/delete", summary="End a backfill")
def delete_backfill(request: HttpRequest) -> dict[str, Any]:
    return _one(backfilling.delete(user=who(request), **_named(json_of(request))))


# --- several ----------------------------------------------------------------------------------------------------------------

Act = Callable[..., Any]
NOTHING_TO_DO = (trigger_states.NotLocked, backfilling.NoBackfill)


def _for_each(request: HttpRequest, named: list[Named], act: Act, **more: Any) -> Any:
    """All or nothing: 400 with each trigger that is missing. Those that there is nothing to do for are left as they are and not counted."""
    missing = {".".join(one.values()): "trigger not found" for one in named if not _is_there(request, one)}
    if missing:
        return refused_bulk(request, act.__name__, "trigger", missing)
    return _done(request, named, act, NOTHING_TO_DO, more)


def _by_query(request: HttpRequest, act: Act, wanted: Q | None = None, **more: Any) -> dict[str, int]:
    """As far as the asker may change them."""
    rows = _found(request).filter(wanted or Q()).values("namespace", "flow_id", "trigger_id")
    return _done(request, list(rows), act, (KestraError,), more)


def _done(
    request: HttpRequest, named: list[Named], act: Act, passed_over: tuple[type[KestraError], ...], more: dict[str, Any]
) -> dict[str, int]:
    count = 0
    for one in named:
        with suppress(*passed_over):
            act(user=who(request), **one, **more)
            count += 1
    return {"count": count}


def _is_there(request: HttpRequest, named: Named) -> bool:
    try:
        trigger_states.find(user=who(request), **named)
    except Missing:
        return False
    return True


@router.post("/set-disabled/by-triggers", summary="Switch several triggers off or on")
def update_many(request: HttpRequest) -> Any:
    """Body: `{triggers: [{namespace, flowId, triggerId}], disabled, recoverMissedSchedules}`."""
    asked = json_of(request)
    disabled = _switch(asked)
    recover = asked.get("recoverMissedSchedules") is None or _switch(asked, "recoverMissedSchedules")
    return _for_each(request, _several(asked.get("triggers")), trigger_states.set_disabled, disabled=disabled, recover=recover)


@router.post("/set-disabled/by-query", summary="Switch all triggers that a search finds off or on")
def update_found(request: HttpRequest, disabled: bool = True) -> dict[str, int]:
    return _by_query(request, trigger_states.set_disabled, disabled=disabled)


@router.delete("/delete/by-query", summary="Forget what is remembered of all triggers that a search finds")
def forget_found(request: HttpRequest) -> dict[str, int]:
    """Filters stand in the query, or in the body as `{filters: [{field, operation, value}]}`."""
    asked = json_of(request) or {}
    listed = asked.get("filters") if isinstance(asked, dict) else None
    return _by_query(request, trigger_states.forget, filters.listed(listed or [], FIELDS))


# What needs no more than the triggers: (path, method, what is done, of several, of all that a search finds).
BULKS = (
    ("unlock", "POST", trigger_states.unlock, "Unlock several triggers", "Unlock all triggers that a search finds"),
    ("backfill/pause", "POST", backfilling.pause, "Pause several backfills", "Pause the backfills of all triggers that a search finds"),
    (
        "backfill/unpause",
        "POST",
        backfilling.unpause,
        "Go on with several backfills",
        "Go on with the backfills of all triggers that a search finds",
    ),
    ("backfill/delete", "POST", backfilling.delete, "End several backfills", "End the backfills of all triggers that a search finds"),
    ("delete", "DELETE", trigger_states.forget, "Forget what is remembered of several triggers", ""),
)


def _several_view(act: Act) -> Callable[[HttpRequest], Any]:
    def view(request: HttpRequest) -> Any:
        return _for_each(request, _several(json_of(request)), act)

    return view


def _found_view(act: Act) -> Callable[[HttpRequest], dict[str, int]]:
    def view(request: HttpRequest) -> dict[str, int]:
        return _by_query(request, act)

    return view


for _path, _method, _act, _of_several, _of_found in BULKS:
    _name = _path.replace("/", "_")
    router.add_api_operation(
        f"/{_path}/by-triggers", [_method], _several_view(_act), summary=_of_several, operation_id=f"triggers_{_name}_by_triggers"
    )
    if _of_found:
        router.add_api_operation(
            f"/{_path}/by-query", [_method], _found_view(_act), summary=_of_found, operation_id=f"triggers_{_name}_by_query"
        )
