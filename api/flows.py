"""Flows over HTTP: `/flows` of the Kestra API."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from api import filters, shapes
from api.doors import json_of, labels_of, nothing, page_of, text_of, who
from flows import selectors, services, validation
from flows.models import Flow
from namespaces import rights
from namespaces.models import Role
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
    """The flow in the body: YAML as it is, JSON too (it is YAML)."""
    text = text_of(request)
    if request.content_type == "application/json":
        given = json_of(request)
        if isinstance(given, dict) and isinstance(given.get("source"), str):
            return given["source"]
    return text


@router.post("", summary="Create a flow from its YAML source")
@router.post("/", include_in_schema=False)
def create(request: HttpRequest) -> dict[str, Any]:
    return shapes.flow(services.create(user=who(request), source=source_of(request)), source=True)


def _label(condition: filters.Condition) -> Q:
    """Labels are kept as one map, so one is compared by its value; keys may hold dots and anything else."""
    rows = Flow.objects.filter(deleted=False).values_list("id", "labels")
    match condition.operator:
        case "EQUALS":
            found = [number for number, own in rows if own.get(condition.key) == condition.value]
        case "IN":
            found = [number for number, own in rows if own.get(condition.key) in condition.value.split(",")]
        case "CONTAINS":
            found = [number for number, own in rows if condition.value.lower() in str(own.get(condition.key, "")).lower()]
        case _:
            raise Invalid(f"{condition.operator} says nothing about labels")
    return Q(id__in=found)


FIELDS: dict[str, filters.Meaning] = {
    "q": filters.words("flow_id", "namespace", "description"),
    "query": filters.words("flow_id", "namespace", "description"),
    "namespace": filters.text("namespace"),
    "flowId": filters.text("flow_id"),
    "labels": _label,
    "scope": filters.anything,
}


@router.get("/search", summary="Search flows by id, namespace and labels")
def search(
    request: HttpRequest, page: int = 1, size: int = 10, q: str = "", namespace: str = "", labels: list[str] = Query([])
) -> dict[str, Any]:
    rows = selectors.search(who(request), q=q, namespace=namespace, labels=dict(labels_of(labels)))
    return page_of(rows.filter(filters.of(request, FIELDS)), shapes.flow, page, size)


@router.get("/source", summary="Search in the sources of flows")
def search_source(request: HttpRequest, page: int = 1, size: int = 10, q: str = "", namespace: str = "") -> dict[str, Any]:
    rows = rights.filter_readable(Flow.objects.filter(deleted=False, source__icontains=q), who(request)).order_by("namespace", "flow_id")
    if namespace:
        rows = rows.filter(rights.below(namespace))

    def found(row: Flow) -> dict[str, Any]:
        lines = [line.strip() for line in row.source.splitlines() if q.lower() in line.lower()]
        return {"model": shapes.flow(row, source=True), "fragments": lines[:5]}

    return page_of(rows, found, page, size)


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
    if outcome.flow is None:
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


@router.get("/{namespace}", summary="All flows of a namespace")
def of_namespace(request: HttpRequest, namespace: str) -> list[dict[str, Any]]:
    rights.require(who(request), namespace, Role.READER)
    return [shapes.flow(row) for row in Flow.objects.filter(namespace=namespace, deleted=False).order_by("flow_id")]


@router.put("/{namespace}/{flow_id}", summary="Update a flow")
def update(request: HttpRequest, namespace: str, flow_id: str) -> dict[str, Any]:
    row = services.update(user=who(request), namespace=namespace, flow_id=flow_id, source=source_of(request))
    return shapes.flow(row, source=True)


@router.delete("/{namespace}/{flow_id}", summary="Delete a flow; its revisions stay")
def delete(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    services.delete(user=who(request), namespace=namespace, flow_id=flow_id)
    return nothing()


@router.get("/{namespace}/{flow_id}/revisions", summary="Everything the flow ever was")
def revisions(request: HttpRequest, namespace: str, flow_id: str) -> list[dict[str, Any]]:
    row = visible(request, namespace, flow_id, deleted=True)
    return [shapes.flow(found, selectors.mapping(found.source), source=True) for found in row.revisions.order_by("number")]


@router.get("/{namespace}/{flow_id}/tasks/{task_id}", summary="One task of a flow")
def task(request: HttpRequest, namespace: str, flow_id: str, task_id: str) -> dict[str, Any]:
    found = _find_task(visible(request, namespace, flow_id).raw, task_id)
    if found is None:
        raise Missing("Not Found")
    return found


def _find_task(node: Any, task_id: str) -> dict[str, Any] | None:
    """The first mapping with this id and a type, depth first."""
    if isinstance(node, dict):
        if node.get("id") == task_id and isinstance(node.get("type"), str) and "." in node["type"]:
            return node
        nested = [value for key, value in node.items() if key not in ("inputs", "triggers", "outputs")]
    else:
        nested = node if isinstance(node, list) else []
    return next((found for value in nested if (found := _find_task(value, task_id)) is not None), None)


@router.post("/{verb}/by-ids", summary="Enable or disable several flows")
def set_disabled(request: HttpRequest, verb: str) -> dict[str, int]:
    if verb not in ("enable", "disable"):
        raise Missing("Not Found")
    pairs = _pairs(request)
    for namespace, flow_id in pairs:
        services.set_disabled(user=who(request), namespace=namespace, flow_id=flow_id, disabled=verb == "disable")
    return {"count": len(pairs)}


@router.delete("/delete/by-ids", summary="Delete several flows")
def delete_many(request: HttpRequest) -> dict[str, int]:
    pairs = _pairs(request)
    for namespace, flow_id in pairs:
        services.delete(user=who(request), namespace=namespace, flow_id=flow_id)
    return {"count": len(pairs)}


def _pairs(request: HttpRequest) -> list[tuple[str, str]]:
    listed = json_of(request)
    if not isinstance(listed, list) or not all(
        isinstance(one, dict) and isinstance(one.get("namespace"), str) and isinstance(one.get("id"), str) for one in listed
    ):
        raise Invalid('Expected a JSON list of {"namespace", "id"} in the body')
    for namespace in {one["namespace"] for one in listed}:  # before anything is changed
        rights.require(who(request), namespace, Role.MEMBER)
    return [(one["namespace"], one["id"]) for one in listed]
