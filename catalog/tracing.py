"""Keeping the lineage of columns up to date, on a worker: models that are out of date, in the order of the graph, a slice at a time."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from catalog import sending
from catalog.graph import Graph, graph
from catalog.models import Outcome, Project, Text, Trace
from catalog.sql_reader import Reader, reader

EDITION = 1  # of what is found: counted up, all is found anew
SLICE = 15.0  # seconds after which others get their turn on this worker
BUSY = timedelta(minutes=2)  # so long a tracing may be silent until another worker goes on in its place
RESEND = timedelta(seconds=30)
BATCH = 100
OF_SNAPSHOTS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
SQL = ("model", "snapshot")


def want(project: Project) -> None:
    """Something that columns are made of may have changed."""
    Project.objects.filter(id=project.pk).update(to_trace=timezone.now())
    sending.send_trace(project.pk)


def resend(now: datetime) -> None:
    """Announce again what nobody traces."""
    rows = Project.objects.filter(Q(tracing=None) | Q(tracing__lt=now - BUSY), to_trace__lt=now - RESEND)
    for project_id in rows.values_list("id", flat=True)[:100]:
        sending.send_trace(project_id)


def trace(project_id: int) -> None:
    """Trace what is out of date in a project. Without effect where nothing is, or while another worker does so."""
    now = timezone.now()
    project = Project.objects.filter(id=project_id, to_trace__isnull=False).first()
    free = Project.objects.filter(Q(tracing=None) | Q(tracing__lt=now - BUSY), id=project_id, to_trace__isnull=False)
    if project is None or not free.update(tracing=now):
        return
    try:
        finished = _trace(project)
        if finished:
            Project.objects.filter(id=project_id, to_trace=project.to_trace).update(to_trace=None)
    finally:
        Project.objects.filter(id=project_id).update(tracing=None)
    if Project.objects.filter(id=project_id, to_trace__isnull=False).exists():
        sending.send_trace(project_id)


def _trace(project: Project) -> bool:
    """Whether all of it was done before the slice was over."""
    until = time.monotonic() + SLICE
    known = graph(project)
    work = _Work(project, known)
    project.traces.filter(unique_id__in=work.traced.keys() - known.members.keys()).delete()
    with reader() as asked:
        for unique_id in _in_order(known):
            if time.monotonic() > until:
                work.save()
                return False
            work.look_at(unique_id, asked)
    work.save()
    return True


def _in_order(known: Graph) -> Iterator[str]:
    """Models and snapshots, each after those that it reads."""
    waiting = {name: len(above) for name, above in known.parents.items()}
    front = [name for name, count in waiting.items() if not count]
    for name in front:
        if known.members[name].kind in SQL:
            yield name
        for child in known.children[name]:
            waiting[child] -= 1
            if not waiting[child]:
                front.append(child)


@dataclass(slots=True)
class _Work:
    """What is known while a project is traced."""

    project: Project
    known: Graph
    traced: dict[str, tuple[str, list[str] | None]] = field(default_factory=dict)  # key and names by node
    compiled: dict[str, str] = field(default_factory=dict)  # digest by node
    in_warehouse: dict[str, list[str]] = field(default_factory=dict)  # names by node
    made: list[Trace] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.traced = {name: (key, names) for name, key, names in self.project.traces.values_list("unique_id", "key", "names")}
        rows = Outcome.objects.filter(project=self.project)
        self.compiled = dict(rows.exclude(compiled="").values_list("unique_id", "compiled"))
        self.in_warehouse = {name: list(types) for name, types in rows.exclude(types={}).values_list("unique_id", "types")}

    def look_at(self, unique_id: str, asked: Reader) -> None:
        """Trace one node unless that was done with the same SQL and the same tables."""
        digest = self.compiled.get(unique_id)
        if not digest:
            return
        tables, inlined = self._tables(unique_id)
        given = json.dumps([EDITION, self.project.adapter, digest, tables, inlined], sort_keys=True)
        key = hashlib.sha256(given.encode()).hexdigest()
        if self.traced.get(unique_id, ("", None))[0] == key:
            return
        sql = Text.objects.filter(digest=digest).values_list("text", flat=True).first()
        if sql is None:
            return
        answer = asked.ask(self.project.adapter, sql, tables, inlined)
        self._keep(unique_id, key, answer)
        for node, found in answer.get("inlined", {}).items():
            self._keep(node, key, found)
        if len(self.made) >= BATCH:
            self.save()

    def _tables(self, unique_id: str) -> tuple[list[Any], dict[str, str]]:
        """The tables that a node reads, with their columns where those are known; and the ephemeral models that dbt writes into its SQL."""
        tables: dict[str, Any] = {}
        inlined: dict[str, str] = {}
        front = [*self.known.parents[unique_id]]
        for name in front:
            member = self.known.members[name]
            if member.materialized == "ephemeral":
                inlined[f"__dbt__cte__{member.name.lower()}"] = name
                front += [one for one in self.known.parents[name] if one not in front]
            elif member.relation:
                tables[name] = [member.relation.split("."), name, self._columns(name)]
        own = self.known.members[unique_id].relation
        if own:  # an incremental model may read what it has made before
            tables[unique_id] = [own.split("."), unique_id, self.in_warehouse.get(unique_id)]
        return list(tables.values()), inlined

    def _columns(self, name: str) -> list[str] | None:
        """The columns that a table has by its own SQL, else by what the warehouse told."""
        names = self.traced.get(name, ("", None))[1]
        return names if names is not None else self.in_warehouse.get(name)

    def _keep(self, unique_id: str, key: str, found: Mapping[str, Any]) -> None:
        columns, rest = list(found.get("columns", ())), found.get("open", [])
        if self.known.members[unique_id].kind == "snapshot" and "wrong" not in found:
            there = {column["name"] for column in columns}
            columns += [{"name": name, "from": [], "via": ["added by dbt"], "why": []} for name in OF_SNAPSHOTS if name not in there]
        names = None if rest or "wrong" in found else [column["name"] for column in columns]
        wrong = str(found.get("wrong", ""))[:500]
        row = Trace(project=self.project, unique_id=unique_id, key=key, names=names, wrong=wrong, rest=rest, columns=columns)
        self.made.append(row)
        self.traced[unique_id] = (key, names)

    def save(self) -> None:
        """Write what was found."""
        rows = {row.unique_id: row for row in self.made}
        fields = ["key", "names", "wrong", "rest", "columns"]
        Trace.objects.bulk_create(rows.values(), update_conflicts=True, unique_fields=["project", "unique_id"], update_fields=fields)
        self.made.clear()
        Project.objects.filter(id=self.project.pk).update(tracing=timezone.now())
