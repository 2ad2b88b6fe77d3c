"""The history of a file of a namespace: its versions, what each of them changed, and going back to one."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces import files as store
from namespaces import merging
from namespaces.models import FileVersion, Role
from namespaces.paths import asked
from namespaces.rights import login_required
from namespaces.selectors import tree
from namespaces.selectors import versions as selectors
from namespaces.services import versions
from namespaces.services.saving import text_of
from namespaces.views.files import LARGEST_TEXT, url_of
from namespaces.views.shell import shell
from ui.htmx import done, page


def _row(request: HttpRequest, namespace: str, path: str) -> FileVersion:
    """The version that `?number=` names; raises `NoSuchVersion`."""
    text = request.GET.get("number", "")
    if not (text.isascii() and text.isdigit() and len(text) < selectors.LONGEST_ID):
        raise Http404
    return selectors.version(namespace, path, int(text))


@never_cache
@require_safe
@login_required
def history(request: HttpRequest, namespace: str) -> HttpResponse:
    """The versions of the file `?path=`, and what the one that `?number=` names, or else the newest, changed."""
    frame = shell(request, namespace, "files")
    path = asked(request.GET.get("path", ""))
    rows = selectors.history(namespace, path)
    if not rows:
        store.stats(namespace, path)
    chosen = _row(request, namespace, path) if "number" in request.GET else next(iter(rows), None)
    context: dict[str, Any] = {**frame, "path": path, "name": PurePosixPath(path).name, "versions": rows, "chosen": chosen}
    context["is_here"] = store.exists(namespace, path)
    if chosen is not None:
        context |= _changes(rows, chosen)
    return page(request, "namespaces/history.html", "namespaces/_history.html", context)


def _changes(rows: list[FileVersion], chosen: FileVersion) -> dict[str, Any]:
    """What a version changed in what the file held before it."""
    after = _text(chosen)
    if after is None:
        return {"not_text": True}
    earlier = next((row for row in rows if row.number < chosen.number and row.was_there), None)
    before = _text(earlier) if earlier else ""
    return {"earlier": earlier, "lines": merging.differences(before or "", after)}


def _text(row: FileVersion) -> str | None:
    return text_of(selectors.content(row)) if row.size <= LARGEST_TEXT else None


@require_safe
@login_required
def download(request: HttpRequest, namespace: str) -> HttpResponse:
    """A file as a version of it was; always an attachment."""
    tree.enter(request.user, namespace)
    path = asked(request.GET.get("path", ""))
    row = _row(request, namespace, path)
    name = PurePosixPath(path)
    told = content_disposition_header(True, f"{name.stem}-{row.number}{name.suffix}") or "attachment"
    headers = {"Content-Disposition": told, "Content-Security-Policy": "sandbox"}
    return HttpResponse(selectors.content(row), content_type="application/octet-stream", headers=headers)


@require_POST
@login_required
def restore(request: HttpRequest, namespace: str) -> HttpResponse:
    """Give a file the content of a version, which makes a new one."""
    shell(request, namespace, "files", Role.MEMBER)
    path = asked(request.GET.get("path", ""))
    row = _row(request, namespace, path)
    versions.restore(namespace, path, row, author=versions.Author(request.user))
    return done(request, url_of(namespace, path), message=f"{PurePosixPath(path).name} is as in version {row.number}")
