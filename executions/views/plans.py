"""The plan of an execution: the nodes that its dbt task would run, why, and how long they take; then the button that runs them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
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


def _context(request: HttpRequest, plan: Plan, dropped: Collection[str] = ()) -> dict[str, Any]:
    status = planning.status(plan)
    begun = Execution.objects.filter(id=plan.id).exists()
    may_run = rights.allows(rights.role_of(request.user, plan.namespace), Role.MEMBER)
    return {
        "plan": plan,
        "status": status,
        "begun": begun,
        "may_run": may_run,
        "may_change": may_run and not begun and not plan.approved,
        "needs_approval": planning.needs_approval(plan),
        "wanted": request.GET.get("q", ""),
        "others": planning.others(plan, request.GET.get("q", "")),
        "is_own": plan.created_by_id is not None and plan.created_by_id == request.user.pk,
        "inputs": [(name, value) for name, value in plan.inputs.items() if isinstance(value, str | int | float | bool)],
        **(planning.told(plan, dropped or plan.dropped) if status == Plan.Status.READY else {}),
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
@require_safe
def others(request: HttpRequest, plan_id: str) -> HttpResponse:
    """Nodes of the project that may be put in, by a part of their name or path."""
    plan = planning.one(request.user, plan_id)
    wanted = request.GET.get("q", "")
    return render(request, "executions/_plan_others.html", {"plan": plan, "wanted": wanted, "others": planning.others(plan, wanted)})


@login_required
@require_POST
def add(request: HttpRequest, plan_id: str) -> HttpResponse:
    """Have the plan take one node more."""
    plan = planning.put_in(user=request.user, plan_id=plan_id, node=request.POST.get("add", ""))
    if not request.htmx:
        return redirect("executions:plan", plan.id)
    return render(request, FRAGMENT, _context(request, plan, _dropped(request, plan) - {request.POST["add"]}))


@login_required
@require_POST
def approve(request: HttpRequest, plan_id: str) -> HttpResponse:
    """Say that the plan may be run, without the nodes that were dropped."""
    plan = planning.one(request.user, plan_id)
    planning.approve(user=request.user, plan_id=plan.id, dropped=_dropped(request, plan))
    return done(request, reverse("executions:plan", args=[plan.id]))


@login_required
@require_POST
def run(request: HttpRequest, plan_id: str) -> HttpResponse:
    """Begin the execution, without the nodes that were dropped."""
    plan = planning.one(request.user, plan_id)
    execution = planning.run(user=request.user, plan_id=plan.id, dropped=_dropped(request, plan))
    return done(request, reverse("executions:gantt", args=[execution.id]))


def _dropped(request: HttpRequest, plan: Plan) -> set[str]:
    return ({node["id"] for node in plan.result.get("nodes", [])} | set(plan.added)) - set(request.POST.getlist("keep"))
