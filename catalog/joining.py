"""Projects meet in the warehouse: a source of one is a table that another makes. Only among projects that the user may read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from django.db.models import F, Q, QuerySet

from catalog import selectors
from catalog.graph import Graph, graph, made_of
from catalog.models import Node, Project
from namespaces.rights import Person

MAKERS = ("model", "seed", "snapshot")
MOST = 12  # projects that are joined
PRIVATE = "memory."  # tables of a DuckDB that no other process sees


@dataclass(frozen=True, slots=True)
class Joined:
    """The graph of a project with those that it meets; `project_of` says whose a node is."""

    graph: Graph
    projects: dict[int, Project]
    project_of: dict[str, int]


def makers(user: Person, node: Node) -> list[Node]:
    """What makes the table that a source reads."""
    return list(_same_table(user, node).filter(kind__in=MAKERS)) if node.kind == "source" else []


def readers(user: Person, node: Node) -> list[Node]:
    """The sources that read the table that a node makes."""
    return list(_same_table(user, node).filter(kind="source")) if node.kind in MAKERS else []


def _same_table(user: Person, node: Node) -> QuerySet[Node]:
    rows = _present(user, node.project.adapter).filter(relation=node.relation).exclude(id=node.pk)
    return rows.select_related("project").order_by("project__name", "name") if _meets(node.relation) else rows.none()


def _meets(relation: str) -> bool:
    return relation.count(".") == 2 and not relation.startswith(PRIVATE)


def _present(user: Person, adapter: str) -> QuerySet[Node]:
    among = selectors.projects(user).filter(adapter=adapter).order_by().values("id")
    return Node.objects.filter(project__in=among, last=None, first__lte=F("project__version"))


def joined(user: Person, project: Project, version: int) -> Joined:
    """The graph of a version, joined with the present ones of all projects that can be reached from table to table."""
    projects = {project.pk: project}
    front = [project.pk]
    while front and len(projects) < MOST:
        front = [number for number in _neighbours(user, project.adapter, front) if number not in projects][: MOST - len(projects)]
        projects |= Project.objects.in_bulk(front)
    own = graph(project, version)
    if len(projects) == 1:
        return Joined(own, projects, dict.fromkeys(own.members, project.pk))
    return _together(own, projects, project.pk)


def _neighbours(user: Person, adapter: str, front: list[int]) -> list[int]:
    """Projects that read what one of these makes, or make what one of these reads."""
    tables = Node.objects.filter(project__in=front, last=None).exclude(relation="").exclude(relation__startswith=PRIVATE)
    made, read = (tables.filter(kind__in=kinds).values("relation") for kinds in (MAKERS, ("source",)))
    meets = Q(kind="source", relation__in=made) | Q(kind__in=MAKERS, relation__in=read)
    found = _present(user, adapter).filter(meets).exclude(project__in=front).order_by("project").values_list("project", flat=True)
    return list(found.distinct())


def _together(own: Graph, projects: dict[int, Project], first: int) -> Joined:
    members, project_of = dict(own.members), dict.fromkeys(own.members, first)
    for number, project in projects.items():
        for name, member in graph(project).members.items() if number != first else ():
            if name not in members:  # the same project with another target has nodes of the same names
                members[name], project_of[name] = member, number
    made_by = defaultdict(list)
    for name, member in members.items():
        if member.kind in MAKERS and _meets(member.relation):
            made_by[member.relation].append(name)
    for name, member in members.items():
        if member.kind == "source":
            above = [maker for maker in made_by.get(member.relation, ()) if project_of[maker] != project_of[name]]
            if above:
                members[name] = replace(member, parents=(*member.parents, *above))
    return Joined(made_of(members.values()), projects, project_of)
