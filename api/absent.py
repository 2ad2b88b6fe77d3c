"""What Kestra's clients ask for and this server has none of: blueprints, credentials. Lists are empty."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from api.doors import who
from namespaces import rights
from namespaces.models import Role

blueprints = Router(tags=["not here"])
credentials = Router(tags=["not here"])

EMPTY: dict[str, Any] = {"results": [], "total": 0}


@blueprints.get("/community", summary="Community blueprints: none")
def no_blueprints(request: HttpRequest, page: int = 1, size: int = 10, q: str = "") -> dict[str, Any]:
    return EMPTY


@blueprints.get("/custom", summary="Blueprints of one's own: none")
def no_blueprints_of_ones_own(request: HttpRequest, page: int = 1, size: int = 10, q: str = "") -> dict[str, Any]:
    return EMPTY


@blueprints.get("/community/{kind}", summary="Community blueprints of a kind: none")
def no_blueprints_of(request: HttpRequest, kind: str, page: int = 1, size: int = 10, q: str = "") -> dict[str, Any]:
    return EMPTY


@blueprints.get("/community/tags", summary="Tags of community blueprints: none")
def no_tags(request: HttpRequest) -> list[dict[str, Any]]:
    return []


@blueprints.get("/community/{kind}/tags", summary="Tags of community blueprints of a kind: none")
def no_tags_of(request: HttpRequest, kind: str) -> list[dict[str, Any]]:
    return []


@credentials.get("/{namespace}/credentials", summary="Credentials of a namespace: none")
def no_credentials(request: HttpRequest, namespace: str, page: int = 1, size: int = 10) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    return EMPTY


@credentials.get("/{namespace}/credentials/inherited", summary="Credentials from above: none")
def no_inherited_credentials(request: HttpRequest, namespace: str) -> list[dict[str, Any]]:
    rights.require(who(request), namespace, Role.READER)
    return []
