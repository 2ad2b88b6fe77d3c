"""The docs of a model: its page in the catalog, and where that is not made yet the button that makes it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from catalog.graph import at
from catalog.models import Node
from namespaces.models import Role
from namespaces.rights import allows, login_required
from namespaces.selectors import tree
from workspace import asking, dbt_runs, knowledge, project_files, worktrees
from workspace.project_files import Project


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def docs(request: HttpRequest, namespace: str) -> HttpResponse:
    """Lead to what the catalog has of `?path=`, else say that there is nothing yet; POST starts `dbt docs generate`."""
    place = asking.place(request, namespace, Role.MEMBER if request.method == "POST" else Role.READER)
    path = asking.path(place, request.GET.get("path", ""))
    project, branch = project_files.find(place, path), request.GET.get("branch", "")
    if request.method == "POST":
        worktree = worktrees.find(user=asking.person(request), namespace=namespace, branch=branch) if branch else None
        run = dbt_runs.start(user=asking.person(request), project=project, worktree=worktree, verb="docs", path=path, reach="this")
        return redirect("executions:detail", run.id)
    address = _address(project, path)
    if address:
        return redirect(address)
    context = {"namespace": namespace, "path": path, "name": path.rpartition("/")[2], "project": project.name}
    context |= {"back": f"{reverse('workspace:page', args=[namespace])}?{request.GET.urlencode()}"}
    return render(request, "workspace/docs.html", {**context, "may_make": allows(tree.enter(request.user, namespace), Role.MEMBER)})


def _address(project: Project, path: str) -> str:
    """The page of what a file makes; the project's for a file that makes nothing or several things; empty where there is none."""
    catalogued = knowledge.in_catalog(project)
    if catalogued is None:
        return ""
    nodes = Node.objects.filter(at(catalogued.version), project=catalogued, package=project.name, path=project.inside(path))
    names = list(nodes.filter(kind__in=knowledge.KINDS).values_list("unique_id", flat=True)[:2])
    if len(names) == 1:
        return reverse("catalog:node", args=[catalogued.pk, names[0]])
    makes = project.kind_of(path) in ("model", "seed", "snapshot") and path.endswith((".sql", ".py", ".csv"))
    return "" if makes and not names else reverse("catalog:project", args=[catalogued.pk])
