"""The history of files and the trash of the copy of a branch; the namespace's own files have the same pages in `namespaces`."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.views import history as versions
from namespaces.views import trash as deletions
from namespaces.views.history import Desk
from namespaces.views.shell import shell
from workspace import asking


def _desk(request: HttpRequest, namespace: str, role: Role = Role.READER) -> Desk:
    """The copy that is asked for. One's own copy of a branch is nobody else's: its trash too."""
    place = asking.place(request, namespace, role)
    frame = shell(request, namespace, "files", role)
    branch = request.GET.get("branch", "")
    query = f"&{urlencode({'branch': branch})}" if branch else ""
    return Desk(place, {**frame, "may_own": frame["may_own"] or bool(branch)}, reverse("workspace:page", args=[namespace]), query)


def _path(request: HttpRequest, desk: Desk) -> str:
    return asking.path(desk.place, request.GET.get("path", ""))


@never_cache
@require_safe
@login_required
def history(request: HttpRequest, namespace: str) -> HttpResponse:
    """The versions of a file, and what one of them changed."""
    desk = _desk(request, namespace)
    return versions.shown(request, desk, _path(request, desk))


@require_safe
@login_required
def download(request: HttpRequest, namespace: str) -> HttpResponse:
    """What a version of a file held."""
    desk = _desk(request, namespace)
    return versions.attached(request, desk.place, _path(request, desk))


@require_POST
@login_required
def restore(request: HttpRequest, namespace: str) -> HttpResponse:
    """Give a file the content of a version."""
    desk = _desk(request, namespace, Role.MEMBER)
    return versions.restored(request, desk, _path(request, desk))


@never_cache
@require_safe
@login_required
def trash(request: HttpRequest, namespace: str) -> HttpResponse:
    """What was deleted and may be brought back."""
    return deletions.shown(request, _desk(request, namespace))


@require_POST
@login_required
def bring_back(request: HttpRequest, namespace: str, deletion_id: int) -> HttpResponse:
    """Bring back what was deleted."""
    return deletions.brought_back(request, _desk(request, namespace, Role.MEMBER), deletion_id)


@require_POST
@login_required
def forget(request: HttpRequest, namespace: str, deletion_id: int) -> HttpResponse:
    """Let go for good of one thing that was deleted."""
    return deletions.forgotten(request, _desk(request, namespace, _emptier(request)), deletion_id)


@require_POST
@login_required
def empty(request: HttpRequest, namespace: str) -> HttpResponse:
    """Let go for good of everything that was deleted."""
    return deletions.emptied(request, _desk(request, namespace, _emptier(request)))


def _emptier(request: HttpRequest) -> Role:
    """Who may empty the trash: an owner, or whose copy it is."""
    return Role.MEMBER if request.GET.get("branch") else Role.OWNER
