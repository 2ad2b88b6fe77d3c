"""The plan of an execution: the nodes that its dbt task would run, why, and how long they take; then the button that runs them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from executions import planning
from executions.models import Execution, Plan
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import login_required
from ui.htmx import done, page

PAGE, FRAGMENT = "executions/plan.html", "executions/_plan.html"


def _context(request: HttpRequest, plan: Plan) -> dict[str, Any]:
    status = planning.status(plan)
    return {
        "plan": plan,
        "status": status,
        "begun": Execution.objects.filter(id=plan.id).exists(),
        "may_run": rights.allows(rights.role_of(request.user, plan.namespace), Role.MEMBER),
        "inputs": [(name, value) for name, value in plan.inputs.items() if isinstance(value, str | int | float | bool)],
        **(planning.told(plan) if status == Plan.Status.READY else {}),
    }


@login_required
@never_cache
@require_safe
def plan(request: HttpRequest, plan_id: str) -> HttpResponse:
    """The plan, or that it is being made."""
    return page(request, PAGE, FRAGMENT, _context(request, planning.one(request.user, plan_id)))


@login_required
@require_POST
def estimate(request: HttpRequest, plan_id: str) -> HttpResponse:
    """How long the nodes take that are chosen now. Nothing is changed."""
    plan = planning.one(request.user, plan_id)
    dropped = _dropped(request, plan)
    return render(request, "executions/_plan_estimate.html", {"plan": plan, **planning.told(plan, dropped)})


@login_required
@require_POST
def run(request: HttpRequest, plan_id: str) -> HttpResponse:
    """Begin the execution, without the nodes that were dropped."""
    plan = planning.one(request.user, plan_id)
    execution = planning.run(user=request.user, plan_id=plan.id, dropped=_dropped(request, plan))
    return done(request, reverse("executions:gantt", args=[execution.id]))


def _dropped(request: HttpRequest, plan: Plan) -> set[str]:
    return {node["id"] for node in plan.result.get("nodes", [])} - set(request.POST.getlist("keep"))
