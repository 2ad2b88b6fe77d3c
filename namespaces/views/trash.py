"""The trash of a namespace's files: what was deleted, brought back or let go of for good."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.selectors import versions as selectors
from namespaces.services import versions
from namespaces.views.files import icon_of
from namespaces.views.shell import shell
from ui.formats import plural
from ui.htmx import done, page

PAGE, FRAGMENT = "namespaces/trash.html", "namespaces/_trash.html"
MOST = 200  # deletions on the page


def _context(request: HttpRequest, namespace: str, role: Role = Role.READER) -> dict[str, Any]:
    rows = list(selectors.trash(namespace)[: MOST + 1])
    shown = [{"deletion": row, "icon": "folder" if row.folders else icon_of(row.path)} for row in rows[:MOST]]
    return {**shell(request, namespace, "files", role), "rows": shown, "more": len(rows) > MOST}


@never_cache
@require_safe
@login_required
def trash(request: HttpRequest, namespace: str) -> HttpResponse:
    """What was deleted and may be brought back."""
    return page(request, PAGE, FRAGMENT, _context(request, namespace))


@require_POST
@login_required
def restore(request: HttpRequest, namespace: str, deletion_id: int) -> HttpResponse:
    """Bring back what was deleted, and stay with the rest."""
    shell(request, namespace, "files", Role.MEMBER)
    entry = versions.undelete(selectors.deletion(namespace, deletion_id), author=versions.Author(request.user))
    return _done(request, namespace, f"{entry.name} is back")


@require_POST
@login_required
def forget(request: HttpRequest, namespace: str, deletion_id: int) -> HttpResponse:
    """Let go for good of one thing that was deleted."""
    shell(request, namespace, "files", Role.OWNER)
    row = selectors.deletion(namespace, deletion_id)
    versions.empty_trash(namespace, deletions=[row.pk])
    return _done(request, namespace, f"{row.path} is gone for good")


@require_POST
@login_required
def empty(request: HttpRequest, namespace: str) -> HttpResponse:
    """Let go for good of everything that was deleted."""
    shell(request, namespace, "files", Role.OWNER)
    count = versions.empty_trash(namespace)
    return _done(request, namespace, f"{plural(count, 'deletion')} gone for good")


def _done(request: HttpRequest, namespace: str, message: str) -> HttpResponse:
    url = reverse("namespaces:trash", args=[namespace])
    return done(request, url, message=message, fragment=FRAGMENT, context=_context(request, namespace))
