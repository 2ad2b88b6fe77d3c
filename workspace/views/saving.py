"""Opening a text, keeping what is typed into it as a draft, and saving it together with what others saved meanwhile."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces import blobs, files, merging
from namespaces.models import Draft, FileVersion, Role
from namespaces.rights import login_required
from namespaces.services import drafts, saving
from namespaces.services.saving import Conflict
from namespaces.services.versions import Author
from namespaces.views.files import LARGEST_TEXT, PICTURES
from ui import errors
from workspace import asking, presence
from workspace.views.panes import panes


@never_cache
@require_safe
@login_required
def text(request: HttpRequest, namespace: str) -> HttpResponse:
    """The text of the file `?path=` with what this person typed into it and did not save, or what the file is instead of a text."""
    place = asking.place(request, namespace)
    path = asking.path(place, request.GET.get("path", ""))
    draft = drafts.find(place, path, asking.person(request))
    if draft is not None and not files.exists(place, path):
        return JsonResponse({"path": path, "kind": "text", "text": "", "base": saving.NEW, "size": 0, "draft": _draft(draft)})
    entry = files.stats(place, path)
    if entry.is_directory:
        raise files.NoSuchFile(f"{path} is a folder.")
    about: dict[str, Any] = {"path": path, "size": entry.size, "text": None, "base": saving.NEW, "draft": None}
    if PurePosixPath(path).suffix.lower() in PICTURES and not path.endswith(".svg"):
        return JsonResponse({**about, "kind": "picture"})
    if entry.size > LARGEST_TEXT:
        return JsonResponse({**about, "kind": "large"})
    content, base = saving.opened(place, path)
    kind = "binary" if content is None else "text"
    return JsonResponse({**about, "kind": kind, "text": content, "base": base, "draft": draft and _draft(draft)})


def _draft(draft: Draft) -> dict[str, Any]:
    return {"base": draft.base, "text": draft.text, "changed": draft.changed}


@never_cache
@require_safe
@login_required
def unsaved(request: HttpRequest, namespace: str) -> HttpResponse:
    """The files into which this person typed something that is not saved."""
    place = asking.place(request, namespace)
    rows = drafts.of_person(place, asking.person(request))
    return JsonResponse({"drafts": [{"path": row.path, "base": row.base, "changed": row.changed} for row in rows]})


@require_POST
@login_required
def keep(request: HttpRequest, namespace: str) -> HttpResponse:
    """Keep what is typed, so that it is there in another browser."""
    place = asking.place(request, namespace, Role.MEMBER)
    path, base, typed = asking.sent(request, "path", "base", "text")
    kept = drafts.keep(place, asking.path(place, path), asking.person(request), base=base, text=typed)
    return JsonResponse({"kept": kept is not None})


@require_POST
@login_required
def drop(request: HttpRequest, namespace: str) -> HttpResponse:
    """Let go of what was typed."""
    place = asking.place(request, namespace, Role.MEMBER)
    (path,) = asking.sent(request, "path")
    return JsonResponse({"dropped": drafts.drop(place, asking.path(place, path), asking.person(request))})


@require_POST
@login_required
def save(request: HttpRequest, namespace: str) -> HttpResponse:
    """Save a text in the light of what others saved since it was opened; 409 with all the texts where that contradicts it."""
    place = asking.place(request, namespace, Role.MEMBER)
    path, base, typed = asking.sent(request, "path", "base", "text")
    path = asking.path(place, path)
    outcome = saving.save(place, path, typed, base, Author(request.user))
    if isinstance(outcome, Conflict):
        return JsonResponse(_conflict(outcome), status=409)
    presence.tell_saved(place, request.GET.get("branch", ""), path, outcome.blob, asking.person(request))
    state = "merged" if outcome.merged else "saved"
    return JsonResponse({"state": state, "base": outcome.blob, "text": outcome.text, "by": _by(outcome.other)})


@never_cache
@require_safe
@login_required
def merge(request: HttpRequest, namespace: str) -> HttpResponse:
    """What this person typed into `?path=` and what others saved meanwhile, beside each other, with the result between them."""
    place = asking.place(request, namespace, Role.MEMBER)
    path, branch = asking.path(place, request.GET.get("path", "")), request.GET.get("branch", "")
    found = saving.late(place, path, asking.person(request))
    parts, names = found.parts, {"ours": "Yours", "theirs": _by(found.other) or "Saved meanwhile"}
    about = {"namespace": namespace, "path": path, "base": found.blob, "draft": blobs.id_of(found.mine.encode()), **names}
    context = {**about, "at": "?" + urlencode({"branch": branch}) if branch else "", "parts": panes(parts)}
    context["clashes"] = sum(part.same is None for part in parts)
    return render(request, "workspace/_merge.html", context)


@require_POST
@login_required
def join(request: HttpRequest, namespace: str) -> HttpResponse:
    """The text that the panes make, and the id of what it replaces: the page saves it as it saves any other."""
    place = asking.place(request, namespace, Role.MEMBER)
    path = asking.path(place, request.POST.get("path", ""))
    found = saving.late(place, path, asking.person(request))
    if (found.blob, blobs.id_of(found.mine.encode())) != (request.POST.get("base"), request.POST.get("draft")):
        raise errors.Conflict(f"{path} has changed meanwhile: look at it again.")
    return JsonResponse({"text": merging.joined(found.parts, request.POST.getlist("part")), "base": found.blob})


def _conflict(outcome: Conflict) -> dict[str, Any]:
    texts = {"text": outcome.text, "before": outcome.before, "mine": outcome.mine, "theirs": outcome.theirs}
    about = {"conflicts": outcome.conflicts, "by": _by(outcome.other), "moved_to": outcome.moved_to, "message": outcome.message}
    return {"state": "conflict", "base": outcome.blob, **texts, **about}


def _by(other: FileVersion | None) -> str:
    if other is None:
        return ""
    return str(other.author) if other.author is not None else "an execution" if other.execution else ""
