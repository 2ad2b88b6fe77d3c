"""The way of one column through the graph: what it is made of, and what is made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from catalog.joining import Joined
from catalog.models import Node, Outcome, Project, Trace

MOST = 1_500  # steps of one way
SQL = ("model", "snapshot")
Place = tuple[str, str]  # node, column


@dataclass(frozen=True, slots=True)
class Step:
    """From one column to one that is made of it, through these expressions, the last one first."""

    source: Place
    target: Place
    via: tuple[str, ...] = ()
    same_table: bool = False  # a source of one project is the table of another

    @property
    def how(self) -> str:
        """In a word."""
        if self.same_table:
            return "the same table"
        if self.via:
            return "computed"
        return "as it is" if self.source[1] == self.target[1] else f"renamed from {self.source[1]}"


@dataclass(slots=True)
class Way:
    """Steps nearest first, and what could not be found out, by node and column ("" for all of a node)."""

    start: Place
    upstream: list[Step] = field(default_factory=list)
    downstream: list[Step] = field(default_factory=list)
    unknown: dict[Place, str] = field(default_factory=dict)
    made_of_nothing: tuple[str, ...] = ()  # expressions that read no column
    cut: bool = False

    @property
    def places(self) -> dict[str, list[str]]:
        """The columns of the way by node."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for node, column in [self.start, *(end for step in (*self.upstream, *self.downstream) for end in (step.source, step.target))]:
            found[node][column] = None
        return {node: list(columns) for node, columns in found.items()}

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Between which nodes it goes."""
        return list(dict.fromkeys((step.source[0], step.target[0]) for step in (*self.upstream, *self.downstream)))


def way(met: Joined, unique_id: str, column: str) -> Way:
    """The whole way of a column, both up and down, as far as it is known."""
    found = Way((unique_id, column.lower()))
    traces = _Traces(met)
    _climb(met, traces, found)
    _descend(met, traces, found)
    return found


def names_of(project: Project, unique_id: str) -> list[str]:
    """The columns that the SQL of a node gives it, as far as they are named."""
    row = Trace.objects.filter(project=project, unique_id=unique_id).values_list("columns", flat=True).first()
    return [column["name"] for column in row or ()]


def why_not(project: Project, node: Node) -> str:
    """Why the columns of a node are not traced; empty where they are."""
    row = Trace.objects.filter(project=project, unique_id=node.unique_id).only("wrong").first()
    return _why(
        row, node.kind, node.materialized, project, compiled=_compiled(project, node.unique_id), language=node.facts.get("language")
    )


class _Traces:
    """Traces, read by the level: all that a step may need at once."""

    def __init__(self, met: Joined) -> None:
        self._met = met
        self._rows: dict[str, Trace | None] = {}

    def of(self, names: Iterable[str]) -> Mapping[str, Trace | None]:
        """The traces of these nodes."""
        lacking = defaultdict(list)
        for name in names:
            if name not in self._rows:
                self._rows[name] = None
                lacking[self._met.project_of[name]].append(name)
        for project, wanted in lacking.items():
            for start in range(0, len(wanted), 500):
                rows = Trace.objects.filter(project=project, unique_id__in=wanted[start : start + 500])
                self._rows |= {row.unique_id: row for row in rows}
        return self._rows


# --- up -----------------------------------------------------------------------------------------------------------------------------


def _climb(met: Joined, traces: _Traces, found: Way) -> None:
    front, seen = [found.start], {found.start}
    while front and not found.cut:
        rows, following = traces.of(node for node, _ in front), []
        for place in front:
            for step in _above(met, rows[place[0]], place, found):
                if len(found.upstream) >= MOST:
                    found.cut = True
                    return
                found.upstream.append(step)
                if step.source not in seen:
                    seen.add(step.source)
                    if step.source[0] in met.graph.members:
                        following.append(step.source)
        front = following


def _above(met: Joined, row: Trace | None, place: Place, found: Way) -> Iterator[Step]:
    node, name = place
    member = met.graph.members[node]
    if member.kind not in SQL:
        for maker in met.graph.parents[node] if member.kind == "source" else ():
            yield Step((maker, name), place, same_table=True)
        return
    if row is None or row.wrong:
        found.unknown[node, ""] = _missing(met, row, node)
        return
    column = next((one for one in row.columns if one["name"].lower() == name), None)
    if column is None:
        among = [source for source, without in row.rest if name not in without]
        if len(among) == 1:
            yield Step((among[0], name), place)
        else:
            found.unknown[place] = f"It may come from any of {', '.join(map(_short, among))}" if among else "Its SQL names no such column"
        return
    for reason in column["why"]:
        found.unknown[place] = reason[:1].upper() + reason[1:]
    for source, other in column["from"]:
        if source != node:  # an incremental model that reads itself
            yield Step((source, other), place, tuple(column["via"]))
    if place == found.start and not column["from"] and not column["why"]:
        found.made_of_nothing = tuple(column["via"])


# --- down ---------------------------------------------------------------------------------------------------------------------------


def _descend(met: Joined, traces: _Traces, found: Way) -> None:
    front, seen = [found.start], {found.start}
    while front and not found.cut:
        below = {child for node, _ in front for child in met.graph.children.get(node, ())}
        rows, following = traces.of(below), []
        for place in front:
            for child in met.graph.children.get(place[0], ()):
                for step in _below(met, rows[child], child, place, found):
                    if len(found.downstream) >= MOST:
                        found.cut = True
                        return
                    found.downstream.append(step)
                    if step.target not in seen:
                        seen.add(step.target)
                        following.append(step.target)
        front = following


def _below(met: Joined, row: Trace | None, child: str, place: Place, found: Way) -> Iterator[Step]:
    kind = met.graph.members[child].kind
    if kind == "source":
        yield Step(place, (child, place[1]), same_table=True)
    elif kind not in SQL:
        if kind not in ("test", "unit_test", "operation"):
            found.unknown[child, ""] = "Which columns it reads is not told"
    elif row is None or row.wrong:
        found.unknown[child, ""] = _missing(met, row, child)
    else:
        yield from _in_sql(row, child, place, found)


def _in_sql(row: Trace, child: str, place: Place, found: Way) -> Iterator[Step]:
    named = set()
    for column in row.columns:
        named.add(column["name"].lower())
        if list(place) in column["from"]:
            yield Step(place, (child, column["name"]), tuple(column["via"]))
        else:
            for reason in column["why"]:
                if f"`{place[1]}`" in reason:
                    found.unknown[child, column["name"]] = reason[:1].upper() + reason[1:]
    if place[1] not in named and any(source == place[0] and place[1] not in without for source, without in row.rest):
        yield Step(place, (child, place[1]))


# --- what is not known --------------------------------------------------------------------------------------------------------------


def _missing(met: Joined, row: Trace | None, unique_id: str) -> str:
    project, member = met.projects[met.project_of[unique_id]], met.graph.members[unique_id]
    return _why(row, member.kind, member.materialized, project, compiled=_compiled(project, unique_id), language=None)


def _compiled(project: Project, unique_id: str) -> bool:
    return Outcome.objects.filter(project=project, unique_id=unique_id).exclude(compiled="").exists()


def _why(row: Trace | None, kind: str, materialized: str, project: Project, *, compiled: bool, language: str | None) -> str:
    if kind not in SQL:
        return ""
    if row is not None:
        return f"Not parsed: {row.wrong}" if row.wrong else ""
    if language == "python":
        return "It is written in Python"
    if materialized == "ephemeral":
        return "No model that reads it was compiled yet"
    if not compiled:
        return "No run has left its compiled SQL yet"
    return "Its columns are being traced" if project.to_trace else "Its columns were not traced"


def _short(node: str) -> str:
    return node.removeprefix("table:") if node.startswith("table:") else node.split(".", 2)[-1]
