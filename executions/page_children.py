"""Executions that the tasks of an execution started, as its Overview lists them: a row for each task, its executions page by page.

However many there are, they are counted and never read, save those of the page that is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from engine.states import ALL
from executions import presenters
from executions.gantt import first_line
from executions.models import Execution
from namespaces.rights import Person, filter_readable
from ui import formats

FEW = 5  # executions of one task that are listed without being asked for
PAGE = 50
TASKS = 100  # tasks that are listed


@dataclass(frozen=True, slots=True)
class Asked:
    """What someone wants to see: the executions of one task, a page of them (from 1), those in a state."""

    task: str = ""
    page: int = 1
    state: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """From `?called=…&at=…&only=…`; nonsense is left out."""
        page, state = query.get("at", ""), query.get("only", "")
        number = int(page) if page.isdigit() and 0 < len(page) < 9 else 1
        return cls(query.get("called", ""), max(number, 1), state if state in ALL else "")


@dataclass(frozen=True, slots=True)
class Child:
    """One execution that was started; `item` is its number among those that were started for the lines of a file."""

    execution: Execution
    what: str
    took: timedelta
    item: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """The executions that one task started: how many are in which state, and those of the page that is looked at."""

    task: str
    counts: tuple[tuple[str, int], ...]
    state: str = ""
    number: int = 1
    children: tuple[Child, ...] = ()
    is_open: bool = False

    @property
    def total(self) -> int:
        return sum(count for _, count in self.counts)

    @property
    def can_fold(self) -> bool:
        return self.total > FEW

    @property
    def meter(self) -> list[tuple[str, str, str]]:
        return presenters.meter(dict(self.counts))

    @property
    def text(self) -> str:
        return ", ".join(f"{formats.number(count)} {state.lower()}" for state, count in self.counts)

    @property
    def listed(self) -> int:
        """How many there are in the state that is looked at."""
        return dict(self.counts).get(self.state, 0) if self.state else self.total

    @property
    def first(self) -> int:
        return (self.number - 1) * PAGE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.children) - 1

    @property
    def before(self) -> int:
        return self.number - 1

    @property
    def after(self) -> int:
        return self.number + 1 if self.last < self.listed else 0


def groups(user: Person, execution: Execution, asked: Asked = Asked()) -> list[Group]:
    """The tasks that started executions, as far as the user may see those, in the order of the tasks' names."""
    rows = filter_readable(Execution.objects.filter(caller_id=execution.id), user)
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for task, state, count in rows.order_by().values_list("caller_task", "state").annotate(Count("id")):
        counts[task][state] = count
    listed = sorted(counts, key=lambda task: (task != asked.task, task))[:TASKS]
    return [_group(rows, task, counts[task], asked) for task in sorted(listed)]


def _group(rows: QuerySet[Execution], task: str, counts: Mapping[str, int], asked: Asked) -> Group:
    ordered = tuple((state, counts[state]) for state in ALL if state in counts)
    wanted = asked if asked.task == task else Asked()
    shown = Group(task, ordered, wanted.state, wanted.page)
    if shown.can_fold and asked.task != task:
        return shown
    pages = max(1, -(-shown.listed // PAGE))
    number = min(wanted.page, pages)
    return Group(task, ordered, wanted.state, number, _children(rows.filter(caller_task=task), wanted.state, number), True)


def _children(rows: QuerySet[Execution], state: str, number: int) -> tuple[Child, ...]:
    """One page, in the order of their start: ids from the index first, so that no long row is sorted."""
    ids = (rows.filter(state=state) if state else rows).order_by("created", "id").values_list("id", flat=True)
    shown = Execution.objects.filter(id__in=list(ids[(number - 1) * PAGE : number * PAGE])).order_by("created", "id")
    return tuple(map(_child, shown))


def _child(row: Execution) -> Child:
    variables: Mapping[str, Any] = (row.trigger or {}).get("variables") or {}
    item = variables.get("taskRunIteration")
    return Child(row, first_line(row.error), presenters.duration_of(row, timezone.now()), item if isinstance(item, int) else None)
