"""Namespaces over HTTP: their tree, files and keys."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import isodate
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from api import filters, shapes
from api.doors import json_of, nothing, object_of, page_of, sorted_by, switch_of, text_of, who, word_of
from engine.errors import ExpressionError
from engine.expressions.ion import only_ion
from flows import exchange
from flows.models import Flow
from kv import services as kv
from kv.models import KeyValue, ValueType
from kv.values import DURATION
from namespaces import files, rights
from namespaces.models import FileVersion, Namespace, Role
from namespaces.paths import FLOWS, asked
from namespaces.selectors import versions as selectors
from namespaces.selectors.tree import inherited_variables as inherited
from namespaces.services import tree, versions
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
def search(
    request: HttpRequest, q: str = "", page: int = 1, size: int = 10, existing: bool = False, sort: list[str] = Query([])
) -> dict[str, Any]:
    """`existing` leaves out those that are there only because something lies below them."""
    wanted = filters.values(request, {"q", "query", "namespace", "id", "existingOnly", "scope"})
    words = [q, *(value for field, value in wanted if field not in ("existingOnly", "scope"))]
    existing = existing or ("existingOnly", "true") in wanted
    found = [
        (name, has_flows)
        for name, has_flows in sorted(names(request).items(), reverse=any(one.endswith(":desc") for one in sort))
        if all(word.lower() in name.lower() for word in words) and (has_flows or not existing)
    ]
    return page_of(found, lambda pair: {"id": pair[0], "deleted": False, "disabled": not pair[1]}, page, size)


@router.post("/autocomplete", summary="Names of namespaces that contain a text")
def autocomplete(request: HttpRequest) -> list[str]:
    """Body: `{q, ids, existingOnly}`; those among `ids` are told too."""
    asked = object_of(request)
    q, only, ids = word_of(asked, "q").lower(), switch_of(asked, "existingOnly"), asked.get("ids") or []
    found = [name for name, has_flows in sorted(names(request).items()) if q in name.lower() and (has_flows or not only)]
    return found + [one for one in ids if isinstance(one, str) and one not in found] if isinstance(ids, list) else found


@router.get("/{namespace}", summary="One namespace")
def one(request: HttpRequest, namespace: str) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    if namespace not in names(request):
        raise Missing(f"Namespace '{namespace}' not found")
    return namespace_shape(namespace, Namespace.objects.filter(name=namespace).first())


def namespace_shape(name: str, row: Namespace | None) -> dict[str, Any]:
    if row is None:
        return {"id": name, "deleted": False}
    told = {"description": row.description or None, "variables": row.variables or None, "pluginDefaults": row.plugin_defaults or None}
    return {"id": name, "deleted": False} | shapes.without_nulls(told)


@router.post("", summary="Make a namespace")
@router.post("/", include_in_schema=False)
def create(request: HttpRequest) -> dict[str, Any]:
    """Body: `{id, description, variables, pluginDefaults}`."""
    asked = object_of(request)
    name = word_of(asked, "id")
    with transaction.atomic():
        tree.create(user=who(request), name=name, description=word_of(asked, "description"))
        return _described(request, name, asked)


@router.put("/{namespace}", summary="Say what a namespace is for, and what its flows share")
def update(request: HttpRequest, namespace: str) -> dict[str, Any]:
    """Body: as for a new one; what is absent stays."""
    rights.require(who(request), namespace, Role.OWNER)
    asked = object_of(request)
    if word_of(asked, "id", namespace) != namespace:
        raise Invalid("Illegal namespace update: a namespace keeps its id")
    with transaction.atomic():
        return _described(request, namespace, asked)


def _described(request: HttpRequest, name: str, asked: dict[str, Any]) -> dict[str, Any]:
    row = Namespace.objects.filter(name=name).first()
    if asked.get("description") is not None:
        row = tree.describe(user=who(request), name=name, description=word_of(asked, "description"))
    if asked.get("variables") is not None:
        row = tree.set_variables(user=who(request), name=name, variables=asked["variables"])
    if asked.get("pluginDefaults") is not None:
        row = tree.set_plugin_defaults(user=who(request), name=name, defaults=asked["pluginDefaults"])
    return namespace_shape(name, row or tree.ensure(name))


@router.delete("/{namespace}", summary="Delete a namespace that nothing is in")
def delete(request: HttpRequest, namespace: str) -> HttpResponse:
    tree.delete(user=who(request), name=namespace)
    return nothing()


@router.get("/{namespace}/inherited-variables", summary="Variables that a namespace has from those above it")
def inherited_variables(request: HttpRequest, namespace: str) -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    return inherited(namespace)


# --- Files --------------------------------------------------------------------------------------------------------------------


def path_of(path: str) -> str:
    """The path without its first slash; Kestra's sentence for a relative one."""
    if ".." in path.split("/"):
        raise Invalid("File should be accessed with their full path and not using relative '..' path.")
    return asked(path)


def stats_shape(stats: files.Stats) -> dict[str, Any]:
    return {
        "type": "Directory" if stats.is_directory else "File",
        "size": stats.size,
        "fileName": stats.name,
        "lastModifiedTime": round(stats.modified.timestamp() * 1000),
        "creationTime": round(stats.created.timestamp() * 1000),
    }


@router.get("/{namespace}/files", summary="Content of a file")
def file(request: HttpRequest, namespace: str, path: str, revision: int | None = None) -> HttpResponse:
    """The present content, or that of a revision."""
    rights.require(who(request), namespace, Role.READER)
    path = path_of(path)
    content = files.read(namespace, path) if revision is None else _revision(namespace, path, revision)
    return HttpResponse(content, content_type="application/octet-stream")


def _revision(namespace: str, path: str, number: int) -> bytes:
    """A file that lies there since before versions were kept has one, which is what it holds."""
    if number == 1 and not selectors.history(namespace, path, 1):
        return files.read(namespace, path)
    return selectors.content(selectors.version(namespace, path, number))


@router.get("/{namespace}/files/stats", summary="Size and times of a file or folder")
def file_stats(request: HttpRequest, namespace: str, path: str = "") -> dict[str, Any]:
    rights.require(who(request), namespace, Role.READER)
    return stats_shape(files.stats(namespace, path_of(path)))


@router.get("/{namespace}/files/revisions", summary="Revisions of a file")
def file_revisions(request: HttpRequest, namespace: str, path: str = "") -> list[dict[str, Any]]:
    """From the oldest that is kept to the present one."""
    rights.require(who(request), namespace, Role.READER)
    path = path_of(path)
    files.stats(namespace, path)
    return [{"revision": row.number} for row in reversed(selectors.history(namespace, path)) if row.was_there] or [{"revision": 1}]


@router.get("/{namespace}/files/directory", summary="What a folder holds")
def directory(request: HttpRequest, namespace: str, path: str = "") -> list[dict[str, Any]]:
    rights.require(who(request), namespace, Role.READER)
    return [stats_shape(found) for found in files.list_dir(namespace, path_of(path))]


@router.get("/{namespace}/files/search", summary="Paths that contain a text")
def file_search(request: HttpRequest, namespace: str, q: str = "") -> list[str]:
    rights.require(who(request), namespace, Role.READER)
    return ["/" + found for found in files.search(namespace, q)]


@router.get("/{namespace}/files/export", summary="All files as a zip, with the flows in its folder `_flows`")
def file_export(request: HttpRequest, namespace: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.READER)
    sources = dict(Flow.objects.filter(namespace=namespace, deleted=False).order_by("flow_id").values_list("flow_id", "source"))
    headers = {"Content-Disposition": f'attachment; filename="{namespace}_files.zip"'}
    return HttpResponse(files.export_zip(namespace, sources), content_type="application/zip", headers=headers)


@router.post("/{namespace}/files", summary="Write a file (multipart part `fileContent`)")
def file_write(request: HttpRequest, namespace: str, path: str) -> HttpResponse:
    """A part whose file name ends with `.zip` is unpacked. What is written below `/_flows` becomes a flow of the namespace."""
    rights.require(who(request), namespace, Role.MEMBER)
    upload = request.FILES.get("fileContent")
    if upload is None and "fileContent" not in request.POST:
        raise Invalid("Expected a multipart part `fileContent`")

    author = versions.Author(who(request))

    def save(sources: list[bytes]) -> None:
        exchange.save_in(user=who(request), namespace=namespace, sources=sources)

    if upload is not None and (upload.name or "").lower().endswith(".zip"):
        versions.import_zip(namespace, upload.file, author=author, flows=save)
        return nothing(200)
    content = upload.read() if upload is not None else request.POST["fileContent"].encode()
    folder, slash, name = path.lstrip("/").partition("/")
    if folder != FLOWS or not slash:
        versions.write(namespace, path_of(path), content, author=author, reason=FileVersion.Reason.UPLOADED)
    elif "/" in name or not name:
        raise Invalid(f"Invalid flow file path: {path[:200]}")
    else:
        save([content])
    return nothing(200)


@router.post("/{namespace}/files/directory", summary="Make a folder")
def directory_create(request: HttpRequest, namespace: str, path: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.MEMBER)
    files.make_dir(namespace, path_of(path))
    return nothing(200)


@router.put("/{namespace}/files", summary="Move a file or folder")
def file_move(request: HttpRequest, namespace: str, to: str, source: str = Query(..., alias="from")) -> HttpResponse:
    rights.require(who(request), namespace, Role.MEMBER)
    versions.move(namespace, path_of(source), path_of(to), author=versions.Author(who(request)))
    return nothing(200)


@router.delete("/{namespace}/files", summary="Delete a file or folder")
def file_delete(request: HttpRequest, namespace: str, path: str) -> HttpResponse:
    rights.require(who(request), namespace, Role.MEMBER)
    versions.delete(namespace, path_of(path), author=versions.Author(who(request)))
    return nothing(200)


# --- Keys -----------------------------------------------------------------------------------------------------------------------


class Gone(KestraError):
    """The requested value has expired"""

    kind = "gone"


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
    return nothing(200)


def typed(text: str) -> tuple[Any, str | None]:
    """The value and type of a body: JSON or Ion, a bare date or duration among it; a bare word is refused."""
    bare = text.strip()
    try:
        return json.loads(bare), None
    except (ValueError, RecursionError):
        pass
    if DURATION.fullmatch(bare):
        return bare, ValueType.DURATION
    try:
        datetime.fromisoformat(bare)
        return bare, ValueType.DATE if len(bare) == len("2026-11-22") else ValueType.DATETIME
    except ValueError:
        pass
    try:
        value = only_ion(bare)
    except (ExpressionError, RecursionError, ValueError) as error:
        raise Invalid(f"Invalid JSON value for: {bare[:200]}") from error
    if isinstance(value, str) and not bare.startswith(("'", '"')):
        raise Invalid(f"Invalid JSON value for: {bare[:200]}")
    return value, None


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


@router.get("/{namespace}/kv/inheritance", summary="Keys of a namespace and of those above it")
def inherited_keys(request: HttpRequest, namespace: str) -> list[dict[str, Any]]:
    """As far as those may be read."""
    rights.require(who(request), namespace, Role.READER)
    readable = [name for name in reversed(rights.ancestry(namespace)) if rights.role_of(who(request), name) is not None]
    return [key_shape(row) for name in readable for row in kv.list_keys(name)]


KEY_FIELDS: dict[str, filters.Meaning] = {
    "q": filters.words("key", "namespace"),
    "query": filters.words("key", "namespace"),
    "namespace": filters.text("namespace"),
    "key": filters.text("key"),
    "created": filters.date("created"),
    "updated": filters.date("updated"),
    "expirationDate": filters.date("expires"),
}
KEY_SORTS = {"key": "key", "namespace": "namespace", "creationDate": "created", "updateDate": "updated", "expirationDate": "expires"}


@kv_router.get("", summary="Keys of every namespace that may be read")
def all_keys(request: HttpRequest, page: int = 1, size: int = 10, sort: list[str] = Query([])) -> dict[str, Any]:
    rows = rights.filter_readable(kv.living().order_by("namespace", "key"), who(request)).filter(filters.of(request, KEY_FIELDS))
    return page_of(sorted_by(rows, sort, KEY_SORTS), key_shape, page, size)
