"""The page of one node."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from catalog import columns, joining, selectors
from catalog.graph import TESTS, Graph, graph
from catalog.models import Node, Outcome, Project
from namespaces.rights import Person, login_required
from ui.htmx import page

MOST = 60  # neighbours shown on either side
HIDDEN_FACTS = ("meta", "freshness", "label", "source_name", "column", "test", "language", "url", "group")


@login_required
@require_GET
def node(request: HttpRequest, project_id: int, unique_id: str) -> HttpResponse:
    """What is known of a node: documentation, columns, tests, SQL, runs, neighbours."""
    project = selectors.project(request.user, project_id)
    version = selectors.version_of(project, request.GET.get("version", ""))
    context = node_context(request.user, project, selectors.node(project, unique_id, version), version)
    return page(request, "catalog/node.html", "catalog/_node.html", context)


def node_context(user: Person, project: Project, node: Node, version: int) -> dict[str, Any]:
    """Everything that page and side panel show."""
    known = graph(project, version)
    tests = selectors.tests_of(known, node.unique_id)
    above, below = known.parents.get(node.unique_id, ()), known.children.get(node.unique_id, ())
    outcomes = selectors.outcomes(project, {*tests, *above, *below})
    own = Outcome.objects.filter(project=project, unique_id=node.unique_id).first() or selectors.NOTHING
    runs = selectors.history(project, node.unique_id)
    facts = node.facts
    checked = _tests(project, known, tests, version, outcomes)
    return {
        "project": project,
        "version": version,
        "node": node,
        "outcome": own,
        "facts": [(name.replace("_", " "), value) for name, value in facts.items() if name not in HIDDEN_FACTS],
        "meta": sorted((facts.get("meta") or {}).items()),
        "tests": checked,
        "columns": _columns(node, own, checked, columns.names_of(project, node.unique_id) if version == project.version else []),
        "untraced": columns.why_not(project, node),
        "compiled": selectors.compiled(own),
        "runs": runs,
        "with_rows": any(run.rows is not None for run in runs),
        "usual": selectors.usual(runs),
        "upstream": [(one, outcomes[one.unique_id]) for one in selectors.by_kind(known, above)[:MOST]],
        "downstream": [(one, outcomes[one.unique_id]) for one in selectors.by_kind(known, below)[:MOST]],
        "more_downstream": max(len([name for name in below if known.members[name].kind not in TESTS]) - MOST, 0),
        "age": _age(own),
        "made_by": joining.makers(user, node),
        "read_by": joining.readers(user, node),
        "changes": list(
            Node.objects.filter(project=project, unique_id=node.unique_id).order_by("-first").values_list("first", flat=True)[:20]
        ),
    }


def _age(outcome: Outcome) -> timedelta | None:
    """How old the newest row of a source was when it was looked at."""
    seconds = outcome.freshness.get("max_loaded_at_time_ago_in_s")
    return timedelta(seconds=seconds) if isinstance(seconds, int | float) and 0 <= seconds < 1e10 else None


def _tests(project: Project, known: Graph, names: list[str], version: int, outcomes: dict[str, Outcome]) -> list[dict[str, Any]]:
    """The tests of a node, those that did not pass first."""
    rows = Node.objects.filter(project=project, unique_id__in=names[:500], first__lte=version).only("unique_id", "facts", "first", "name")
    facts = {row.unique_id: row.facts for row in rows.order_by("first")}
    made = []
    for name in names:
        own = facts.get(name, {})
        made.append(
            {
                "unique_id": name,
                "name": own.get("test") or known.members[name].name,
                "column": own.get("column") or "",
                "severity": str(own.get("severity") or "").lower(),
                "outcome": outcomes[name],
            }
        )
    order = {"FAILED": 0, "WARNING": 1}
    return sorted(made, key=lambda one: (order.get(one["outcome"].state, 2), one["column"], one["name"]))


def _columns(node: Node, outcome: Outcome, tests: list[dict[str, Any]], traced: list[str]) -> list[dict[str, Any]]:
    """The columns that are documented, then those that only SQL or warehouse know; each with type and tests."""
    types = outcome.types
    of_column = defaultdict(list)
    for test in tests:
        of_column[test["column"].lower()].append(test)
    documented = {column["name"].lower(): column for column in node.columns}
    names = dict.fromkeys([*documented, *traced, *types])
    return [
        {
            "name": documented.get(name, {}).get("name") or name,
            "type": types.get(name) or documented.get(name, {}).get("type") or "",
            "description": documented.get(name, {}).get("description") or "",
            "tags": documented.get(name, {}).get("tags") or [],
            "tests": of_column.get(name, []),
        }
        for name in names
    ]
