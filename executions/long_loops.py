"""Which task runs of an execution a page shows: all of them, save that a long loop is one row until someone opens a page of it.

However long a loop is, its children are counted and never read, save those of the opened page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Count, QuerySet

from engine.states import ALL
from executions.models import Execution, TaskRun

FROM = 60  # children of one task run; fewer are shown as they are
PAGE = 50


@dataclass(frozen=True, slots=True)
class Opened:
    """What someone wants to see of loops: a page (from 1) of one, of those in a state; and the one row that is chosen."""

    loop: str = ""
    page: int = 1
    state: str = ""
    row: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Opened:
        """From `?loop=…&at=…&only=…&row=…`; nonsense is left out."""
        page, state = query.get("at", ""), query.get("only", "")
        number = int(page) if page.isdigit() and 0 < len(page) < 9 else 1
        return cls(query.get("loop", "")[:40], max(number, 1), state if state in ALL else "", query.get("row", "")[:40])


@dataclass(slots=True)
class Seen:
    """Ids of the task runs that are shown; counts by state of the children of long loops; which of the shown have children."""

    parents: dict[str, str | None] = field(default_factory=dict)
    loops: dict[str, dict[str, int]] = field(default_factory=dict)
    with_children: set[str] = field(default_factory=set)
    page: tuple[str, int, int, int] = ("", 0, 0, 0)  # the opened loop, its page, pages, and how many there are


def of(execution: Execution, opened: Opened = Opened()) -> Seen:
    """What is shown of an execution: a few queries for each level of its tree."""
    seen = Seen()
    runs = TaskRun.objects.filter(execution=execution).order_by("position")
    if runs.count() <= FROM:
        seen.parents = dict(runs.values_list("id", "parent_id"))
        seen.with_children = {parent for parent in seen.parents.values() if parent}
        return seen
    wanted = _ancestry(runs, opened.loop) | _ancestry(runs, opened.row)
    level: dict[str, str | None] = dict(runs.filter(parent_id=None).values_list("id", "parent_id"))
    while level:
        seen.parents |= level
        counts = _counts(runs, level)
        seen.with_children |= counts.keys()
        long = {id_ for id_, by_state in counts.items() if sum(by_state.values()) > FROM}
        seen.loops |= {id_: counts[id_] for id_ in long}
        short = [id_ for id_ in level if id_ in counts and id_ not in long]
        level = dict(runs.filter(parent_id__in=short).values_list("id", "parent_id")) if short else {}
        if long and wanted:
            level |= dict(runs.filter(parent_id__in=long, id__in=wanted).values_list("id", "parent_id"))
        if opened.loop in long:
            level |= _page(runs, opened, seen)
    return seen


def _page(runs: QuerySet[TaskRun], opened: Opened, seen: Seen) -> dict[str, str | None]:
    children = runs.filter(parent_id=opened.loop)
    counts = seen.loops[opened.loop]
    total = counts.get(opened.state, 0) if opened.state else sum(counts.values())
    pages = max(1, -(-total // PAGE))
    number = min(opened.page, pages)
    if opened.state:
        children = children.filter(state=opened.state)
    seen.page = (opened.loop, number, pages, total)
    return dict(children.values_list("id", "parent_id")[(number - 1) * PAGE : number * PAGE])


def _counts(runs: QuerySet[TaskRun], parents: Iterable[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    rows = runs.filter(parent_id__in=list(parents)).order_by().values_list("parent_id", "state").annotate(count=Count("id"))
    for parent_id, state, count in rows:
        found[parent_id][state] = count
    return dict(found)


def _ancestry(runs: QuerySet[TaskRun], run_id: str) -> set[str]:
    """A task run and those above it; nothing for an id that is none."""
    found: set[str] = set()
    at: str | None = run_id
    while at and at not in found:
        row = runs.filter(id=at).values_list("id", "parent_id").first()
        if row is None:
            break
        found.add(row[0])
        at = row[1]
    return found


def ancestry(execution: Execution, run_id: str) -> set[str]:
    """The ids of a task run and of those above it."""
    return _ancestry(TaskRun.objects.filter(execution=execution), run_id)
