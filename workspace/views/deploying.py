"""Deploying a commit, after what it changes was looked at; and running a flow with the files of a copy before they are deployed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from flows.diff import compare
from namespaces import rights
from namespaces.models import Member, Role, User
from namespaces.rights import login_required
from namespaces.selectors import deployments, tree
from namespaces.services import saving
from namespaces.views.shell import shell
from ui.htmx import done, page
from workspace import asking, deploying, history, repositories, running, worktrees

PAGE, FRAGMENT = "workspace/git/deploy.html", "workspace/git/_deploy.html"
MOST_OPEN = 20  # files whose difference is shown
LARGEST = 200_000  # bytes of one whose difference is shown


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def deploy(request: HttpRequest, namespace: str) -> HttpResponse:
    """What deploying `ref` to the namespace `to` would change; POST does it."""
    context = shell(request, namespace, "git", Role.MEMBER)
    row = repositories.find(namespace)
    form = request.POST if request.method == "POST" else request.GET
    ref, target = form.get("ref", "").strip() or row.default_branch, form.get("to", "").strip() or namespace
    tree.enter(request.user, target, Role.MEMBER)
    asked = {"user": asking.person(request), "origin": namespace, "ref": ref, "namespace": target}
    if request.method == "POST":
        made = deploying.deploy(**asked, commit=form.get("commit", ""))
        url = f"{reverse('workspace:git_deploy', args=[namespace])}?{urlencode({'ref': ref, 'to': target})}"
        return done(request, url, message=f"{made.commit[:7]} is deployed to {target}")
    plan = deploying.plan(**asked) if repositories.branches(namespace) else None
    context |= {
        "repository": row,
        "plan": plan,
        "ref": ref,
        "to": target,
        "branches": repositories.branches(namespace),
        "tags": history.tags_of(namespace),
        "targets": sorted({namespace, target, *_targets(asking.person(request))}),
        "files": [_shown(plan, file, number) for number, file in enumerate(plan.files[:500])] if plan else [],
        "more_files": max(0, len(plan.files) - 500) if plan else 0,
        "flows": [{"flow": flow, "diff": compare(flow.before, flow.after)} for flow in plan.flows] if plan else [],
        "current": deployments.current(target),
        "deployments": deployments.last(target),
    }
    return page(request, PAGE, FRAGMENT, context)


def _targets(user: User) -> list[str]:
    """Where this person may deploy to: what they are a member of, and what an administrator may see."""
    if user.is_admin:
        return tree.names(user)
    roles = [Role.MEMBER, Role.OWNER]
    own = set(Member.objects.filter(user=user, role__in=roles).values_list("namespace__name", flat=True))
    return [name for name in tree.names(user) if own & set(rights.ancestry(name))]


def _shown(plan: deploying.Plan, file: deploying.File, number: int) -> dict[str, Any]:
    if number >= MOST_OPEN:
        return {"file": file, "diff": None}
    before, after = deploying.before_of(plan, file), deploying.after_of(plan, file)
    old, new = saving.text_of(before), saving.text_of(after)
    is_shown = old is not None and new is not None and max(len(before), len(after)) < LARGEST
    return {"file": file, "diff": compare(old or "", new or "") if is_shown else None}


@require_POST
@login_required
def run(request: HttpRequest, namespace: str) -> HttpResponse:
    """Start a flow with the files of this person's copy, saved and not committed ones too."""
    tree.enter(request.user, namespace, Role.MEMBER)
    copy = worktrees.find(user=asking.person(request), namespace=namespace, branch=request.GET.get("branch", ""))
    execution = running.start(copy, request.POST.get("flow", ""))
    return done(request, reverse("executions:detail", args=[execution.id]), message="Started with your files")
