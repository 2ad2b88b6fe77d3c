"""The list of projects with the search over all of them, and the overview of one."""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from catalog import selectors
from catalog.models import NodeRun, Project
from namespaces.rights import login_required
from ui.htmx import page
from ui.paging import paginate

STATES = ("SUCCESS", "WARNING", "FAILED", "SKIPPED")


@login_required
@require_GET
def project_list(request: HttpRequest) -> HttpResponse:
    """Every project that someone may see, or what `?q=` finds in them."""
    query = request.GET.get("q", "").strip()
    context: dict[str, Any] = {"q": query}
    if query:
        context["hits"] = selectors.search(request.user, query)
    else:
        context["projects"] = [_line(project) for project in selectors.projects(request.user)]
    return page(request, "catalog/projects.html", "catalog/_projects.html", context)


def _line(project: Project) -> dict[str, Any]:
    health = selectors.health(project)
    return {
        "project": project,
        "kinds": [(kind, count) for kind, count in selectors.kinds(project, project.version) if kind not in ("operation", "analysis")][:4],
        "health": [(state, health[state]) for state in STATES if health[state]],
        "late": len(selectors.late_sources(project)),
    }


@login_required
@require_GET
def overview(request: HttpRequest, project_id: int) -> HttpResponse:
    """What is wrong in a project, and all its nodes."""
    project = selectors.project(request.user, project_id)
    version = selectors.version_of(project, request.GET.get("version", ""))
    query = request.GET.get("q", "").strip()
    context: dict[str, Any] = {
        "project": project,
        "version": version,
        "tab": "overview",
        "q": query,
        "hits": selectors.search(request.user, query, project) if query else None,
        **_nodes(request, project, version),
        **_state(project),
    }
    return page(request, "catalog/project.html", "catalog/_nodes.html", context)


def _nodes(request: HttpRequest, project: Project, version: int) -> dict[str, Any]:
    kinds = selectors.kinds(project, version)
    asked = {name: request.GET.get(name, "").strip() for name in ("kind", "state", "tag", "package")}
    wanted = {name: value for name, value in asked.items() if value}
    first = next((kind for kind, _ in kinds if kind == "model"), "")
    if not wanted and first and "kind" not in request.GET:
        wanted = {"kind": first}
    window = paginate(request, selectors.filtered(project, version, **wanted))
    rows = list(window.rows)
    outcomes = selectors.outcomes(project, [row.unique_id for row in rows])
    return {
        "kinds": kinds,
        "wanted": wanted,
        "page": window,
        "rows": [(row, outcomes[row.unique_id]) for row in rows],
        "states": STATES,
    }


def _state(project: Project) -> dict[str, Any]:
    health = selectors.health(project)
    failing = selectors.present(project).filter(state__in=("FAILED", "WARNING")).order_by("state", "-ended")[:12]
    last = NodeRun.objects.filter(project=project).aggregate(last=Max("ended"))["last"]
    return {
        "health": [(state, health[state]) for state in STATES],
        "failing": list(failing),
        "late": selectors.late_sources(project)[:12],
        "versions": list(project.versions.order_by("-number")[:12]),
        "last_run": last,
    }
