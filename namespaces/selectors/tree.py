"""Namespaces as a tree, as far as someone may see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from namespaces import files
from namespaces.models import Namespace, Role
from namespaces.paths import check_namespace
from namespaces.rights import Person, ancestry, below, filter_readable, readable, require, role_of
from namespaces.services.tree import NoSuchNamespace
from ui.errors import Invalid


@dataclass(slots=True)
class Node:
    """A namespace in the tree; `open` tells whether the reader may enter it, `made` whether it exists by itself."""

    name: str
    description: str = ""
    made: bool = False
    open: bool = True
    children: list[Node] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The last part of the name."""
        return self.name.rsplit(".", 1)[-1]


def exists(namespace: str) -> bool:
    """Whether there is this namespace, or one below it."""
    return Namespace.objects.filter(below(namespace, "name")).exists() or files.used(namespace)[0] > 0


def enter(user: Person, namespace: str, role: Role = Role.READER) -> Role:
    """The role of `user` in a namespace that exists. Raises `Missing` for a stranger, a wrong name or no namespace, `Forbidden` for too
    low a role: what the first line of every view of a namespace asks."""
    try:
        check_namespace(namespace)
    except Invalid as error:
        raise NoSuchNamespace from error
    require(user, namespace, role)
    if not exists(namespace):
        raise NoSuchNamespace
    held = role_of(user, namespace)
    return held or Role.READER


def names(user: Person) -> list[str]:
    """Every namespace that `user` may see, by name, without the parents that exist only by their children."""
    return list(filter_readable(Namespace.objects.all(), user, "name").values_list("name", flat=True))


def tree(user: Person, query: str = "") -> list[Node]:
    """The namespaces that `user` may see below their parents; with `query` those whose name or description contains it."""
    roots = readable(user)
    rows = filter_readable(Namespace.objects.all(), user, "name")
    words = query.lower().split()
    nodes: dict[str, Node] = {}
    top: list[Node] = []
    for row in rows:
        if all(word in f"{row.name} {row.description}".lower() for word in words):
            for name in ancestry(row.name):
                if name not in nodes:
                    is_open = roots is None or any(root in ancestry(name) for root in roots)
                    nodes[name] = Node(name, open=is_open)
                    above = name.rpartition(".")[0]
                    (nodes[above].children if above else top).append(nodes[name])
            nodes[row.name].made, nodes[row.name].description = True, row.description
    return top


def variables(namespace: str) -> dict[str, Any]:
    """The variables that expressions of a namespace see as `namespace.<name>`: its own and those from above, the closest winning."""
    own = Namespace.objects.filter(name=namespace).values_list("variables", flat=True).first()
    return {**inherited_variables(namespace), **(own or {})}


def inherited_variables(namespace: str) -> dict[str, Any]:
    """The variables that a namespace has from those above it, the closest winning."""
    above = ancestry(namespace)[:-1]
    rows = {row.name: row.variables for row in Namespace.objects.filter(name__in=above).only("name", "variables")}
    return {key: value for name in above for key, value in (rows.get(name) or {}).items()}
