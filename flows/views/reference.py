"""The reference of task types, computed from their classes."""

from __future__ import annotations

from itertools import groupby

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from flows import help as docs
from namespaces.rights import login_required
from plugins import catalog
from ui.errors import Missing
from ui.htmx import page


@login_required
@require_GET
def types(request: HttpRequest) -> HttpResponse:
    """All types by group; `q` searches in names and titles."""
    q = request.GET.get("q", "").strip()
    listed = [one for one in docs.all_help() if q.lower() in f"{one.type} {one.title}".lower()]
    groups = [
        (name, list(found)) for name, found in groupby(sorted(listed, key=lambda one: (one.group, one.name)), key=lambda one: one.group)
    ]
    return page(request, "flows/plugins.html", "flows/_plugin_list.html", {"groups": groups, "q": q, "total": len(listed)})


@login_required
@require_GET
def one(request: HttpRequest, type_: str) -> HttpResponse:
    """One type; `near` marks the property under the editor's cursor."""
    try:
        found = docs.help_of(catalog.canonical(type_))
    except catalog.CatalogError as error:
        raise Missing(str(error)) from error
    return page(request, "flows/plugin.html", "flows/_plugin_docs.html", {"help": found, "near": request.GET.get("near", "")})


@login_required
@require_GET
def schema(request: HttpRequest) -> HttpResponse:
    """What the editor completes from."""
    response = JsonResponse(docs.editor_schema())
    response["Cache-Control"] = "private, max-age=300"
    return response
