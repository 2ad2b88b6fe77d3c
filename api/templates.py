"""Templates over HTTP: `/templates` of the Kestra API (deprecated there)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from api.doors import nothing, page_of, sorted_by, who
from api.flows import source_of
from flows import templates
from flows.models import Template

router = Router(tags=["templates"])
COLUMNS = {"id": "template_id", "namespace": "namespace"}


def _shape(row: Template) -> dict[str, Any]:
    return {**row.raw, "deleted": False, "source": row.source}


@router.get("/search", summary="Templates by text and namespace")
def search(
    request: HttpRequest, page: int = 1, size: int = 10, q: str = "", namespace: str = "", sort: list[str] = Query([])
) -> dict[str, Any]:
    return page_of(sorted_by(templates.search(who(request), q, namespace), sort, COLUMNS), _shape, page, size)


@router.get("/distinct-namespaces", summary="Namespaces that have templates")
def namespaces(request: HttpRequest) -> list[str]:
    return sorted(set(templates.search(who(request)).values_list("namespace", flat=True)))


@router.post("", summary="Create a template from its YAML source")
@router.post("/", include_in_schema=False)
def create(request: HttpRequest) -> dict[str, Any]:
    return _shape(templates.create(user=who(request), source=source_of(request)))


@router.get("/{namespace}/{template_id}", summary="One template")
def one(request: HttpRequest, namespace: str, template_id: str) -> dict[str, Any]:
    return _shape(templates.template(who(request), namespace, template_id))


@router.put("/{namespace}/{template_id}", summary="Replace a template")
def update(request: HttpRequest, namespace: str, template_id: str) -> dict[str, Any]:
    return _shape(templates.update(user=who(request), namespace=namespace, template_id=template_id, source=source_of(request)))


@router.delete("/{namespace}/{template_id}", summary="Delete a template")
def delete(request: HttpRequest, namespace: str, template_id: str) -> HttpResponse:
    templates.delete(user=who(request), namespace=namespace, template_id=template_id)
    return nothing()
