"""Flows as files, for people: bring them in with what is wrong in each document, take them out one by one or as a namespace."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods

from flows import exchange
from flows.models import Flow
from flows.views.editor import shown
from flows.views.pages import readable
from namespaces import rights
from namespaces.rights import below, login_required
from ui import formats
from ui.errors import Forbidden, Invalid
from ui.htmx import done


@login_required
@require_http_methods(["GET", "POST"])
def bring_in(request: HttpRequest) -> HttpResponse:
    """A form for YAML files and zips; POST saves what is valid and says of every other document what is wrong with it, by line."""
    if rights.readable(request.user) == []:
        raise Forbidden("You are not a member of any namespace yet; ask an owner or an administrator to add you.")
    if request.method == "GET":
        return render(request, "flows/import.html")
    try:
        documents = _documents(request)
    except Invalid as error:
        return render(request, "flows/import.html", {"error": error.message}, status=422)
    results = exchange.import_documents(user=request.user, documents=documents)
    counts = Counter(one.outcome for one in results)
    if not counts["refused"]:
        return done(request, reverse("flows:list"), message=_summary(counts))
    rows = [{"result": one, "problems": shown(list(one.problems))} for one in results]
    return render(request, "flows/import.html", {"rows": rows, "counts": counts, "summary": _summary(counts)}, status=422)


def _documents(request: HttpRequest) -> list[exchange.Document]:
    uploads = request.FILES.getlist("files")
    if not uploads:
        raise Invalid("Choose a file first: YAML with one or several flows, or a zip of such files")
    found = [document for upload in uploads for document in exchange.documents_of(upload.name or "", upload.read())]
    if not found:
        raise Invalid("There is no YAML file in this zip")
    return found


def _summary(counts: Counter[str]) -> str:
    """`5 flows: 3 created, 2 unchanged`."""
    parts = [f"{formats.number(counts[word])} {word}" for word in ("created", "updated", "unchanged", "refused") if counts[word]]
    return f"{formats.plural(counts.total(), 'flow')}: {', '.join(parts)}"


@login_required
@require_GET
def export_flow(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """The source as a file."""
    row = readable(request, namespace, flow_id)
    return HttpResponse(row.source, content_type="application/yaml; charset=utf-8", headers=_attachment(f"{namespace}.{flow_id}.yml"))


@login_required
@require_GET
def export_namespace(request: HttpRequest, namespace: str) -> HttpResponse:
    """The flows of a namespace and below it as a zip, one file each, which can be brought in again."""
    rights.require(request.user, namespace)
    return zipped(Flow.objects.filter(below(namespace), deleted=False).order_by("namespace", "flow_id"), f"{namespace}-flows.zip")


def zipped(rows: Any, name: str) -> HttpResponse:
    """These flows as a zip to download."""
    return HttpResponse(exchange.export_zip(rows), content_type="application/zip", headers=_attachment(name))


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
