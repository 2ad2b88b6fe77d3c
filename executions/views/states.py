"""The dbt state tab of a namespace: what is in force for each project, target and branch, its history, and what two of them differ in."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from executions import project_states
from executions.models import ProjectState
from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.views.shell import shell
from ui.htmx import done, page

PAGE, FRAGMENT = "executions/states.html", "executions/_states.html"
SHOWN = 500  # changed nodes listed


def _context(request: HttpRequest, namespace: str, role: Role = Role.READER) -> dict[str, Any]:
    frame = shell(request, namespace, "states", role)
    listed = list(project_states.all_in_force(namespace))
    chosen = _number(request.GET.get("state"))
    shown = project_states.one(namespace, chosen) if chosen else (listed[0] if listed else None)
    return {**frame, "states": listed, **(_of(request, namespace, shown) if shown else {})}


def _of(request: HttpRequest, namespace: str, shown: ProjectState) -> dict[str, Any]:
    """One promotion beside the rest of its history, and what it differs in from another, the one before unless another is asked for."""
    history = list(project_states.history(shown))
    against = _number(request.GET.get("against"))
    before = project_states.one(namespace, against) if against else next((row for row in history if row.id < shown.id), None)
    changes = project_states.changes(before, shown) if before is not None else []
    return {
        "shown": shown,
        "history": history,
        "in_force": history[0],
        "before": before,
        "changes": changes[:SHOWN],
        "change_count": len(changes),
        "kinds": Counter(change.kind for change in changes),
        "candidates": project_states.candidates(shown),
    }


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0


@login_required
@never_cache
@require_safe
def states(request: HttpRequest, namespace: str) -> HttpResponse:
    """The states of a namespace."""
    return page(request, PAGE, FRAGMENT, _context(request, namespace))


@login_required
@require_POST
def promote(request: HttpRequest, namespace: str, state_id: int) -> HttpResponse:
    """Put a state in force by hand: an earlier one, or that of the execution that is named."""
    shell(request, namespace, "states", Role.MEMBER)
    execution_id = request.POST.get("execution", "")
    if execution_id:
        row = project_states.promote_run(user=request.user, namespace=namespace, state_id=state_id, execution_id=execution_id)
    else:
        row = project_states.promote_again(user=request.user, namespace=namespace, state_id=state_id)
    return done(request, f"{reverse('executions:states', args=[namespace])}?state={row.id}", message=f"{row.project} has another state now")


@login_required
@require_POST
def forget(request: HttpRequest, namespace: str, state_id: int) -> HttpResponse:
    """Forget a state with its history."""
    shell(request, namespace, "states", Role.MEMBER)
    project_states.forget(user=request.user, namespace=namespace, state_id=state_id)
    return done(request, reverse("executions:states", args=[namespace]), message="The state is forgotten")
