"""The flow editor: its page, validation while typing, formatting, and saving."""

from __future__ import annotations

import re
import time
from difflib import get_close_matches
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from engine.document import Problem
from flows import formatting, services, validation
from flows.models import Flow
from flows.views.pages import frame, readable
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import login_required
from ui.errors import Conflict, Forbidden
from ui.htmx import done

NEW_FLOW = """id: my_flow
namespace: {namespace}

tasks:
  - id: hello
    type: io.kestra.plugin.core.log.Log
    message: Hello from {{{{ flow.id }}}}
"""


UNKNOWN_PROPERTY = re.compile(
    r'Unrecognized field "(?P<name>[^"]+)" \(class (?P<type>[\w.$]+)\), .*?known properties: (?P<known>.*)\)', re.DOTALL
)


def shown(problems: list[Problem]) -> list[dict[str, Any]]:
    """Problems as the page lists them; an unknown property in plain words, with the known one that it resembles as `fix`."""
    return [{"line": p.line, "column": p.column, "severity": p.severity, "path": p.path} | _told(p.message) for p in problems]


def _told(message: str) -> dict[str, Any]:
    match = UNKNOWN_PROPERTY.fullmatch(message)
    if match is None:
        return {"message": message}
    name, known = match["name"], re.findall(r'"([^"]+)"', match["known"])
    close = get_close_matches(name, known, 1)
    told = f"Unknown property {name} of {match['type'].rsplit('.', 1)[-1]}."
    if not close:
        return {"message": f"{told} It has {', '.join(sorted(known))}."}
    return {"message": f"{told} Did you mean {close[0]}?", "fix": {"replace": name, "with": close[0]}}


@login_required
@require_GET
def edit(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """The editor of one flow."""
    row = readable(request, namespace, flow_id)
    context = frame(request, row, "editor") | {"source": row.source, "saved": row.revisions.select_related("created_by").first()}
    return render(request, "flows/editor.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """An editor with a small flow in it; POST creates the flow."""
    roots = rights.readable(request.user)
    if roots == []:
        raise Forbidden("You are not a member of any namespace yet; ask an owner or an administrator to add you.")
    if request.method == "POST":
        return _stored(request, None)
    given = request.GET.get("namespace") or (roots[0] if roots else "company.team")
    return render(
        request,
        "flows/editor.html",
        {"flow": None, "source": NEW_FLOW.format(namespace=given), "may_edit": True, "tabs": [], "tab": "editor"},
    )


@login_required
@require_POST
def save(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """Save a revision. An invalid flow is not saved: 422 with the problems, the text stays where it was typed."""
    return _stored(request, readable(request, namespace, flow_id, role=Role.MEMBER))


class ChangedMeanwhile(Conflict):
    """The flow was saved by someone else since you opened it."""


def _stored(request: HttpRequest, row: Flow | None) -> HttpResponse:
    source = request.POST.get("source", "").replace("\r\n", "\n")
    base = request.POST.get("revision", "")
    if row is not None and base.isdigit() and int(base) != row.revision and request.POST.get("overwrite") != "yes":
        return _refused(request, row, source, [], ChangedMeanwhile(_who_saved(row)))
    try:
        if row is None:
            saved = services.create(user=request.user, source=source)
        else:
            saved = services.update(user=request.user, namespace=row.namespace, flow_id=row.flow_id, source=source)
    except services.InvalidFlow as error:
        return _refused(request, row, source, error.problems, None)
    url = reverse("flows:editor", args=[saved.namespace, saved.flow_id])
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"url": url, "revision": saved.revision, "created": row is None})
    return done(request, url, message=f"Saved as revision {saved.revision}")


def _who_saved(row: Flow) -> str:
    latest = row.revisions.select_related("created_by").first()
    author = str(latest.created_by) if latest and latest.created_by else "Someone else"
    return (
        f"{author} saved revision {row.revision} since you opened the flow. Your text is kept: compare, then save again to replace theirs."
    )


def _refused(request: HttpRequest, row: Flow | None, source: str, problems: list[Problem], conflict: Conflict | None) -> HttpResponse:
    status = 409 if conflict else 422
    if request.headers.get("Accept") == "application/json":
        answer: dict[str, Any] = {"problems": shown(problems)}
        if conflict and row:
            compare = f"{reverse('flows:revisions', args=[row.namespace, row.flow_id])}?to={row.revision}"
            answer |= {"conflict": conflict.message, "revision": row.revision, "source": row.source, "compare": compare}
        return JsonResponse(answer, status=status)
    context = frame(request, row, "editor") if row else {"flow": None, "may_edit": True, "tabs": [], "tab": "editor"}
    context |= {"source": source, "problems": shown(problems), "conflict": conflict.message if conflict else ""}
    return render(request, "flows/editor.html", context, status=status)


@login_required
@require_POST
def validate(request: HttpRequest) -> HttpResponse:
    """The problems of a source, and how long it took to find them (milliseconds)."""
    started = time.perf_counter()
    outcome = validation.validate(request.POST.get("source", "").replace("\r\n", "\n"))
    return JsonResponse({"problems": shown(list(outcome.problems)), "milliseconds": round((time.perf_counter() - started) * 1000, 1)})


@login_required
@require_POST
def tidy(request: HttpRequest) -> HttpResponse:
    """The source well indented; `source` is null where it is no YAML yet."""
    return JsonResponse({"source": formatting.tidy(request.POST.get("source", "").replace("\r\n", "\n"))})
