"""The lineage around a file: what the files of the project say now of who reads whom, over what the catalog knows of the same nodes."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from catalog import drawing
from catalog.graph import TESTS, Graph, Member, at, graph, made_of
from catalog.joining import Joined
from catalog.models import Node
from catalog.models import Project as Catalogued
from catalog.painting import Painting
from namespaces import files
from namespaces.files import NoSuchFile
from workspace import knowledge, project_files
from workspace.project_files import Project, Read

STEPS = 2  # up, and down
REFERABLE = ("model", "seed", "snapshot")
MOST_KEPT = 8
_kept: OrderedDict[str, tuple[Graph, dict[str, str]]] = OrderedDict()
_guard = threading.Lock()


def around(project: Project, path: str) -> dict[str, Any]:
    """What a page draws around the nodes of a file, two steps up and two down, with the file of each; empty for a file without nodes."""
    catalogued = knowledge.in_catalog(project)
    found, paths = _graph(project, catalogued)
    own = [name for name, where in paths.items() if where == path]
    chosen = found.around(own, found.parents, STEPS).keys() | found.around(own, found.children, STEPS).keys()
    number = catalogued.pk if catalogued is not None else 0
    met = Joined(found, {number: catalogued} if catalogued is not None else {}, dict.fromkeys(found.members, number))
    shown = [name for name in chosen if found.members[name].kind not in TESTS]
    drawn = drawing.document(met, number, shown, Painting(met))
    return {**drawn, "paths": {name: paths[name] for name in shown if name in paths}, "own": own}


def _graph(project: Project, catalogued: Catalogued | None) -> tuple[Graph, dict[str, str]]:
    """The graph, and the files of its nodes; the same again while neither files nor catalog change."""
    tag = knowledge.state(project, catalogued)
    with _guard:
        if tag in _kept:
            _kept.move_to_end(tag)
            return _kept[tag]
    made = _Nodes(project, graph(catalogued) if catalogued is not None else Graph({})).joined(catalogued)
    with _guard:
        _kept[tag] = made
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return made


@dataclass(slots=True)
class _Nodes:
    """The nodes of a project, those of its files by the names that the catalog has for them."""

    project: Project
    old: Graph
    members: dict[str, Member] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    reads: dict[str, tuple[Read, ...]] = field(default_factory=dict)

    def joined(self, catalogued: Catalogued | None) -> tuple[Graph, dict[str, str]]:
        """The graph of what files and catalog know together."""
        self._from_files()
        self._from_catalog()
        by_name = self._by_name()
        found = {name: tuple(_resolved(reads, by_name, self.members)) for name, reads in self.reads.items()}
        for name in self._unchanged(found, catalogued):
            del found[name]
        members = [replace(member, parents=found.get(name, member.parents)) for name, member in self.members.items()]
        return made_of(members), self.paths

    def _from_files(self) -> None:
        known = {(member.kind, self.project.at(member.path)): member for member in self._old_own() if member.kind in REFERABLE}
        named = {(member.kind, member.name): member for member in self._old_own()}
        told = {entry.path: names for entry, names in project_files.reads(self.project)}
        for entry, package, says in project_files.scan(self.project):
            for node in says.nodes if package == self.project.name else ():
                name = f"{node['source']}.{node['name']}" if node["kind"] == "source" else node["name"]
                alone = sum(other["kind"] in REFERABLE for other in says.nodes) == 1
                member = (known.get((node["kind"], entry.path)) if alone else None) or named.get((node["kind"], name))
                member = member or Member(f"{node['kind']}.{package}.{name}", node["kind"], name, package, entry.path, *[""] * 3, (), ())
                self.members[member.unique_id] = member
                self.paths[member.unique_id] = entry.path
                self.reads[member.unique_id] = node.get("reads") or told.get(entry.path, ())

    def _old_own(self) -> Iterator[Member]:
        return (member for member in self.old.members.values() if member.package == self.project.name)

    def _from_catalog(self) -> None:
        """What no file names: nodes of packages, tests, metrics; and what stands in a file that is there and cannot be read now."""
        there = {entry.path for entry in self.project.entries}
        for name, member in self.old.members.items():
            where = self.project.at(member.path)
            if name in self.members or (member.package == self.project.name and where not in there):
                continue
            self.members[name] = member
            if where in there and member.package == self.project.name:
                self.paths[name] = where

    def _by_name(self) -> dict[tuple[str, str], list[str]]:
        """The nodes that a name may mean: those of a source by source and table, others under an empty one."""
        found = defaultdict(list)
        for name, member in sorted(self.members.items(), key=lambda pair: pair[1].package == self.project.name):
            if member.kind == "source":
                group, _, table = member.name.partition(".")
                found[group, table].append(name)
            elif member.kind in REFERABLE:
                found["", member.name].append(name)
        return found

    def _unchanged(self, found: dict[str, tuple[str, ...]], catalogued: Catalogued | None) -> list[str]:
        """Those whose text is what the catalog has, where dbt found more than the text writes out: what a macro names, say."""
        old = self.old.parents
        other = [name for name, parents in found.items() if name in old and set(old[name]) != set(parents) and name in self.paths]
        if catalogued is None or not other:
            return []
        rows = Node.objects.filter(at(catalogued.version), project=catalogued, unique_id__in=other[:500]).values_list("unique_id", "code")
        return [name for name, code in rows if self._text(name).strip() == code.strip()]

    def _text(self, name: str) -> str:
        try:
            return files.read(self.project.place, self.paths[name]).decode("utf-8-sig", errors="replace")
        except NoSuchFile:
            return ""


def _resolved(reads: Iterable[Read], by_name: dict[tuple[str, str], list[str]], members: dict[str, Member]) -> Iterator[str]:
    """The nodes that are meant: of a model in several packages that of the project, of several versions the one that is asked for."""
    for read in reads:
        found = [name for name in by_name.get((read.source, read.name), ()) if read.package in ("", members[name].package)]
        exact = [name for name in found if read.version and name.endswith(f".v{read.version}")]
        if found:
            yield (exact or found)[-1]
