"""What the editor asks about dbt: all that is known of the project, unsaved text compiled and shown, and what can be made of it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from namespaces.rights import login_required
from workspace import asking, knowledge, project_files


@cache_control(private=True, no_cache=True)
@require_safe
@login_required
def known(request: HttpRequest, namespace: str) -> HttpResponse:
    """All that is known of the project of `?path=`, of the topmost one without it; 304 to who has the same already."""
    place = asking.place(request, namespace)
    asked = request.GET.get("path", "")
    project = project_files.find(place, asking.path(place, asked) if asked else "")
    etag, content = knowledge.document(project)
    tag = f'"{etag}"'
    if tag in (part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")):
        answer: HttpResponse = HttpResponseNotModified()
    else:
        answer = HttpResponse(content, content_type="application/json")
    answer.headers["ETag"] = tag
    return answer
