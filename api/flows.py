"""Flows over HTTP: `/flows` of the Kestra API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from api import filters, shapes
from api.doors import json_of, labels_of, nothing, page_of, sorted_by, text_of, who
from engine.yaml_ import dump
from executions import selectors as executions
from flows import names, selectors, services, validation
from flows.models import Flow
from kv import services as kv
from namespaces import files, rights
from namespaces.models import Role
from namespaces.selectors import secrets
from ui.errors import Invalid, Missing

router = Router(tags=["flows"])


def visible(request: HttpRequest, namespace: str, flow_id: str, *, deleted: bool = False) -> Flow:
    """The flow's row if the asker may read its namespace."""
    rights.require(who(request), namespace, Role.READER)
    row = Flow.objects.filter(namespace=namespace, flow_id=flow_id).first()
    if row is None or (row.deleted and not deleted):
        raise Missing("Not Found")
    return row


def source_of(request: HttpRequest) -> str:
    """The flow in the body: YAML as it is, JSON written as YAML where it does not bring its source along."""
    if request.content_type != "application/json":
        return text_of(request)
    given = json_of(request)
    if isinstance(given, dict) and isinstance(given.get("source"), str):
        return given["source"]
    return dump(given) if isinstance(given, dict) else text_of(request)


@router.post("", summary="Create a flow from its YAML source")
@router.post("/", include_in_schema=False)
def create(request: HttpRequest, draft: bool = False) -> dict[str, Any]:
    """A draft is saved as any other flow."""
    return shapes.flow(services.create(user=who(request), source=source_of(request)), source=True)


def _label(condition: filters.Condition) -> Q:
    """Labels are kept as one map, so one is compared by its value; keys may hold dots and anything else."""
    key, wanted = filters.label_of(condition)
    fits: dict[str, Callable[[str], bool]] = {
        "EQUALS": lambda value: value == wanted,
        "IN": lambda value: value in wanted.split(","),
        "CONTAINS": lambda value: wanted.lower() in value.lower(),
        "STARTS_WITH": lambda value: value.startswith(wanted),
        "ENDS_WITH": lambda value: value.endswith(wanted),
    }
    rows = Flow.objects.filter(deleted=False).values_list("id", "labels")
    if condition.operator == "IS_NULL":
        return Q(id__in=[number for number, own in rows if key not in own])
    if condition.operator not in fits:
        raise Invalid(f"{condition.operator} says nothing about labels")
    return Q(id__in=[number for number, own in rows if key in own and fits[condition.operator](str(own[key]))])


def namespaces() -> Iterable[str]:
    """Every namespace that ever had a flow."""
    return Flow.objects.order_by("namespace").values_list("namespace", flat=True).distinct()


def flow_ids() -> Iterable[str]:
    """Every id that a flow ever had."""
    return Flow.objects.order_by("flow_id").values_list("flow_id", flat=True).distinct()


FIELDS: dict[str, filters.Meaning] = {
    "q": filters.words("flow_id", "namespace", "description"),
    "query": filters.words("flow_id", "namespace", "description"),
    "namespace": filters.text("namespace", namespaces),
    "flowId": filters.text("flow_id", flow_ids),
    "id": filters.text("flow_id", flow_ids),
    "labels": _label,
    "scope": filters.scope("namespace"),
}
SORTS = {"id": "flow_id", "namespace": "namespace", "revision": "revision", "description": "description", "updated": "updated"}


def asked_for(request: HttpRequest) -> QuerySet[Flow]:
    """The flows that the plain parameters and the filters of a request name, of those that the asker may read."""
    given = request.GET
    labels = dict(labels_of(given.getlist("labels")))
    rows = selectors.search(who(request), q=given.get("q", ""), namespace=given.get("namespace", ""), labels=labels)
    return rows.filter(filters.scoped(request, FIELDS), filters.of(request, FIELDS))


@router.get("/search", summary="Search flows by id, namespace and labels")
def search(
    request: HttpRequest,
    page: int = 1,
    size: int = 10,
    q: str = "",
    namespace: str = "",
    labels: list[str] = Query([]),
    scope: list[str] = Query([]),
    sort: list[str] = Query([]),
) -> dict[str, Any]:
    return page_of(sorted_by(asked_for(request), sort, SORTS), shapes.flow, page, size)


@router.get("/distinct-namespaces", summary="Namespaces that have flows")
def distinct_namespaces(request: HttpRequest, q: str = "") -> list[str]:
    rows = rights.filter_readable(Flow.objects.filter(deleted=False), who(request))
    return list(rows.filter(namespace__icontains=q).order_by("namespace").values_list("namespace", flat=True).distinct())


@router.post("/validate", summary="Validate one or several flows, separated by `---`")
def validate(request: HttpRequest) -> list[dict[str, Any]]:
    return [_validated(index, source) for index, source in enumerate(validation.split_documents(text_of(request)))]


def _validated(index: int, source: str) -> dict[str, Any]:
    outcome = validation.validate(source)
    constraints = outcome.constraints()
    if outcome.flow is None or not outcome.readable:
        return {"index": index, "constraints": constraints, "outdated": False}
    flow = outcome.flow
    row = Flow.objects.filter(namespace=flow.namespace, flow_id=flow.id, deleted=False).first()
    stated = flow.raw.get("revision")
    answer = {
        "flow": flow.id,
        "namespace": flow.namespace,
        "index": index,
        "outdated": bool(row and isinstance(stated, int) and stated != row.revision + 1),
        "deprecationPaths": outcome.deprecations,
        "warnings": outcome.warnings,
        "infos": outcome.infos,
    }
    return answer | ({"constraints": constraints} if constraints else {})


@router.get("/{namespace}/{flow_id}", summary="One flow")
def one(
    request: HttpRequest, namespace: str, flow_id: str, source: bool = False, revision: int | None = None, allowDeleted: bool = False
) -> dict[str, Any]:  # noqa: N803 -- the parameter's name is Kestra's
    row = visible(request, namespace, flow_id, deleted=allowDeleted)
    if revision is None:
        return shapes.flow(row, source=source)
    found = row.revisions.filter(number=revision).first()
    if found is None:
        raise Missing(f"Flow '{namespace}'.'{flow_id}' has no revision {revision}")
    return shapes.flow(found, selectors.mapping(found.source), source=source)


@router.put("/{namespace}/{flow_id}", summary="Update a flow")
def update(request: HttpRequest, namespace: str, flow_id: str, draft: bool = False) -> dict[str, Any]:
    row = services.update(user=who(request), namespace=namespace, flow_id=flow_id, source=source_of(request))
    return shapes.flow(row, source=True)


@router.delete("/{namespace}/{flow_id}", summary="Delete a flow; its revisions stay")
def delete(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    services.delete(user=who(request), namespace=namespace, flow_id=flow_id)
    return nothing()


@router.get("/{namespace}/{flow_id}/revisions", summary="Everything the flow ever was")
def revisions(request: HttpRequest, namespace: str, flow_id: str, allowDelete: bool = True) -> list[dict[str, Any]]:
    row = visible(request, namespace, flow_id, deleted=True)
    return [shapes.flow(found, selectors.mapping(found.source), source=True) for found in row.revisions.order_by("number")]


@router.delete("/{namespace}/{flow_id}/revisions", summary="Forget revisions for good")
def delete_revisions(request: HttpRequest, namespace: str, flow_id: str, revisions: str) -> HttpResponse:
    """`revisions=1,2`; the current one stays, and those that an execution still runs."""
    rights.require(who(request), namespace, Role.MEMBER)
    numbers = [int(one) for one in revisions.split(",") if one.strip().isdecimal() and len(one) < 10]
    if len(numbers) != len(revisions.split(",")):
        raise Invalid("`revisions` reads numbers separated by commas, such as 1,2")
    executions.require_unused(namespace, flow_id, numbers)
    services.delete_revisions(user=who(request), namespace=namespace, flow_id=flow_id, numbers=numbers)
    return nothing()


@router.get("/{namespace}/{flow_id}/tasks/{task_id}", summary="One task of a flow")
def task(request: HttpRequest, namespace: str, flow_id: str, task_id: str, revision: int | None = None) -> dict[str, Any]:
    row = visible(request, namespace, flow_id)
    raw = row.raw if revision is None else selectors.mapping(selectors.flow_revision(namespace, flow_id, revision).source)
    found = selectors.find_task(raw, task_id)
    if found is None:
        raise Missing("Not Found")
    return found


@router.patch("/{namespace}/{flow_id}/{task_id}", summary="Put another task in the place of one")
def replace_task(request: HttpRequest, namespace: str, flow_id: str, task_id: str) -> dict[str, Any]:
    """Body: the whole task, as YAML or JSON."""
    asked = selectors.mapping(text_of(request))
    row = services.replace_task(user=who(request), namespace=namespace, flow_id=flow_id, task_id=task_id, task=asked)
    return shapes.flow(row, source=True)


# --- about sources --------------------------------------------------------------------------------------------------------------


@router.post("/validate/task", summary="Validate one task, or with `section=TRIGGERS` one trigger")
def validate_task(request: HttpRequest, section: Literal["TASKS", "TRIGGERS", "tasks", "triggers"] = "TASKS") -> dict[str, Any]:
    return _part(text_of(request), section.lower())


@router.post("/validate/trigger", summary="Validate one trigger")
def validate_trigger(request: HttpRequest) -> dict[str, Any]:
    return _part(text_of(request), "triggers")


def _part(text: str, section: str) -> dict[str, Any]:
    return shapes.without_nulls({"index": 0, "constraints": validation.validate_part(text, section), "outdated": False})


@router.post("/expressions", summary="What expressions in a flow may name")
def expressions(request: HttpRequest, taskId: str = "") -> dict[str, Any]:
    """Body: the flow's source. `taskId` is the task in which the expression stands: only what comes before it has outputs."""
    outcome = validation.validate(text_of(request))
    namespace = outcome.flow.namespace if outcome.flow is not None else ""
    readable = bool(namespace) and rights.role_of(who(request), namespace) is not None
    told = names.of(outcome.flow, taskId)
    if readable:
        told["secrets"] = [row.key for row in secrets.secrets_of(namespace)]
        told["kvPairs"] = kv.keys(namespace)
        told["namespaceFiles"] = files.search(namespace, "")
    return {"categories": told}
