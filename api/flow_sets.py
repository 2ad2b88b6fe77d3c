"""Several flows at once over HTTP: by ids, by a search, as files, by what their sources contain."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from api import shapes
from api.doors import csv_of, json_of, object_of, page_of, pairs_of, switch_of, text_of, who, word_of
from api.flows import asked_for
from api.problems import refused_bulk
from flows import exchange, services, sources, validation
from flows.models import Flow
from namespaces import rights
from namespaces.models import Role
from ui.errors import Invalid

router = Router(tags=["flows"])
MOST = 10_000  # flows of one operation
Pair = tuple[str, str]

# --- by ids and by query ------------------------------------------------------------------------------------------------------


def _disable(request: HttpRequest, namespace: str, flow_id: str) -> None:
    services.set_disabled(user=who(request), namespace=namespace, flow_id=flow_id, disabled=True)


def _enable(request: HttpRequest, namespace: str, flow_id: str) -> None:
    services.set_disabled(user=who(request), namespace=namespace, flow_id=flow_id, disabled=False)


def _delete(request: HttpRequest, namespace: str, flow_id: str) -> None:
    services.delete(user=who(request), namespace=namespace, flow_id=flow_id)


def _listed(request: HttpRequest, role: Role) -> list[Pair]:
    """The pairs in the body, once the right to all of them is known."""
    pairs = pairs_of(json_of(request))
    for namespace in {namespace for namespace, _ in pairs}:
        rights.require(who(request), namespace, role)
    return pairs


def _found(request: HttpRequest, role: Role) -> list[Pair]:
    """What the search finds, as far as the asker has the right to it."""
    roles: dict[str, bool] = {}
    pairs = list(asked_for(request).values_list("namespace", "flow_id")[:MOST])
    for namespace, _ in pairs:
        if namespace not in roles:
            roles[namespace] = rights.allows(rights.role_of(who(request), namespace), role)
    return [pair for pair in pairs if roles[pair[0]]]


def _each(verb: str, act: Callable[..., None], pairs: Callable[[HttpRequest, Role], list[Pair]]) -> Callable[[HttpRequest], Any]:
    """All or nothing: 400 with each flow that is missing, else the count."""

    def view(request: HttpRequest) -> Any:
        chosen = list(dict.fromkeys(pairs(request, Role.MEMBER)))
        missing = {f"{namespace}.{flow_id}": "flow not found" for namespace, flow_id in chosen if not _is_there(namespace, flow_id)}
        if missing:
            return refused_bulk(request, verb, "flow", missing)
        with transaction.atomic():
            for namespace, flow_id in chosen:
                act(request, namespace, flow_id)
        return {"count": len(chosen)}

    return view


def _is_there(namespace: str, flow_id: str) -> bool:
    return Flow.objects.filter(namespace=namespace, flow_id=flow_id, deleted=False).exists()


for _verb, _method, _act, _summary in (
    ("enable", "POST", _enable, "Enable several flows"),
    ("disable", "POST", _disable, "Disable several flows"),
    ("delete", "DELETE", _delete, "Delete several flows"),
):
    for _way, _pairs, _more in (("ids", _listed, ""), ("query", _found, " that a search finds")):
        router.add_api_operation(
            f"/{_verb}/by-{_way}", [_method], _each(_verb, _act, _pairs), summary=_summary + _more, operation_id=f"flows_{_verb}_by_{_way}"
        )


@router.post("/hashes/by-ids", summary="SHA-256 of the sources of several flows")
def hashes(request: HttpRequest) -> dict[str, Any]:
    asked = json_of(request)
    pairs = pairs_of(asked.get("flows") if isinstance(asked, dict) else asked, "id", "flowId")
    return {"hashes": [_hash(request, *pair) for pair in pairs[:MOST]]}


def _hash(request: HttpRequest, namespace: str, flow_id: str) -> dict[str, Any]:
    row = rights.filter_readable(Flow.objects.filter(namespace=namespace, flow_id=flow_id, deleted=False), who(request)).first()
    digest = hashlib.sha256(row.source.encode()).hexdigest() if row else None
    return {"namespace": namespace, "id": flow_id, "hash": digest, "revision": row.revision if row else None}


# --- files ----------------------------------------------------------------------------------------------------------------------


@router.get("/export/by-query", summary="A zip of the flows that a search finds")
def export_found(request: HttpRequest) -> HttpResponse:
    return _zip(asked_for(request)[:MOST])


@router.post("/export/by-ids", summary="A zip of several flows")
def export_listed(request: HttpRequest) -> HttpResponse:
    pairs = _listed(request, Role.READER)
    rows = {(row.namespace, row.flow_id): row for row in Flow.objects.filter(namespace__in={one for one, _ in pairs}, deleted=False)}
    return _zip([rows[pair] for pair in dict.fromkeys(pairs) if pair in rows])


def _zip(rows: Any) -> HttpResponse:
    headers = {"Content-Disposition": 'attachment; filename="flows.zip"'}
    return HttpResponse(exchange.export_zip(rows), content_type="application/octet-stream", headers=headers)


@router.get("/export/by-query/csv", summary="The flows that a search finds, as a table")
def export_csv(request: HttpRequest) -> HttpResponse:
    header = ("id", "namespace", "revision", "disabled", "description", "labels", "updated")
    rows = (
        (row.flow_id, row.namespace, row.revision, row.disabled, row.description, shapes.dumps(row.labels), shapes.instant(row.updated))
        for row in asked_for(request)[:MOST]
    )
    return csv_of("flows", header, rows)


@router.post("/import", summary="Create or update flows from YAML or a zip (multipart part `fileUpload`)")
def import_(request: HttpRequest, failOnError: bool = False) -> list[str]:
    """Answers the flows that were refused; with `failOnError` the first of them is an error."""
    upload = request.FILES.get("fileUpload")
    if upload is None:
        raise Invalid("Expected a multipart part `fileUpload`")
    listed = exchange.sources_of(upload.name or "", upload.read())
    return exchange.import_sources(user=who(request), sources=listed, fail_on_error=failOnError)


@router.post("/bulk", summary="Create or update several flows, separated by `---`, or none where one is invalid")
def bulk(
    request: HttpRequest, delete: bool = True, namespace: str | None = None, allowNamespaceChild: bool = False
) -> list[dict[str, Any]]:
    """With `namespace` all must stand in it, and with `delete` what else stands there is deleted."""
    return _replaced(request, namespace, delete=delete and namespace is not None, below=allowNamespaceChild)


@router.get("/{namespace}", summary="All flows of a namespace")
def of_namespace(request: HttpRequest, namespace: str) -> list[dict[str, Any]]:
    rights.require(who(request), namespace, Role.READER)
    return [shapes.flow(row) for row in Flow.objects.filter(namespace=namespace, deleted=False).order_by("flow_id")]


@router.post("/{namespace}", summary="Replace the flows of a namespace")
def replace_namespace(request: HttpRequest, namespace: str, delete: bool = True, override: bool = False) -> list[dict[str, Any]]:
    """Body: sources separated by `---`, all of them valid. What else stands in the namespace is deleted unless `delete=false`."""
    rights.require(who(request), namespace, Role.MEMBER)
    return _replaced(request, namespace, delete=delete)


def _replaced(request: HttpRequest, namespace: str | None, *, delete: bool, below: bool = False) -> list[dict[str, Any]]:
    text = text_of(request)
    listed = validation.split_documents(text) if text.strip() else []
    rows = services.replace_all(user=who(request), sources=listed, namespace=namespace, below=below, delete_others=delete)
    return [shapes.flow(row, source=True) for row in rows]


# --- sources --------------------------------------------------------------------------------------------------------------------


@router.get("/source", summary="Search in the sources of flows")
def search_source(
    request: HttpRequest,
    page: int = 1,
    size: int = 10,
    q: str = "",
    namespace: str = "",
    caseSensitive: bool = False,
    wholeWord: bool = False,
    regex: bool = False,
    scope: str = "ALL",
    sort: list[str] = Query([]),
) -> dict[str, Any]:
    """Each result is told in both generations: `model` and `fragments`, and flat with `matches`."""
    query = sources.Query(q, caseSensitive, wholeWord, regex, scope)
    return page_of(sources.search(who(request), query, namespace), _found_source, page, size)


def _found_source(found: sources.Found) -> dict[str, Any]:
    return {
        "namespace": found.flow.namespace,
        "id": found.flow.flow_id,
        "editable": found.editable,
        "matches": [{"line": one.line, "column": one.column, "snippet": one.snippet} for one in found.matches],
        "model": shapes.flow(found.flow, source=True),
        "fragments": [one.marked for one in found.matches[:5]],
    }


def _query(asked: dict[str, Any]) -> sources.Query:
    text = word_of(asked, "query")
    if not text:
        raise Invalid("`query` must not be empty")
    return sources.Query(
        text, switch_of(asked, "caseSensitive"), switch_of(asked, "wholeWord"), switch_of(asked, "regex"), word_of(asked, "scope", "ALL")
    )


@router.post("/source/replace/preview", summary="What a replacement in the sources of flows would do")
def preview_replacement(request: HttpRequest) -> dict[str, Any]:
    """Body: `{query, replacement, caseSensitive, wholeWord, regex, namespace, scope}`; `$1` is a group of a pattern."""
    asked = object_of(request)
    query, replacement = _query(asked), word_of(asked, "replacement")
    found = sources.search(who(request), query, word_of(asked, "namespace"))
    return {
        "totalMatches": sum(len(one.matches) for one in found),
        "totalFlows": len(found),
        "editableFlowCount": sum(one.editable for one in found),
        "flows": [
            {
                "namespace": one.flow.namespace,
                "id": one.flow.flow_id,
                "editable": one.editable,
                "matches": [
                    {"line": match.line, "before": match.text, "after": query.replaced(match.text, replacement)} for match in one.matches
                ],
            }
            for one in found
        ],
    }


@router.post("/source/replace/apply", summary="Replace in the sources of several flows")
def apply_replacement(request: HttpRequest) -> dict[str, Any]:
    """Body: as for the preview, with `flows: [{namespace, id}]`."""
    asked = object_of(request)
    pairs = pairs_of(asked.get("flows"))
    if not 1 <= len(pairs) <= 1000:
        raise Invalid(f"`flows` names 1 to 1000 flows, got {len(pairs)}")
    done = sources.apply(who(request), _query(asked), word_of(asked, "replacement"), pairs)
    skipped = [
        {"namespace": namespace, "id": flow_id, "reason": reason} | ({"message": message} if message else {})
        for namespace, flow_id, reason, message in done.skipped
    ]
    return {"updated": [shapes.flow(row, source=True) for row in done.updated], "skipped": skipped}


@router.post("/source/replace/line", summary="Replace in one line of one flow")
def replace_line(request: HttpRequest) -> dict[str, Any]:
    """Body: `{query, replacement, namespace, id, line}`."""
    asked = object_of(request)
    line = asked.get("line")
    if not isinstance(line, int) or isinstance(line, bool) or line < 1:
        raise Invalid("`line` is the number of a line, from 1")
    row = sources.replace_line(
        who(request),
        _query(asked),
        word_of(asked, "replacement"),
        namespace=word_of(asked, "namespace"),
        flow_id=word_of(asked, "id"),
        line=line,
    )
    return shapes.flow(row, source=True)


@router.get("/deprecated", summary="Flows that use a type by an old name")
def deprecated(request: HttpRequest, namespace: str = "") -> list[dict[str, Any]]:
    return [
        {"namespace": row.namespace, "id": row.flow_id, "deprecations": [{"type": old, "replacement": new} for old, new in names.items()]}
        for row, names in sources.deprecated(who(request), namespace)
    ]
