"""Executions over HTTP: starting, finding and reading them, and their files, in both generations of the Kestra API."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from ninja import Query, Router

from api import filters, previews, shapes, streams
from api.doors import inputs_of, json_of, labels_of, nothing, page_of, sorted_by, who
from api.flows import flow_ids
from api.flows import namespaces as namespaces_with_flows
from engine import states
from executions import selectors, services, storage
from executions.models import Execution, ExecutionLabel
from flows import selectors as flow_selectors
from flows.models import Flow
from namespaces import rights
from namespaces.models import Role
from ui.errors import Invalid

router = Router(tags=["executions"])
WAIT_SECONDS = 3600
SORTS = {
    "id": "id",
    "namespace": "namespace",
    "flowId": "flow_id",
    "state.current": "state",
    "state.startDate": "created",
    "state.endDate": "ended",
    "state.duration": F("ended") - F("created"),
    "flowRevision": "flow_revision",
}


CHILD = {"CHILD": True, "MAIN": False}
LABEL_LOOKUPS = {"EQUALS": "exact", "CONTAINS": "icontains", "STARTS_WITH": "startswith", "ENDS_WITH": "endswith"}


def _label(condition: filters.Condition) -> Q:
    key, value = filters.label_of(condition)
    rows = ExecutionLabel.objects.filter(key=key)
    if condition.operator == "IS_NULL":
        return ~Q(id__in=rows.values("execution_id"))
    if condition.operator == "IN":
        rows = rows.filter(value__in=value.split(","))
    elif condition.operator in LABEL_LOOKUPS:
        rows = rows.filter(**{f"value__{LABEL_LOOKUPS[condition.operator]}": value})
    else:
        raise Invalid(f"{condition.operator} says nothing about labels")
    return Q(id__in=rows.values("execution_id"))


def known_states(listed: Iterable[str]) -> list[str]:
    """States, each by itself or several with commas between them. Raises Invalid for one that there is not."""
    found = [name.strip() for one in listed for name in one.split(",") if name.strip()]
    unknown = next((name for name in found if name not in states.ALL), None)
    if unknown is not None:
        raise Invalid(f"Unknown state {unknown[:50]}; there are {', '.join(states.ALL)}")
    return found


def _state(condition: filters.Condition) -> Q:
    if condition.operator in ("EQUALS", "IN"):
        return Q(state__in=known_states([condition.value]))
    return filters.text("state")(condition)


def _child(condition: filters.Condition) -> Q:
    started = Q(trigger__variables__has_key="executionId")
    return started if condition.value == "CHILD" else ~started


FIELDS: dict[str, filters.Meaning] = {
    "q": filters.words("id", "flow_id", "namespace"),
    "query": filters.words("id", "flow_id", "namespace"),
    "id": filters.text("id"),
    "namespace": filters.text("namespace", namespaces_with_flows),
    "flowId": filters.text("flow_id", flow_ids),
    "flowRevision": filters.number("flow_revision"),
    "state": _state,
    "status": _state,
    "parentId": filters.text("parent_id"),
    "triggerId": filters.text("trigger__id"),
    "executionId": filters.text("id"),
    "labels": _label,
    "startDate": filters.date("created", equals="gte"),
    "endDate": filters.date("created", equals="lte"),
    "timeRange": filters.recent("created"),
    "triggerExecutionId": filters.text("trigger__variables__executionId"),
    "childFilter": _child,
    "scope": filters.scope("namespace"),
    "kind": filters.anything,
}


def fresh(request: HttpRequest, execution_id: str) -> Execution:
    """The execution's row if the asker may read it."""
    return selectors.execution(who(request), execution_id)


def asked_for(request: HttpRequest) -> QuerySet[Execution]:
    """The executions that the plain parameters and the filters of a request name, newest first, of those that the asker may read."""
    given = request.GET
    if given.get("childFilter", "") not in ("", *CHILD):
        raise Invalid("`childFilter` is CHILD or MAIN")
    if given.get("timeRange") and (given.get("startDate") or given.get("endDate")):
        raise Invalid("`timeRange` cannot be combined with `startDate` or `endDate`")
    plain = selectors.Filters(
        query=given.get("q", ""),
        namespace=given.get("namespace", ""),
        flow_id=given.get("flowId", ""),
        states=tuple(known_states(given.getlist("state"))),
        labels=tuple(labels_of(given.getlist("labels"))),
        started_after=_start(request),
        started_before=filters.moment(given["endDate"], "endDate") if given.get("endDate") else None,
        trigger_execution_id=given.get("triggerExecutionId", ""),
        child=CHILD[given["childFilter"]] if given.get("childFilter") in CHILD else None,
    )
    return selectors.search(who(request), plain).filter(filters.scoped(request, FIELDS), filters.of(request, FIELDS))


def _start(request: HttpRequest) -> Any:
    if request.GET.get("timeRange"):
        return filters.since(request.GET["timeRange"])
    return filters.moment(request.GET["startDate"], "startDate") if request.GET.get("startDate") else None


# --- Finding ------------------------------------------------------------------------------------------------------------------


@router.get("/search", summary="Search executions")
def search(
    request: HttpRequest,
    page: int = 1,
    size: int = 10,
    q: str = "",
    namespace: str = "",
    flowId: str = "",  # noqa: N803 -- the parameters' names are Kestra's
    state: list[str] = Query([]),
    labels: list[str] = Query([]),
    startDate: str = "",  # noqa: N803 -- the name is Kestra's
    endDate: str = "",  # noqa: N803 -- the name is Kestra's
    timeRange: str = "",  # noqa: N803 -- the name is Kestra's
    triggerExecutionId: str = "",  # noqa: N803 -- the name is Kestra's
    childFilter: str = "",  # noqa: N803 -- the name is Kestra's
    sort: list[str] = Query([]),
) -> dict[str, Any]:
    """The parameters can also be written `filters[namespace][EQUALS]=…`."""
    rows = sorted_by(asked_for(request), sort, SORTS).prefetch_related("task_runs", "steps")
    return page_of(rows, shapes.execution, page, size)


@router.get("", summary="Executions of one flow")
@router.get("/", include_in_schema=False)
def of_flow(request: HttpRequest, namespace: str, flowId: str, page: int = 1, size: int = 10) -> dict[str, Any]:  # noqa: N803 -- the name is Kestra's
    rights.require(who(request), namespace, Role.READER)
    rows = selectors.search(who(request), selectors.Filters(exact_namespace=namespace, flow_id=flowId))
    return page_of(rows.prefetch_related("task_runs", "steps"), shapes.execution, page, size)


@router.post("/latest", summary="The last execution of each of some flows")
def latest(request: HttpRequest) -> list[dict[str, Any]]:
    """Body: a JSON list of `{namespace, flowId}` (or `id`)."""
    listed = json_of(request)
    if not isinstance(listed, list) or not all(isinstance(one, dict) and isinstance(one.get("namespace"), str) for one in listed):
        raise Invalid('Expected a JSON list of {"namespace", "flowId"} in the body')
    pairs = {(one["namespace"], str(one.get("flowId") or one.get("id") or "")) for one in listed[:1000]}
    wanted = Q(pk__in=[])
    for namespace, flow_id in pairs:
        wanted |= Q(namespace=namespace, flow_id=flow_id)
    rows = selectors.latest(selectors.search(who(request), selectors.Filters()).filter(wanted))
    return [shapes.last_execution(row) for row in rows]


@router.get("/namespaces", summary="Namespaces whose flows may be started")
def namespaces(request: HttpRequest) -> list[str]:
    rows = rights.filter_readable(Flow.objects.filter(deleted=False, disabled=False), who(request))
    names = rows.order_by("namespace").values_list("namespace", flat=True).distinct()
    return [name for name in names if rights.allows(rights.role_of(who(request), name), Role.MEMBER)]


@router.get("/namespaces/{namespace}/flows", summary="Flows of a namespace that may be started")
def namespace_flows(request: HttpRequest, namespace: str) -> list[dict[str, Any]]:
    rights.require(who(request), namespace, Role.MEMBER)
    rows = Flow.objects.filter(namespace=namespace, deleted=False, disabled=False).order_by("flow_id")
    return [{"id": row.flow_id, "namespace": row.namespace, "revision": row.revision} for row in rows]


@router.get("/flows/{namespace}/{flow_id}", summary="The flow of an execution form")
def flow_to_run(request: HttpRequest, namespace: str, flow_id: str, revision: int | None = None) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    return _flow(namespace, flow_id, revision)


def _flow(namespace: str, flow_id: str, number: int | None) -> dict[str, Any]:
    revision = flow_selectors.flow_revision(namespace, flow_id, number)
    return shapes.flow(revision, flow_selectors.mapping(revision.source))


# --- Starting -----------------------------------------------------------------------------------------------------------------


@router.post("/{namespace}/{flow_id}", summary="Start a flow; inputs as multipart/form-data")
def start(
    request: HttpRequest,
    namespace: str,
    flow_id: str,
    labels: list[str] = Query([]),
    wait: bool = False,
    revision: int | None = None,
    scheduleDate: str = "",  # noqa: N803 -- the name is Kestra's
) -> dict[str, Any]:
    """One part for each input, named by its id; `wait=true` answers when the execution has ended."""
    values, files = inputs_of(request)
    row = services.start(
        user=who(request),
        namespace=namespace,
        flow_id=flow_id,
        inputs=values,
        files=files,
        labels=labels_of(labels),
        revision=revision,
        schedule_date=filters.moment(scheduleDate, "scheduleDate") if scheduleDate else None,
    )
    if not wait:
        return shapes.with_url(row, shapes.begun(row))
    ended = _until_terminated(row)
    return shapes.with_url(ended, shapes.execution(ended))


def _until_terminated(row: Execution) -> Execution:
    deadline = time.monotonic() + WAIT_SECONDS
    while not selectors.is_over(row) and time.monotonic() < deadline:
        time.sleep(0.05)
        row.refresh_from_db(fields=["state"])
    return Execution.objects.get(pk=row.pk)


@router.post("/trigger/{namespace}/{flow_id}", summary="Start a flow (the older spelling)", deprecated=True)
def trigger(
    request: HttpRequest, namespace: str, flow_id: str, labels: list[str] = Query([]), wait: bool = False, revision: int | None = None
) -> dict[str, Any]:
    return start(request, namespace, flow_id, labels=labels, wait=wait, revision=revision, scheduleDate="")


@router.post("/{namespace}/{flow_id}/validate", summary="Check inputs without starting")
def validate_inputs(request: HttpRequest, namespace: str, flow_id: str) -> dict[str, Any]:
    values, files = inputs_of(request)
    checked = services.validate_inputs(user=who(request), namespace=namespace, flow_id=flow_id, inputs=values, files=files)
    answer = {"id": flow_id, "namespace": namespace, "inputs": [shapes.checked_input(one) for one in checked]}
    failing = services.failing_checks(user=who(request), namespace=namespace, flow_id=flow_id, inputs=values, files=files)
    return answer | ({"checks": [asdict(each) for each in failing]} if failing else {})


# --- Reading ------------------------------------------------------------------------------------------------------------------


@router.get("/{execution_id}", summary="One execution with its task runs")
def one(request: HttpRequest, execution_id: str) -> HttpResponse:
    return streams.pieces(shapes.execution_parts(fresh(request, execution_id)))


@router.get("/{execution_id}/flow", summary="The flow that an execution runs")
def flow_of(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    row = fresh(request, execution_id)
    return _flow(row.namespace, row.flow_id, row.flow_revision)


@router.get("/{execution_id}/follow", summary="Follow an execution as server-sent events")
def follow(request: HttpRequest, execution_id: str) -> HttpResponse:
    return streams.execution(request, execution_id)


@router.delete("/{execution_id}", summary="Delete an execution")
def delete(
    request: HttpRequest,
    execution_id: str,
    deleteLogs: bool = True,  # noqa: N803 -- the name is Kestra's
    deleteMetrics: bool = True,  # noqa: N803 -- the name is Kestra's
    deleteStorage: bool = True,  # noqa: N803 -- the name is Kestra's
) -> HttpResponse:
    services.delete(user=who(request), execution_id=execution_id, logs=deleteLogs, metrics=deleteMetrics, storage_files=deleteStorage)
    return nothing()


@router.get("/{execution_id}/file", summary="Download a file of an execution")
def file(request: HttpRequest, execution_id: str, path: str) -> HttpResponse:
    found = selectors.file_of(who(request), execution_id, path)
    return FileResponse(found.open("rb"), as_attachment=True, filename=storage.name_of(path), content_type="application/octet-stream")


@router.get("/{execution_id}/file/metas", summary="Size of a file of an execution")
def file_metas(request: HttpRequest, execution_id: str, path: str) -> dict[str, int]:
    return {"size": selectors.file_of(who(request), execution_id, path).stat().st_size}


@router.get("/{execution_id}/file/preview", summary="The first rows of a file of an execution")
def file_preview(
    request: HttpRequest,
    execution_id: str,
    path: str,
    maxRows: int = 100,  # noqa: N803 -- the name is Kestra's
    encoding: str = "UTF-8",
) -> dict[str, Any]:
    found = selectors.file_of(who(request), execution_id, path)
    return previews.preview(found, storage.name_of(path), rows=min(max(maxRows, 1), 5000), encoding=encoding)
