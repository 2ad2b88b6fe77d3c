"""The tree of a copy of the files, and what is done with files and folders there."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from namespaces import files as store
from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.selectors import versions as selectors
from namespaces.services import versions
from namespaces.services.versions import Author
from namespaces.views.files import attachment, uploaded
from workspace import asking, changes, worktrees


@require_safe
@login_required
def paths(request: HttpRequest, namespace: str) -> HttpResponse:
    """Every path of the copy, with its size; folders end with `/`. Asked again with the ETag, the answer is empty while nothing changed."""
    place = asking.place(request, namespace)
    entries = [[f"{entry.path}/", 0] if entry.is_directory else [entry.path, entry.size] for entry in store.walk(place)]
    return _unless_known(request, {"paths": entries})


@require_safe
@login_required
def marks(request: HttpRequest, namespace: str) -> HttpResponse:
    """What differs from the last commit, path by path, as a letter; nothing for files that are in no worktree."""
    asking.place(request, namespace)
    branch = request.GET.get("branch", "")
    found: dict[str, Any] = {"marks": {}}
    if branch:
        status = changes.status(worktrees.find(user=asking.person(request), namespace=namespace, branch=branch))
        found = {"marks": {change.path: change.mark for change in status.changes}, "ahead": status.ahead, "behind": status.behind}
    return _unless_known(request, found)


def _unless_known(request: HttpRequest, found: dict[str, Any]) -> HttpResponse:
    content = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    known = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
    answer = HttpResponseNotModified() if tag in known else HttpResponse(content, content_type="application/json")
    answer["ETag"], answer["Cache-Control"] = tag, "private, no-cache"
    return answer


@require_POST
@login_required
def create(request: HttpRequest, namespace: str) -> HttpResponse:
    """Make an empty file, or a folder where the path ends with `/`."""
    place = asking.place(request, namespace, Role.MEMBER)
    (path,) = asking.sent(request, "path")
    if path.endswith("/"):
        return JsonResponse({"path": store.make_dir(place, asking.path(place, path.rstrip("/"))).path + "/"})
    entry = versions.write(place, asking.path(place, path), b"", author=Author(request.user), overwrite=False)
    return JsonResponse({"path": entry.path})


@require_POST
@login_required
def rename(request: HttpRequest, namespace: str) -> HttpResponse:
    """Give a file or folder another path."""
    place = asking.place(request, namespace, Role.MEMBER)
    path, to = asking.sent(request, "path", "to")
    entry = versions.move(place, asking.path(place, path), asking.path(place, to), author=Author(request.user))
    return JsonResponse({"path": entry.path})


@require_POST
@login_required
def delete(request: HttpRequest, namespace: str) -> HttpResponse:
    """Take a file or folder to the trash; `undo` is the address that brings it back."""
    place = asking.place(request, namespace, Role.MEMBER)
    (path,) = asking.sent(request, "path")
    path = asking.path(place, path)
    deletion = versions.delete(place, path, author=Author(request.user))
    if deletion is None:
        raise store.NoSuchFile(f"There is no file {path}.")
    return JsonResponse({"path": path, "undo": f"{reverse('namespaces:restore_file', args=[namespace])}?deletion={deletion.pk}"})


@require_POST
@login_required
def restore(request: HttpRequest, namespace: str) -> HttpResponse:
    """Bring back what was deleted."""
    place = asking.place(request, namespace, Role.MEMBER)
    (number,) = asking.sent(request, "deletion")
    return JsonResponse({"path": versions.undelete(selectors.deletion(place, number), author=Author(request.user)).path})


@require_POST
@login_required
def upload(request: HttpRequest, namespace: str) -> HttpResponse:
    """Write files of a form into a folder, over those that are there."""
    place = asking.place(request, namespace, Role.MEMBER)
    folder = request.POST.get("folder", "").strip("/")
    return JsonResponse({"paths": uploaded(request, place, folder, lambda path: asking.path(place, path), replace=True)})


@require_safe
@login_required
def download(request: HttpRequest, namespace: str) -> HttpResponse:
    """One file as it is."""
    place = asking.place(request, namespace)
    path = asking.path(place, request.GET.get("path", ""))
    return attachment(store.read(place, path), PurePosixPath(path).name)
