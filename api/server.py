"""The few answers about the server itself."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

router = Router(tags=["server"])
VERSION = "0.21.0"  # the Kestra whose answers these are


@router.get("/configs", summary="What this server is")
def configs(request: HttpRequest) -> dict[str, Any]:
    return {"version": VERSION, "edition": "OSS", "isBasicAuthEnabled": True, "tenantsEnabled": False}


@router.get("/ping", auth=None, summary="Whether the server answers", response=str)
def ping(request: HttpRequest) -> str:
    return "pong"
