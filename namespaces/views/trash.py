"""The trash of a namespace's files: what was deleted, brought back or let go of for good."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.selectors import versions as selectors
from namespaces.services import versions
from namespaces.views.files import icon_of
from namespaces.views.history import Desk, own
from ui.formats import plural
from ui.htmx import done, page

PAGE, FRAGMENT = "namespaces/trash.html", "namespaces/_trash.html"
MOST = 200  # deletions on the page


@never_cache
@require_safe
@login_required
def trash(request: HttpRequest, namespace: str) -> HttpResponse:
    """What was deleted and may be brought back."""
    return shown(request, own(request, namespace))


@require_POST
@login_required
def restore(request: HttpRequest, namespace: str, deletion_id: int) -> HttpResponse:
    """Bring back what was deleted, and stay with the rest."""
    return brought_back(request, own(request, namespace, Role.MEMBER), deletion_id)


@require_POST
@login_required
def forget(request: HttpRequest, namespace: str, deletion_id: int) -> HttpResponse:
    """Let go for good of one thing that was deleted."""
    return forgotten(request, own(request, namespace, Role.OWNER), deletion_id)


@require_POST
@login_required
def empty(request: HttpRequest, namespace: str) -> HttpResponse:
    """Let go for good of everything that was deleted."""
    return emptied(request, own(request, namespace, Role.OWNER))


def _address(request: HttpRequest) -> str:
    """The page of this trash, for whatever is done below it."""
    return f"{request.path.partition('/trash/')[0]}/trash/"


def _context(request: HttpRequest, desk: Desk) -> dict[str, Any]:
    rows = list(selectors.trash(desk.place)[: MOST + 1])
    found = [{"deletion": row, "icon": "folder" if row.folders else icon_of(row.path)} for row in rows[:MOST]]
    return {**desk.context, "rows": found, "more": len(rows) > MOST, "at": _address(request)}


def shown(request: HttpRequest, desk: Desk) -> HttpResponse:
    """What was deleted in some copy."""
    return page(request, PAGE, FRAGMENT, _context(request, desk))


def brought_back(request: HttpRequest, desk: Desk, deletion_id: int) -> HttpResponse:
    """Bring back one thing."""
    entry = versions.undelete(selectors.deletion(desk.place, deletion_id), author=versions.Author(request.user))
    return _done(request, desk, f"{entry.name} is back")


def forgotten(request: HttpRequest, desk: Desk, deletion_id: int) -> HttpResponse:
    """Let go of one thing."""
    row = selectors.deletion(desk.place, deletion_id)
    versions.empty_trash(desk.place, deletions=[row.pk])
    return _done(request, desk, f"{row.path} is gone for good")


def emptied(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Let go of everything."""
    count = versions.empty_trash(desk.place)
    return _done(request, desk, f"{plural(count, 'deletion')} gone for good")


def _done(request: HttpRequest, desk: Desk, message: str) -> HttpResponse:
    url = _address(request) + (f"?{desk.query[1:]}" if desk.query else "")
    return done(request, url, message=message, fragment=FRAGMENT, context=_context(request, desk))
