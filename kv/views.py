"""The key-value tab of a namespace."""

from __future__ import annotations

from typing import Any

import isodate
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from kv import services
from kv.forms import ValueForm
from kv.models import KeyValue
from kv.values import as_text
from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.views.shell import shell
from ui.errors import Conflict, Invalid
from ui.htmx import done, invalid, page
from ui.paging import paginate

PAGE, FRAGMENT = "kv/keys.html", "kv/_keys.html"
SHOWN = 120
EDITED = 100_000  # characters of the largest value that a page holds


def _context(request: HttpRequest, namespace: str, role: Role = Role.READER, **more: Any) -> dict[str, Any]:
    frame = shell(request, namespace, "kv", role)
    query = request.GET.get("q", "").strip()
    found = services.list_keys(namespace).filter(key__icontains=query)
    window = paginate(request, found)
    values = services.values(window.rows, EDITED)
    rows = [_row(row, values) for row in window.rows]
    return {**frame, "page": window, "rows": rows, "query": query, "form": ValueForm(), **more}


def _row(row: KeyValue, values: dict[int, Any]) -> dict[str, Any]:
    """What the table shows of a key; a value that is not among `values` is too large for a page."""
    if row.pk not in values:
        return {"row": row, "large": True}
    text = as_text(row.type, values[row.pk])
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return {"row": row, "shown": shown, "text": as_text(row.type, values[row.pk], pretty=True)}


@never_cache
@require_safe
@login_required
def keys(request: HttpRequest, namespace: str) -> HttpResponse:
    """The keys of a namespace with their values."""
    return page(request, PAGE, FRAGMENT, _context(request, namespace))


@require_POST
@login_required
def put(request: HttpRequest, namespace: str) -> HttpResponse:
    """Set a new key, or give one a new value (`replace`)."""
    context = _context(request, namespace, Role.MEMBER)
    replace = request.POST.get("replace", "")
    form = ValueForm(request.POST)
    if form.is_valid():
        try:
            row = services.set(
                namespace,
                form.cleaned_data["key"],
                form.cleaned_data["value"].replace("\r\n", "\n"),
                user=request.user,
                type=form.cleaned_data["type"],
                ttl=_ttl(form.cleaned_data["ttl"]),
                overwrite=bool(replace),
                description=form.cleaned_data["description"],
            )
        except (services.WrongKey, Conflict) as error:
            form.refuse(error.message, "key")
        except services.WrongEnd as error:
            form.refuse(error.message, "ttl")
        except Invalid as error:
            form.refuse(error.message, "value")
        else:
            return done(
                request,
                reverse("kv:list", args=[namespace]),
                message=f"{row.key} is set",
                fragment=FRAGMENT,
                context=_context(request, namespace),
            )
    return invalid(request, PAGE, FRAGMENT, {**context, "form": form, "replace": replace})


def _ttl(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return isodate.parse_duration(text.strip().upper())
    except isodate.ISO8601Error as error:
        raise services.WrongEnd("This is not an ISO 8601 duration; write PT1H for an hour, P7D for a week.") from error


@require_POST
@login_required
def delete(request: HttpRequest, namespace: str, key: str) -> HttpResponse:
    """Delete a key."""
    shell(request, namespace, "kv", Role.MEMBER)
    if not services.delete(namespace, key, user=request.user):
        raise services.NoSuchKey
    return done(
        request, reverse("kv:list", args=[namespace]), message=f"{key} is deleted", fragment=FRAGMENT, context=_context(request, namespace)
    )
