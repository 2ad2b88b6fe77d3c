"""Namespaces over HTTP: their tree, files and keys."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import isodate
from django.http import HttpRequest, HttpResponse
from ninja import Router

from api import shapes
from api.doors import json_of, page_of, text_of, who
from flows.models import Flow
from kv import services as kv
from kv.models import KeyValue, ValueType
from namespaces import files, rights
from namespaces.models import Namespace, Role
from ui.errors import Invalid, KestraError, Missing

router = Router(tags=["namespaces"])
kv_router = Router(tags=["kv"])


def names(request: HttpRequest) -> dict[str, bool]:
    """Every namespace that the asker may read with all its parents: name → whether flows live right there."""
    rows = rights.filter_readable(Flow.objects.filter(deleted=False), who(request))
    own = set(rows.values_list("namespace", flat=True).distinct())
    kept = set(rights.filter_readable(Namespace.objects.all(), who(request), field="name").values_list("name", flat=True))
    found: dict[str, bool] = {}
    for name in own | kept:
        parts = name.split(".")
        for length in range(1, len(parts)):
            found.setdefault(".".join(parts[:length]), False)
        found[name] = found.get(name, False) or name in own
    return found


@router.get("/search", summary="Search namespaces")
def search(request: HttpRequest, q: str = "", page: int = 1, size: int = 10, existing: bool = False) -> dict[str, Any]:
    found = [
        (name, has_flows) for name, has_flows in sorted(names(request).items()) if q.lower() in name.lower() and (has_flows or not existing)
    ]
    return page_of(found, lambda pair: {"id": pair[0], "deleted": False, "disabled": not pair[1]}, page, size)


@router.post("/autocomplete", summary="Names of namespaces that contain a text")
def autocomplete(request: HttpRequest) -> list[str]:
    asked = json_of(request) or {}
    q = asked.get("q", "") if isinstance(asked, dict) else ""
    return [name for name in sorted(names(request)) if str(q).lower() in name.lower()]


@router.get("/{namespace}", summary="One namespace")
def one(request: HttpRequest, namespace: str) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    if namespace not in names(request):
        raise Missing(f"Namespace '{namespace}' not found")
    return {"id": namespace, "deleted": False}


# --- Files --------------------------------------------------------------------------------------------------------------------


def path_of(path: str) -> str:
    """The path without its first slash; Kestra's sentence for a relative one."""
    if ".." in path.split("/"):
        raise Invalid("File should be accessed with their full path and not using relative '..' path.")
    return path.lstrip("/")


def stats_shape(stats: files.Stats) -> dict[str, Any]:
    return {
        "type": "Directory" if stats.is_directory else "File",
        "size": stats.size,
        "fileName": stats.name,
        "lastModifiedTime": round(stats.modified.timestamp() * 1000),
        "creationTime": round(stats.created.timestamp() * 1000),
    }


@router.get("/{namespace}/files", summary="Content of a file")
def file(request: HttpRequest, namespace: str, path: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.READER)
    return HttpResponse(files.read(namespace, path_of(path)), content_type="application/octet-stream")


@router.get("/{namespace}/files/stats", summary="Size and times of a file or folder")
def file_stats(request: HttpRequest, namespace: str, path: str = "") -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    return stats_shape(files.stats(namespace, path_of(path)))


@router.get("/{namespace}/files/directory", summary="What a folder holds")
def directory(request: HttpRequest, namespace: str, path: str = "") -> list[dict[str, Any]]:
    rights.require(who(request), namespace, Role.READER)
    return [stats_shape(found) for found in files.list_dir(namespace, path_of(path))]


@router.get("/{namespace}/files/search", summary="Paths that contain a text")
def file_search(request: HttpRequest, namespace: str, q: str = "") -> list[str]:
    rights.require(who(request), namespace, Role.READER)
    return ["/" + found for found in files.search(namespace, q)]


@router.get("/{namespace}/files/export", summary="All files as a zip")
def file_export(request: HttpRequest, namespace: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.READER)
    headers = {"Content-Disposition": f'attachment; filename="{namespace}_files.zip"'}
    return HttpResponse(files.export_zip(namespace), content_type="application/zip", headers=headers)


@router.post("/{namespace}/files", summary="Write a file (multipart part `fileContent`)")
def file_write(request: HttpRequest, namespace: str, path: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.MEMBER)
    upload = request.FILES.get("fileContent")
    if upload is None and "fileContent" not in request.POST:
        raise Invalid("Expected a multipart part `fileContent`")
    content = upload.read() if upload is not None else request.POST["fileContent"].encode()
    files.write(namespace, path_of(path), content)
    return HttpResponse(status=200)


@router.post("/{namespace}/files/directory", summary="Make a folder")
def directory_create(request: HttpRequest, namespace: str, path: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.MEMBER)
    files.make_dir(namespace, path_of(path))
    return HttpResponse(status=200)


@router.put("/{namespace}/files", summary="Move a file or folder")
def file_move(request: HttpRequest, namespace: str, to: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.MEMBER)
    files.move(namespace, path_of(request.GET.get("from", "")), path_of(to))
    return HttpResponse(status=200)


@router.delete("/{namespace}/files", summary="Delete a file or folder")
def file_delete(request: HttpRequest, namespace: str, path: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.MEMBER)
    files.delete(namespace, path_of(path))
    return HttpResponse(status=200)


# --- Keys -----------------------------------------------------------------------------------------------------------------------


class Gone(KestraError):
    """The requested value has expired"""

    @property
    def status(self) -> int:
        return 410


def key_shape(row: KeyValue) -> dict[str, Any]:
    return shapes.without_nulls(
        {
            "key": row.key,
            "namespace": row.namespace,
            "description": row.description or None,
            "creationDate": shapes.instant(row.created),
            "updateDate": shapes.instant(row.updated),
            "expirationDate": shapes.instant(row.expires),
        }
    )


@router.get("/{namespace}/kv", summary="Keys of a namespace")
def keys(request: HttpRequest, namespace: str) -> list[dict[str, Any]]:
    rights.require(who(request), namespace, Role.READER)
    return [key_shape(row) for row in kv.list_keys(namespace)]


@router.get("/{namespace}/kv/{key}", summary="One value")
def key(request: HttpRequest, namespace: str, key: str) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    row = KeyValue.objects.filter(namespace=namespace, key=key).first()
    if row is None:
        raise Missing(f"No value found for key '{key}' in namespace '{namespace}'")
    if row.expires and row.expires <= datetime.now().astimezone():
        raise Gone
    return {"type": row.type, "value": row.value}


@router.put("/{namespace}/kv/{key}", summary="Set a value: JSON or a bare date, header `ttl`")
def key_set(request: HttpRequest, namespace: str, key: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.MEMBER)
    value, type_ = typed(text_of(request))
    kv.set(namespace, key, value, type=type_, ttl=_ttl(request.headers.get("ttl", "")))
    return HttpResponse(status=200)


def typed(text: str) -> tuple[Any, str | None]:
    """The value and type of a body: JSON, a quoted duration, or a bare date as Ion writes it; anything else is refused."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        bare = text.strip()
        try:
            moment = datetime.fromisoformat(bare)
        except ValueError as error:
            raise Invalid(f"Invalid JSON value for: {bare[:200]}") from error
        return bare, ValueType.DATE if len(bare) == 10 else ValueType.DATETIME if moment else None
    if isinstance(value, str) and _is_duration(value):
        return value, ValueType.DURATION
    return value, None


def _is_duration(text: str) -> bool:
    if not text.lstrip("-").startswith("P") or not any(letter.isdigit() for letter in text):
        return False
    try:
        isodate.parse_duration(text)
    except isodate.ISO8601Error:
        return False
    return True


def _ttl(text: str) -> Any:
    if not text:
        return None
    try:
        return isodate.parse_duration(text)
    except isodate.ISO8601Error as error:
        raise Invalid(f"Header `ttl` must be an ISO 8601 duration such as PT1H, got {text}") from error


@router.delete("/{namespace}/kv/{key}", summary="Delete a value")
def key_delete(request: HttpRequest, namespace: str, key: str) -> bool:
    rights.require(who(request), namespace, Role.MEMBER)
    return kv.delete(namespace, key)


@router.delete("/{namespace}/kv", summary="Delete several values")
def keys_delete(request: HttpRequest, namespace: str) -> dict[str, list[str]]:
    rights.require(who(request), namespace, Role.MEMBER)
    asked = json_of(request)
    listed = asked.get("keys") if isinstance(asked, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise Invalid('Expected {"keys": […]} in the body')
    return {"keys": [one for one in listed if kv.delete(namespace, one)]}


@kv_router.get("", summary="Keys of every namespace that may be read")
def all_keys(request: HttpRequest, page: int = 1, size: int = 10) -> dict[str, Any]:
    return page_of(rights.filter_readable(KeyValue.objects.order_by("namespace", "key"), who(request)), key_shape, page, size)
