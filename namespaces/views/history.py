"""The history of a file of a namespace: its versions, what each of them changed, and going back to one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces import files as store
from namespaces import merging
from namespaces.files import Place
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


@dataclass(frozen=True, slots=True)
class Desk:
    """A copy of the files, as a page about it knows it: `frame` is what is around the page, `files` the address of the files themselves,
    to which `?path=` is added, and `query` what the addresses of that copy end with, such as `&branch=dev`."""

    place: Place
    frame: dict[str, Any]
    files: str
    query: str = ""

    def file(self, path: str) -> str:
        """The address of a file."""
        return f"{self.files}?{urlencode({'path': path})}{self.query}"

    @property
    def context(self) -> dict[str, Any]:
        return {**self.frame, "files_url": f"{self.files}?{self.query[1:]}" if self.query else self.files, "query": self.query}


def own(request: HttpRequest, namespace: str, role: Role = Role.READER) -> Desk:
    """The namespace's own files."""
    return Desk(Place(namespace), shell(request, namespace, "files", role), url_of(namespace))


def _row(request: HttpRequest, place: Place, path: str) -> FileVersion:
    """The version that `?number=` names; raises `NoSuchVersion`."""
    text = request.GET.get("number", "")
    if not (text.isascii() and text.isdigit() and len(text) < selectors.LONGEST_ID):
        raise Http404
    return selectors.version(place, path, int(text))


@never_cache
@require_safe
@login_required
def history(request: HttpRequest, namespace: str) -> HttpResponse:
    """The versions of the file `?path=`, and what the one that `?number=` names, or else the newest, changed."""
    return shown(request, own(request, namespace), asked(request.GET.get("path", "")))


def shown(request: HttpRequest, desk: Desk, path: str) -> HttpResponse:
    """The versions of a file of some copy."""
    rows = selectors.history(desk.place, path)
    if not rows:
        store.stats(desk.place, path)
    chosen = _row(request, desk.place, path) if "number" in request.GET else next(iter(rows), None)
    context: dict[str, Any] = {**desk.context, "path": path, "versions": rows, "chosen": chosen, "file_url": desk.file(path)}
    context |= {"at": request.path, "is_here": store.exists(desk.place, path)}
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
    return attached(request, Place(namespace), asked(request.GET.get("path", "")))


def attached(request: HttpRequest, place: Place, path: str) -> HttpResponse:
    """What a version of a file of some copy held."""
    row = _row(request, place, path)
    name = PurePosixPath(path)
    told = content_disposition_header(True, f"{name.stem}-{row.number}{name.suffix}") or "attachment"
    headers = {"Content-Disposition": told, "Content-Security-Policy": "sandbox"}
    return HttpResponse(selectors.content(row), content_type="application/octet-stream", headers=headers)


@require_POST
@login_required
def restore(request: HttpRequest, namespace: str) -> HttpResponse:
    """Give a file the content of a version, which makes a new one."""
    return restored(request, own(request, namespace, Role.MEMBER), asked(request.GET.get("path", "")))


def restored(request: HttpRequest, desk: Desk, path: str) -> HttpResponse:
    """The same in some copy."""
    row = _row(request, desk.place, path)
    versions.restore(desk.place, path, row, author=versions.Author(request.user))
    return done(request, desk.file(path), message=f"{PurePosixPath(path).name} is as in version {row.number}")
