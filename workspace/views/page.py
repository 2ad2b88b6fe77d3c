"""The workspace of a namespace: the page around tree, editor and results, and what a person wants it to look like."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces import files as store
from namespaces.models import Namespace, Repository, Role
from namespaces.rights import allows, login_required
from namespaces.selectors import tree
from namespaces.services import people
from ui.errors import Invalid
from workspace import asking, repositories, worktrees

# What a person may choose, with what they have without choosing.
CHOICES: dict[str, tuple[Any, ...]] = {
    "font": (12, 11, 13, 14, 16),  # pixels
    "tab": (4, 2, 8),
    "colours": ("page", "light", "dark"),
    "vim": (False, True),
    "wrap": (False, True),
    "format_on_save": (False, True),
}
VERBS = ("build", "run", "test")
STATES = ("SUCCESS", "WARNING", "FAILED", "RUNNING", "CREATED", "KILLED", "SKIPPED", "PAUSED")  # whose icons the page draws
SIZES = {"side": (160, 640), "bottom": (96, 1200)}  # pixels of the panes, as they were dragged


@never_cache
@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The namespaces whose files can be edited."""
    rows = Namespace.objects.filter(name__in=tree.names(request.user)).order_by("name")  # type: ignore[arg-type]
    bound = dict(Repository.objects.values_list("namespace", "url"))
    found = [
        {"name": row.name, "description": row.description, "repository": bound.get(row.name, "")}
        for row in rows
        if row.name in bound or store.list_dir(row.name)
    ]
    return render(request, "workspace/home.html", {"namespaces": found})


@never_cache
@require_safe
@login_required
def page(request: HttpRequest, namespace: str) -> HttpResponse:
    """One copy of the files of a namespace: its own, or this person's copy of the branch in `?branch=`."""
    place = asking.place(request, namespace)
    role = tree.enter(request.user, namespace)
    may_write = allows(role, Role.MEMBER)
    branch = request.GET.get("branch", "")
    about = {"namespace": namespace, "branch": branch, "place": place.key, "may_write": may_write, "settings": settings_of(request)}
    about |= _branches(request, namespace, may_write)
    config = {name: about[name] for name in ("namespace", "branch", "place", "may_write", "settings", "bound")}
    config["base"] = reverse("workspace:page", args=[namespace])
    choices = {name: sorted(values) for name, values in CHOICES.items()}
    more = {"config": config, "choices": choices, "verbs": VERBS, "states": STATES}
    return render(request, "workspace/page.html", {**about, **more})


def _branches(request: HttpRequest, namespace: str, may_write: bool) -> dict[str, Any]:
    """The branches of the repository, those first that this person has a copy of."""
    if not Repository.objects.filter(namespace=namespace).exists():
        return {"bound": False}
    mine = [copy.branch for copy in worktrees.of_person(user=asking.person(request), namespace=namespace)] if may_write else []
    others = [name for name in repositories.branches(namespace) if name not in mine] if may_write else []
    return {"bound": True, "mine": mine, "others": others}


def settings_of(request: HttpRequest) -> dict[str, Any]:
    """What this person has chosen, and the first choice of everything else."""
    kept = asking.person(request).settings.get("workspace") or {}
    chosen = {name: kept[name] if kept.get(name) in values else values[0] for name, values in CHOICES.items()}
    return chosen | {name: kept[name] for name in SIZES if isinstance(kept.get(name), int)}


@require_POST
@login_required
def settings(request: HttpRequest, namespace: str) -> HttpResponse:
    """Keep what a person chose; raises `Invalid` for what is none of the choices."""
    tree.enter(request.user, namespace)
    changes = _sent(request)
    for name, value in changes.items():
        if name in SIZES:
            least, most = SIZES[name]
            if type(value) is not int or not least <= value <= most:
                raise Invalid(f"{name} is a number of pixels from {least} to {most}.")
        elif not any(value == one and type(value) is type(one) for one in CHOICES.get(name, ())):
            raise Invalid(f"{str(name)[:50]} cannot be {str(value)[:50]}. There are: {', '.join((*CHOICES, *SIZES))}.")
    person = asking.person(request)
    people.keep(user=person, name="workspace", value={**(person.settings.get("workspace") or {}), **changes})
    return JsonResponse(settings_of(request))


def _sent(request: HttpRequest) -> dict[str, Any]:
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Invalid("Send a JSON object.") from error
    if not isinstance(found, dict):
        raise Invalid("Send a JSON object.")
    return found
