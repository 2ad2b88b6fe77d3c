"""Secrets over HTTP: their keys, and new values; no value is ever told."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from api import filters, shapes
from api.doors import nothing, object_of, page_of, who, word_of
from namespaces import rights
from namespaces.models import Role
from namespaces.selectors import secrets
from namespaces.selectors.secrets import SecretRow
from namespaces.services import secrets as services

router = Router(tags=["namespaces"])
all_router = Router(tags=["namespaces"])


def shape(row: SecretRow) -> dict[str, Any]:
    told = {"key": row.key, "namespace": row.origin or None, "description": row.description or None}
    return shapes.without_nulls(told) | {"tags": []}


def _own(namespace: str) -> list[dict[str, Any]]:
    return [shape(row) for row in secrets.secrets_of(namespace) if not row.inherited]


@router.get("/{namespace}/secrets", summary="Keys of the secrets of a namespace")
def of_namespace(request: HttpRequest, namespace: str, page: int = 1, size: int = 10, sort: list[str] = Query([])) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    words = [value.lower() for _, value in filters.values(request, {"q", "query", "key"})]
    found = [one for one in _own(namespace) if all(word in one["key"].lower() for word in words)]
    return page_of(found, lambda one: one, page, size) | {"readOnly": False}


@router.put("/{namespace}/secrets", summary="Set a secret")
def put(request: HttpRequest, namespace: str) -> list[dict[str, Any]]:
    """Body: `{key, value, description}`."""
    rights.require(who(request), namespace, Role.OWNER)
    asked = object_of(request)
    description = word_of(asked, "description") if asked.get("description") is not None else None
    services.put(user=who(request), namespace=namespace, key=word_of(asked, "key"), value=word_of(asked, "value"), description=description)
    return _own(namespace)


@router.patch("/{namespace}/secrets/{key}", summary="Say what a secret is for")
def patch(request: HttpRequest, namespace: str, key: str) -> list[dict[str, Any]]:
    """Body: `{description}`."""
    rights.require(who(request), namespace, Role.OWNER)
    services.describe(user=who(request), namespace=namespace, key=key, description=word_of(object_of(request), "description"))
    return _own(namespace)


@router.delete("/{namespace}/secrets/{key}", summary="Delete a secret")
def delete(request: HttpRequest, namespace: str, key: str) -> HttpResponse:
    services.delete(user=who(request), namespace=namespace, key=key, repeated=key)
    return nothing()


@router.get("/{namespace}/inherited-secrets", summary="Keys that a namespace has from those above it, by namespace")
def inherited(request: HttpRequest, namespace: str) -> dict[str, list[str]]:
    """Those of the server's environment stand under an empty name."""
    rights.require(who(request), namespace, Role.READER)
    found: dict[str, list[str]] = defaultdict(list)
    for row in secrets.secrets_of(namespace):
        found[namespace if not row.inherited else row.origin].append(row.key)
    return dict(found)


@all_router.get("", summary="Keys of the secrets of every namespace that may be read")
def everywhere(request: HttpRequest, page: int = 1, size: int = 10, sort: list[str] = Query([])) -> dict[str, Any]:
    wanted = filters.values(request, {"q", "query", "key", "namespace"})
    found = [
        shape(row)
        for row in secrets.all_secrets(who(request))
        if row.origin
        and all(value.lower() in (row.origin if field == "namespace" else f"{row.origin} {row.key}").lower() for field, value in wanted)
    ]
    return page_of(found, lambda one: one, page, size) | {"readOnly": False}
