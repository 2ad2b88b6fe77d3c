"""Reading the catalog, as far as the user may read the namespaces of its projects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db.models import Count, F, QuerySet
from django.db.models.expressions import RawSQL

from catalog import words
from catalog.graph import TESTS, Graph, at, graph
from catalog.models import Node, NodeRun, Outcome, Project, Text
from namespaces.rights import Person, filter_readable, role_of
from ui.errors import Missing

HITS = 50
NOTHING = Outcome()  # what is known of a node that was never run
HISTORY = 30
ORDER = (
    "model",
    "source",
    "seed",
    "snapshot",
    "exposure",
    "metric",
    "semantic_model",
    "saved_query",
    "test",
    "unit_test",
    "analysis",
    "operation",
)


class ProjectMissing(Missing):
    """There is no such project in the catalog, or you may not see it."""


class NodeMissing(Missing):
    """This version of the project has no such node."""


def projects(user: Person) -> QuerySet[Project]:
    """The projects that someone may see, by namespace."""
    return filter_readable(Project.objects.filter(version__gt=0), user).order_by("namespace", "name", "target")


def project(user: Person, project_id: int) -> Project:
    """One project; raises Missing for one that the user may not see, too."""
    row = Project.objects.filter(id=project_id, version__gt=0).first()
    if row is None or role_of(user, row.namespace) is None:
        raise ProjectMissing
    return row


def version_of(row: Project, asked: str) -> int:
    """The manifest version that an address asks for, the present one where it asks for none; raises Missing for one that is not there."""
    if not asked:
        return row.version
    if not (asked.isascii() and asked.isdigit() and len(asked) < 10 and 1 <= int(asked) <= row.version):
        raise Missing(f"The manifest of {row} has the versions 1 to {row.version}; there is no version {asked[:20]}")
    return int(asked)


def nodes(row: Project, version: int | None = None) -> QuerySet[Node]:
    """The nodes of a version, without their long texts."""
    return Node.objects.filter(at(version or row.version), project=row).defer("code", "description", "columns", "facts")


def node(row: Project, unique_id: str, version: int) -> Node:
    """One node as it was in a version, whole."""
    found = Node.objects.filter(at(version), project=row, unique_id=unique_id).first()
    if found is None:
        raise NodeMissing(f"Version {version} of {row} has no node {unique_id[:200]}")
    return found


def outcomes(row: Project, unique_ids: Iterable[str]) -> dict[str, Outcome]:
    """What is known last of these nodes, of each something."""
    wanted = list(unique_ids)
    found = dict.fromkeys(wanted, NOTHING)
    for start in range(0, len(wanted), 500):
        rows = Outcome.objects.filter(project=row, unique_id__in=wanted[start : start + 500])
        found |= {outcome.unique_id: outcome for outcome in rows.defer("types", "stats")}
    return found


def kinds(row: Project, version: int) -> list[tuple[str, int]]:
    """How many nodes of each kind there are, models first."""
    counts = dict(Node.objects.filter(at(version), project=row).values_list("kind").annotate(Count("id")).order_by())
    return sorted(counts.items(), key=lambda item: (ORDER.index(item[0]) if item[0] in ORDER else len(ORDER), item[0]))


def present(row: Project) -> QuerySet[Outcome]:
    """Outcomes of nodes that the present manifest has."""
    return Outcome.objects.filter(project=row, unique_id__in=Node.objects.filter(at(row.version), project=row).values("unique_id"))


def health(row: Project) -> Counter[str]:
    """How many nodes of the present manifest ended in which state last, and how many sources are late."""
    return Counter(dict(present(row).exclude(state="").values_list("state").annotate(Count("id")).order_by()))


def late_sources(row: Project) -> list[Outcome]:
    """Sources that were not fresh when they were looked at last."""
    return list(present(row).exclude(freshness={}).exclude(freshness__status="pass").order_by("unique_id")[:200])


def compiled(outcome: Outcome | NodeRun) -> str:
    """The compiled SQL that a run had."""
    if not outcome.compiled:
        return ""
    return Text.objects.filter(digest=outcome.compiled).values_list("text", flat=True).first() or ""


def history(row: Project, unique_id: str) -> list[NodeRun]:
    """The last runs of a node, newest first."""
    return list(NodeRun.objects.filter(project=row, unique_id=unique_id).defer("message").order_by("-ended")[:HISTORY])


def usual(runs: Iterable[NodeRun]) -> float | None:
    """The median duration of runs that ended well."""
    seconds = [run.seconds for run in runs if run.seconds is not None and run.state in ("SUCCESS", "WARNING")]
    return median(seconds) if len(seconds) > 1 else None


def tests_of(known: Graph, unique_id: str) -> list[str]:
    """The tests that are about a node."""
    return [name for name in known.children.get(unique_id, ()) if known.members[name].kind in TESTS]


# --- search -------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """A node that a search found, and where its words were found if not in the name."""

    node: Node
    where: str
    snippet: str


def search(user: Person, query: str, row: Project | None = None) -> list[Hit]:
    """Nodes of present manifests by name, then those that have all words of the query somewhere, each by how it begins."""
    text = query.strip()[:200]
    if not text:
        return []
    among = [row.pk] if row else list(projects(user).values_list("id", flat=True))
    rows = Node.objects.filter(project__in=among, last=None, first__lte=F("project__version"))
    named = rows.filter(lower_name__contains=text.lower())
    ids = _first(named, text.lower())
    worded = words.condition(text)
    if worded and len(ids) < HITS:
        others = rows.filter(id__in=RawSQL(*worded)).exclude(id__in=ids)  # noqa: S611 -- the query goes in as a parameter
        ids += _first(others, text.lower())[: HITS - len(ids)]
    found = {node.pk: node for node in Node.objects.filter(id__in=ids).select_related("project")}
    return [Hit(found[own], *_where(found[own], text.lower())) for own in ids if own in found]


def _first(rows: QuerySet[Node], text: str) -> list[int]:
    """The ids of those rows whose names are nearest to a text."""
    asked = words.WORD.findall(text)
    found = list(rows.values_list("id", "lower_name", "kind")[: HITS * 20])
    return [own for own, *_ in sorted(found, key=lambda row: _rank(text, asked, *row[1:]))[:HITS]]


def _rank(text: str, asked: list[str], name: str, kind: str) -> tuple[Any, ...]:
    named = all(word in name for word in asked)
    return kind in TESTS, name != text, not name.startswith(text), not named, words.WORD.findall(name) != asked, len(name), name


def _where(node: Node, text: str) -> tuple[str, str]:
    """Where the words of a query stand in a node: `column amount`, `description`, `SQL`… with a piece of it."""
    asked = words.WORD.findall(text)
    if text in node.name.lower() or not asked:
        return "", ""
    places: list[tuple[str, str]] = [("description", node.description), ("tag", ", ".join(node.tags)), ("owner", node.owner)]
    places += [(f"column {column['name']}", f"{column['name']} {column['description']}") for column in node.columns]
    places += [("path", node.path), ("table", node.relation), ("SQL", node.code)]
    best = max(places, key=lambda place: sum(word in place[1].lower() for word in asked))
    at_word = next((place for word in asked if (place := best[1].lower().find(word)) >= 0), -1)
    return (best[0], _piece(best[1], at_word)) if at_word >= 0 else ("", "")


def _piece(text: str, place: int) -> str:
    start, end = max(place - 40, 0), place + 80
    piece = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{piece}{'…' if end < len(text) else ''}"


# --- lists --------------------------------------------------------------------------------------------------------------------------


def filtered(row: Project, version: int, *, kind: str = "", state: str = "", tag: str = "", package: str = "") -> QuerySet[Node]:
    """The nodes of a version that some filters leave."""
    rows = nodes(row, version)
    if kind:
        rows = rows.filter(kind=kind)
    if package:
        rows = rows.filter(package=package)
    if state:
        rows = rows.filter(unique_id__in=Outcome.objects.filter(project=row, state=state).values("unique_id"))
    if tag:
        known = graph(row, version)
        rows = rows.filter(unique_id__in=[name for name, member in known.members.items() if tag in member.tags][:5000])
    return rows.order_by("name", "unique_id")


def by_kind(known: Graph, names: Iterable[str]) -> list[Any]:
    """Members without tests, in the order of their kinds and names."""
    members = [known.members[name] for name in names if known.members[name].kind not in TESTS]
    return sorted(members, key=lambda one: (ORDER.index(one.kind) if one.kind in ORDER else len(ORDER), one.name))
