"""Executions over HTTP: `/executions` of the Kestra API, in both of its generations."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import isodate
from django.http import FileResponse, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router

from api import shapes, streams
from api.doors import ids_of, json_of, labels_of, nothing, page_of, text_of, who
from api.filters import wanted
from api.problems import body as problem_body
from engine.states import TERMINATED
from executions import eval as evaluation
from executions import selectors, services
from executions.models import Execution
from flows.models import Flow
from flows.selectors import flow_revision, mapping
from namespaces import rights
from namespaces.models import Role
from ui.errors import Invalid, KestraError, Missing

router = Router(tags=["executions"])
WAIT_SECONDS = 3600


def inputs_of(request: HttpRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """(values, files) of a multipart body. Files come in parts named `files` whose file name is the input's id, or named by the input."""
    if request.content_type != "multipart/form-data":
        if request.body:
            raise UnsupportedBody(request.content_type or "")
        return {}, {}
    values: dict[str, Any] = {name: request.POST.get(name) for name in request.POST}
    files: dict[str, Any] = {}
    for name in request.FILES:
        for upload in request.FILES.getlist(name):
            files[(upload.name or name) if name == "files" else name] = upload
    return values, files


class UnsupportedBody(KestraError):
    """Inputs are sent as multipart/form-data."""

    def __init__(self, content_type: str) -> None:
        super().__init__(f"Content Type [{content_type}] not allowed. Allowed types: [multipart/form-data]")

    @property
    def status(self) -> int:
        return 415


def moment(text: str | None, name: str) -> datetime | None:
    """An ISO 8601 instant of a query parameter."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"`{name}` must be an ISO 8601 date with a zone such as 2026-11-22T13:15:20Z, got {text}") from error
    if read.tzinfo is None:
        raise Invalid(f"`{name}` needs a time zone, got {text}")
    return read


def fresh(request: HttpRequest, execution_id: str) -> Execution:
    """The execution's row if the asker may read it."""
    return selectors.execution(who(request), execution_id)


# --- Starting and reading ---------------------------------------------------------------------------------------------------


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
    startDate: str = "",  # noqa: N803
    endDate: str = "",  # noqa: N803
    timeRange: str = "",  # noqa: N803
    triggerExecutionId: str = "",  # noqa: N803
    childFilter: str = "",  # noqa: N803
    sort: list[str] = Query([]),
) -> dict[str, Any]:
    filters = wanted(request)
    if timeRange and (startDate or endDate):
        raise Invalid("`timeRange` cannot be combined with `startDate` or `endDate`")
    asked = selectors.Filters(
        query=q or filters.text("q", "query"),
        namespace=namespace or filters.text("namespace"),
        flow_id=flowId or filters.text("flowId"),
        states=tuple(state or filters.values("state")),
        labels=tuple(labels_of(labels) + filters.labels()),
        started_after=moment(startDate or filters.text("startDate"), "startDate") or _since(timeRange or filters.text("timeRange")),
        started_before=moment(endDate or filters.text("endDate"), "endDate"),
        trigger_execution_id=triggerExecutionId or filters.text("triggerExecutionId"),
        child=CHILDREN.get(childFilter or filters.text("childFilter")),
    )
    rows = selectors.search(who(request), asked).order_by(*_order(sort)).prefetch_related("task_runs", "steps")
    return page_of(rows, shapes.execution, page, size)


SORTS = {"id": "id", "namespace": "namespace", "flowId": "flow_id", "state.current": "state", "state.startDate": "created", "state.endDate": "ended"}
CHILDREN = {"CHILD": True, "MAIN": False}


def _order(sort: list[str]) -> list[str]:
    """`state.startDate:desc` as Django orders; newest first where nothing is asked, the id decides between equals."""
    fields = []
    for one in sort:
        name, _, direction = one.partition(":")
        if name not in SORTS or direction not in ("", "asc", "desc"):
            raise Invalid(f"Cannot sort by {one}; there are {', '.join(SORTS)}, each with :asc or :desc")
        fields.append(("-" if direction == "desc" else "") + SORTS[name])
    return [*(fields or ["-created"]), "id"]


def _since(time_range: str) -> datetime | None:
    """`PT24H` before now."""
    if not time_range:
        return None
    try:
        return timezone.now() - isodate.parse_duration(time_range)
    except (isodate.ISO8601Error, OverflowError) as error:
        raise Invalid(f"`timeRange` must be an ISO 8601 duration such as PT24H, got {time_range}") from error


@router.get("", summary="Executions of one flow")
@router.get("/", include_in_schema=False)
def of_flow(request: HttpRequest, namespace: str, flowId: str, page: int = 1, size: int = 10) -> dict[str, Any]:  # noqa: N803
    rights.require(who(request), namespace, Role.READER)
    rows = Execution.objects.filter(namespace=namespace, flow_id=flowId).order_by("-created").prefetch_related("task_runs", "steps")
    return page_of(rows, shapes.execution, page, size)


@router.post("/{namespace}/{flow_id}", summary="Start a flow; inputs as multipart/form-data")
def start(
    request: HttpRequest,
    namespace: str,
    flow_id: str,
    labels: list[str] = Query([]),
    wait: bool = False,
    revision: int | None = None,
    scheduleDate: str = "",  # noqa: N803
) -> dict[str, Any]:
    values, files = inputs_of(request)
    row = services.start(
        user=who(request),
        namespace=namespace,
        flow_id=flow_id,
        inputs=values,
        files=files,
        labels=labels_of(labels),
        revision=revision,
        schedule_date=moment(scheduleDate, "scheduleDate"),
    )
    if wait:
        row = _until_terminated(row)
    return shapes.created_execution(row)


def _until_terminated(row: Execution) -> Execution:
    deadline = time.monotonic() + WAIT_SECONDS
    while row.state not in TERMINATED and time.monotonic() < deadline:
        time.sleep(0.05)
        row.refresh_from_db(fields=["state"])
    return Execution.objects.get(pk=row.pk)


@router.post("/trigger/{namespace}/{flow_id}", summary="Start a flow (the older spelling)", deprecated=True)
def trigger(request: HttpRequest, namespace: str, flow_id: str, labels: list[str] = Query([]), wait: bool = False, revision: int | None = None) -> dict[str, Any]:
    return start(request, namespace, flow_id, labels=labels, wait=wait, revision=revision, scheduleDate="")


@router.post("/{namespace}/{flow_id}/validate", summary="Check inputs without starting")
def validate_inputs(request: HttpRequest, namespace: str, flow_id: str) -> dict[str, Any]:
    values, files = inputs_of(request)
    return {"id": flow_id, "namespace": namespace, "inputs": services.validate_inputs(user=who(request), namespace=namespace, flow_id=flow_id, inputs=values, files=files)}


@router.get("/namespaces", summary="Namespaces whose flows may be started")
def namespaces(request: HttpRequest) -> list[str]:
    rows = rights.filter_readable(Flow.objects.filter(deleted=False, disabled=False), who(request))
    return list(rows.order_by("namespace").values_list("namespace", flat=True).distinct())


@router.get("/namespaces/{namespace}/flows", summary="Flows of a namespace that may be started")
def namespace_flows(request: HttpRequest, namespace: str) -> list[dict[str, Any]]:
    rights.require(who(request), namespace, Role.READER)
    rows = Flow.objects.filter(namespace=namespace, deleted=False, disabled=False).order_by("flow_id")
    return [{"id": row.flow_id, "namespace": row.namespace, "revision": row.revision} for row in rows]


@router.get("/flows/{namespace}/{flow_id}", summary="The flow of an execution form")
def flow_to_run(request: HttpRequest, namespace: str, flow_id: str, revision: int | None = None) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    found = flow_revision(namespace, flow_id, revision)
    return shapes.flow(found, mapping(found.source))


@router.get("/{execution_id}", summary="One execution with its task runs")
def one(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    return shapes.execution(fresh(request, execution_id))


@router.get("/{execution_id}/flow", summary="The flow that an execution runs")
def flow_of(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    row = fresh(request, execution_id)
    revision = flow_revision(row.namespace, row.flow_id, row.flow_revision)
    return shapes.flow(revision, mapping(revision.source))


@router.get("/{execution_id}/follow", summary="Follow an execution as server-sent events")
def follow(request: HttpRequest, execution_id: str) -> HttpResponse:
    return streams.execution(who(request), execution_id)


# --- Actions on one -----------------------------------------------------------------------------------------------------------


def _restart(request: HttpRequest, execution_id: str, revision: int | None = None) -> dict[str, Any]:
    return shapes.execution(services.restart(user=who(request), execution_id=execution_id, revision=revision))


def _replay(request: HttpRequest, execution_id: str, taskRunId: str = "", revision: int | None = None) -> dict[str, Any]:  # noqa: N803
    return shapes.execution(services.replay(user=who(request), execution_id=execution_id, task_run_id=taskRunId or None, revision=revision))


def _kill(request: HttpRequest, execution_id: str, isOnKillCascade: bool = True) -> HttpResponse:  # noqa: N803
    services.kill(user=who(request), execution_id=execution_id)
    return HttpResponse(status=202, content_type="application/json")


def _pause(request: HttpRequest, execution_id: str) -> HttpResponse:
    services.pause(user=who(request), execution_id=execution_id)
    return nothing()


def _resume(request: HttpRequest, execution_id: str) -> HttpResponse:
    values, files = inputs_of(request)
    services.resume(user=who(request), execution_id=execution_id, inputs=values, files=files)
    return nothing()


def _force_run(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    return shapes.execution(services.force_run(user=who(request), execution_id=execution_id))


def _unqueue(request: HttpRequest, execution_id: str, state: str = "RUNNING") -> dict[str, Any]:
    return shapes.execution(services.unqueue(user=who(request), execution_id=execution_id))


def _state(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    asked = json_of(request)
    if not isinstance(asked, dict) or not isinstance(asked.get("taskRunId"), str) or not isinstance(asked.get("state"), str):
        raise Invalid('Expected {"taskRunId", "state"} in the body')
    return shapes.execution(services.set_state(user=who(request), execution_id=execution_id, task_run_id=asked["taskRunId"], state=asked["state"]))


def _change_status(request: HttpRequest, execution_id: str, status: str) -> dict[str, Any]:
    return shapes.execution(services.change_status(user=who(request), execution_id=execution_id, status=status))


def _labels(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    return shapes.execution(services.set_labels(user=who(request), execution_id=execution_id, labels=_label_list(json_of(request))))


def _label_list(listed: Any) -> list[tuple[str, str]]:
    if not isinstance(listed, list) or not all(isinstance(one, dict) and isinstance(one.get("key"), str) and isinstance(one.get("value"), str) for one in listed):
        raise Invalid('Expected a JSON list of {"key", "value"} in the body')
    return [(one["key"], one["value"]) for one in listed]


def _eval(request: HttpRequest, execution_id: str) -> dict[str, Any]:
    return _evaluated(request, execution_id, None)


def _eval_task_run(request: HttpRequest, execution_id: str, task_run_id: str) -> dict[str, Any]:
    return _evaluated(request, execution_id, task_run_id)


def _evaluated(request: HttpRequest, execution_id: str, task_run_id: str | None) -> dict[str, Any]:
    row = fresh(request, execution_id)
    rights.require(who(request), row.namespace, Role.MEMBER)
    return evaluation.evaluate(execution_id=row.id, task_run_id=task_run_id, expression=text_of(request))


ACTIONS: dict[str, tuple[str, Callable[..., Any], str]] = {
    "restart": ("POST", _restart, "Run again what failed"),
    "replay": ("POST", _replay, "Run again as a new execution, from the start or from a task run"),
    "pause": ("POST", _pause, "Start nothing new"),
    "resume": ("POST", _resume, "Go on"),
    "force-run": ("POST", _force_run, "Run in spite of a limit"),
    "unqueue": ("POST", _unqueue, "Take out of the queue"),
    "state": ("POST", _state, "Set the state of a task run"),
    "change-status": ("POST", _change_status, "Set the state of an ended execution"),
    "labels": ("POST", _labels, "Add labels to an ended execution"),
    "kill": ("DELETE", _kill, "Stop everything"),
    "eval": ("POST", _eval, "Render an expression as this execution sees it"),
}
for verb, (method, view, summary) in ACTIONS.items():
    for prefix in ("/{execution_id}/", "/{execution_id}/actions/"):
        operation = f"{verb.replace('-', '_')}{'_action' if 'actions' in prefix else ''}"
        router.add_api_operation(f"{prefix}{verb}", [method], view, summary=summary, operation_id=operation)
for prefix in ("/{execution_id}/eval/{task_run_id}", "/{execution_id}/actions/eval/{task_run_id}"):
    router.add_api_operation(prefix, ["POST"], _eval_task_run, summary=ACTIONS["eval"][2], operation_id=f"eval_task_run{'_action' if 'actions' in prefix else ''}")


@router.delete("/{execution_id}", summary="Delete an execution")
def delete(request: HttpRequest, execution_id: str) -> HttpResponse:
    services.delete(user=who(request), execution_id=execution_id)
    return nothing()


# --- Files --------------------------------------------------------------------------------------------------------------------


@router.get("/{execution_id}/file", summary="Download a file of an execution")
def file(request: HttpRequest, execution_id: str, path: str) -> HttpResponse:
    found = selectors.file_of(who(request), execution_id, path)
    return FileResponse(found.open("rb"), as_attachment=True, filename=found.name, content_type="application/octet-stream")


@router.get("/{execution_id}/file/metas", summary="Size of a file of an execution")
def file_metas(request: HttpRequest, execution_id: str, path: str) -> dict[str, int]:
    return {"size": selectors.file_of(who(request), execution_id, path).stat().st_size}


@router.get("/{execution_id}/file/preview", summary="The first rows of a file of an execution")
def file_preview(request: HttpRequest, execution_id: str, path: str, maxRows: int = 100, encoding: str = "UTF-8") -> dict[str, Any]:  # noqa: N803
    return selectors.preview(selectors.file_of(who(request), execution_id, path), max_rows=min(max(maxRows, 1), 5000), encoding=encoding)


# --- Several at once ------------------------------------------------------------------------------------------------------------


def _bulk(request: HttpRequest, verb: str, allowed: Callable[[Execution], str | None], act: Callable[[str], Any]) -> HttpResponse | dict[str, int]:
    """All or nothing: 400 with each id that is missing or in a wrong state, else the count."""
    ids, invalids = ids_of(request), []
    for execution_id in ids:
        try:
            reason = allowed(fresh(request, execution_id))
        except Missing:
            reason = "execution not found"
        if reason:
            invalids.append({"message": reason, "invalidValue": execution_id, "rootBean": execution_id, "propertyPath": [{"name": "execution"}]})
    if invalids:
        answer = problem_body(request, f"invalid bulk {verb}") | {"invalids": invalids}
        return HttpResponse(shapes.dumps(answer), status=400, content_type="application/json")
    for execution_id in ids:
        act(execution_id)
    return {"count": len(ids)}


def _always(row: Execution) -> str | None:
    return None


def _ended(row: Execution) -> str | None:
    return None if row.state in TERMINATED else "execution not terminated"


@router.delete("/kill/by-ids", summary="Kill several executions")
def kill_many(request: HttpRequest) -> Any:
    return _bulk(request, "kill", _always, lambda one: services.kill(user=who(request), execution_id=one))


@router.post("/restart/by-ids", summary="Restart several executions")
def restart_many(request: HttpRequest) -> Any:
    return _bulk(request, "restart", _always, lambda one: services.restart(user=who(request), execution_id=one))


@router.post("/replay/by-ids", summary="Replay several executions")
def replay_many(request: HttpRequest) -> Any:
    return _bulk(request, "replay", _always, lambda one: services.replay(user=who(request), execution_id=one))


@router.post("/pause/by-ids", summary="Pause several executions")
def pause_many(request: HttpRequest) -> Any:
    return _bulk(
        request, "pause", lambda row: None if row.state == "RUNNING" else "execution not running", lambda one: services.pause(user=who(request), execution_id=one)
    )


@router.post("/resume/by-ids", summary="Resume several executions")
def resume_many(request: HttpRequest) -> Any:
    return _bulk(
        request,
        "resume",
        lambda row: None if row.state == "PAUSED" else "execution not paused",
        lambda one: services.resume(user=who(request), execution_id=one, inputs={}),
    )


@router.delete("/by-ids", summary="Delete several executions")
def delete_many(request: HttpRequest, includeNonTerminated: bool = False) -> Any:  # noqa: N803
    return _bulk(request, "delete", _always if includeNonTerminated else _ended, lambda one: services.delete(user=who(request), execution_id=one))
