"""The graph of one version of a project's manifest, kept in memory: a version never changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from django.db.models import Q

from catalog.models import Node, Project

TESTS = frozenset({"test", "unit_test"})


@dataclass(frozen=True, slots=True)
class Member:
    """What the graph knows of a node."""

    unique_id: str
    kind: str
    name: str
    package: str
    path: str
    materialized: str
    relation: str
    fqn: str
    tags: tuple[str, ...]
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Members by unique_id, and who depends on whom; parents that are not there are left out."""

    members: dict[str, Member]
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    children: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def around(self, start: Iterable[str], edges: dict[str, tuple[str, ...]], steps: int | None = None) -> dict[str, int]:
        """What can be reached along `edges` within so many steps (None for all), with the number of steps; `start` itself is 0."""
        found = dict.fromkeys(start, 0)
        front, step = list(found), 0
        while front and (steps is None or step < steps):
            step += 1
            following = dict.fromkeys(other for one in front for other in edges.get(one, ()) if other not in found)
            found |= dict.fromkeys(following, step)
            front = list(following)
        return found


def made_of(members: Iterable[Member]) -> Graph:
    """The graph of some members."""
    known = {member.unique_id: member for member in members}
    parents = {name: tuple(parent for parent in dict.fromkeys(member.parents) if parent in known) for name, member in known.items()}
    children: dict[str, list[str]] = {name: [] for name in known}
    for name, above in parents.items():
        for parent in above:
            children[parent].append(name)
    return Graph(known, parents, {name: tuple(below) for name, below in children.items()})


def at(version: int) -> Q:
    """The nodes of a project as they were in one version of its manifest."""
    return Q(first__lte=version) & (Q(last=None) | Q(last__gte=version))


def graph(project: Project, version: int | None = None) -> Graph:
    """The graph of a version, the present one where none is given."""
    return _graph(project.pk, version or project.version)


@lru_cache(maxsize=16)
def _graph(project_id: int, version: int) -> Graph:
    fields = ("unique_id", "kind", "name", "package", "path", "materialized", "relation", "fqn", "tags", "parents")
    rows = Node.objects.filter(at(version), project_id=project_id).values_list(*fields)
    return made_of(Member(*row[:8], tuple(row[8]), tuple(row[9])) for row in rows.iterator(chunk_size=2000))


def forget() -> None:
    """Let go of every graph that is kept."""
    _graph.cache_clear()
