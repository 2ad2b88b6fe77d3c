"""Looking for files by name and for what they hold, in the copy that is open."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from namespaces import searching
from namespaces.rights import login_required
from workspace import asking


@never_cache
@require_safe
@login_required
def names(request: HttpRequest, namespace: str) -> HttpResponse:
    """Files whose path has the characters of `?q=`, the likeliest first, with the positions of those characters."""
    place = asking.place(request, namespace)
    found = searching.by_name(place, request.GET.get("q", ""))
    return JsonResponse({"files": [{"path": one.path, "at": one.at} for one in found]})


@never_cache
@require_safe
@login_required
def contents(request: HttpRequest, namespace: str) -> HttpResponse:
    """Lines that have `?q=`: a text, or with `regex` an expression; with `case`, as whole `words`, `only` in paths of these patterns."""
    place = asking.place(request, namespace)
    asked = request.GET
    only = [pattern for pattern in asked.get("only", "").split(",") if pattern.strip()]
    options = {name: asked.get(name, "") not in ("", "0", "false") for name in ("regex", "case", "words")}
    found = searching.in_contents(place, asked.get("q", ""), only=only, **options)
    rows = [
        {
            "path": one.path,
            "lines": [
                {"line": line.number, "column": line.column, "text": line.text, "start": line.start, "end": line.end} for line in one.lines
            ],
        }
        for one in found.files
    ]
    return JsonResponse({"files": rows, "more": found.more})
