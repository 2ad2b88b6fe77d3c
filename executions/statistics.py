"""Counts over many executions, task runs, log lines and metrics, by the time when they began."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import QuerySet
from django.utils import timezone

from engine.states import SUCCESS, WARNING
from executions.models import Execution, LogLine, Metric, TaskRun
from executions.periods import Group, beginning, group_of, slots
from ui.errors import Invalid

COUNTED = ("CREATED", "RUNNING", "PAUSED", "RESTARTED", "KILLING", "SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "QUEUED")
LATELY = 100  # executions that an average is taken over


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, and how it is cut."""

    start: datetime
    end: datetime
    group: Group

    def __iter__(self) -> Iterator[datetime]:
        return slots(self.start, self.end, self.group)

    def place(self, moment: datetime) -> datetime:
        return beginning(moment.astimezone(self.start.tzinfo), self.group)


def period(start: datetime | None, end: datetime | None, default: timedelta = timedelta(days=1)) -> Period:
    """The time that figures are asked of, in the installation's zone; without a start from the day that `default` ago lies in."""
    last = timezone.localtime(end or timezone.now())
    first = timezone.localtime(start) if start else beginning(last - default, "day")
    return Period(first, last, group_of(first, last))


@dataclass(slots=True)
class Figures:
    """One piece of time: how many of each state, and how long the ended ones took in seconds."""

    counts: Counter[str] = field(default_factory=Counter)
    durations: list[float] = field(default_factory=list)

    def add(self, state: str, begun: datetime, ended: datetime | None) -> None:
        self.counts[state] += 1
        if ended is not None:
            self.durations.append(max(0.0, (ended - begun).total_seconds()))


Daily = dict[datetime, Figures]


def daily(rows: Iterable[tuple[str, datetime, datetime | None]], within: Period) -> Daily:
    """`rows` are (state, begun, ended). Pieces without any are there too."""
    found: Daily = {at: Figures() for at in within}
    for state, begun, ended in rows:
        if (place := within.place(begun)) in found:
            found[place].add(state, begun, ended)
    return found


def of_executions(rows: QuerySet[Execution], within: Period) -> Daily:
    """Executions by when they were created."""
    return daily(_begun(rows, within).values_list("state", "created", "ended").iterator(), within)


def by_flow(rows: QuerySet[Execution], within: Period) -> dict[tuple[str, str], Daily]:
    """The same for each flow by itself."""
    by_name: dict[tuple[str, str], list[tuple[str, datetime, datetime | None]]] = defaultdict(list)
    for namespace, flow_id, *row in _begun(rows, within).values_list("namespace", "flow_id", "state", "created", "ended").iterator():
        by_name[namespace, flow_id].append((row[0], row[1], row[2]))
    return {name: daily(listed, within) for name, listed in sorted(by_name.items())}


def by_namespace(rows: QuerySet[Execution], within: Period) -> dict[str, Daily]:
    """The same for each namespace."""
    by_name: dict[str, list[tuple[str, datetime, datetime | None]]] = defaultdict(list)
    for namespace, *row in _begun(rows, within).values_list("namespace", "state", "created", "ended").iterator():
        by_name[namespace].append((row[0], row[1], row[2]))
    return {name: daily(listed, within) for name, listed in sorted(by_name.items())}


def of_task_runs(rows: QuerySet[Execution], within: Period) -> Daily:
    """The task runs of executions, by when they began."""
    runs = TaskRun.objects.filter(execution__in=_begun(rows, within)).values_list("state", "histories")
    return daily(((state, *_ends(state, histories)) for state, histories in runs.iterator()), within)


def _ends(state: str, histories: Sequence[Sequence[str]]) -> tuple[datetime, datetime | None]:
    moments = [datetime.fromisoformat(date) for _, date in histories]
    return moments[0], moments[-1] if state not in ("CREATED", "RUNNING", "PAUSED", "KILLING", "RESTARTED", "QUEUED") else None


def _begun(rows: QuerySet[Execution], within: Period) -> QuerySet[Execution]:
    return rows.filter(created__gte=within.place(within.start), created__lte=within.end).order_by()


def of_logs(rows: QuerySet[LogLine], within: Period) -> dict[datetime, Counter[int]]:
    """Log lines by level."""
    found = {at: Counter[int]() for at in within}
    lines = rows.filter(timestamp__gte=within.place(within.start), timestamp__lte=within.end).order_by()
    for level, moment in lines.values_list("level", "timestamp").iterator():
        if (place := within.place(moment)) in found:
            found[place][level] += 1
    return found


@dataclass(frozen=True, slots=True)
class Usual:
    """How long the last successful executions of a flow took on average, None where there are none."""

    seconds: float | None
    count: int


def usual(namespace: str, flow_id: str) -> Usual:
    """How long a flow usually takes."""
    rows = Execution.objects.filter(namespace=namespace, flow_id=flow_id, state__in=(SUCCESS, WARNING)).order_by("-created")
    spans = [(ended - created).total_seconds() for created, ended in rows.values_list("created", "ended")[:LATELY] if ended]
    return Usual(sum(spans) / len(spans) if spans else None, len(spans))


# --- metrics ------------------------------------------------------------------------------------------------------------------------

Aggregation = Literal["sum", "avg", "min", "max"]


def metrics_of(namespace: str, flow_id: str, task_id: str = "") -> QuerySet[Metric]:
    """The metrics of a flow, or of one of its tasks."""
    rows = Metric.objects.filter(execution__namespace=namespace, execution__flow_id=flow_id)
    return rows.filter(task_id=task_id) if task_id else rows


def distinct(rows: QuerySet[Any], column: str) -> list[str]:
    """The values of a column, each once, in order."""
    return list(rows.order_by(column).values_list(column, flat=True).distinct())


def aggregated(rows: QuerySet[Metric], aggregation: str, within: Period) -> dict[datetime, float]:
    """One figure for each piece of time, 0 where there is nothing; raises Invalid for an aggregation that is none."""
    if aggregation not in ("sum", "avg", "min", "max"):
        raise Invalid(f"`aggregation` is one of sum, avg, min and max, got {aggregation[:50]}")
    found: dict[datetime, list[float]] = {at: [] for at in within}
    chosen = rows.filter(timestamp__gte=within.place(within.start), timestamp__lte=within.end)
    for value, moment, kind in chosen.values_list("value", "timestamp", "type").iterator():
        if (place := within.place(moment)) in found:
            found[place].append(value * 1000 if kind == "timer" else value)  # timers are told in milliseconds
    return {at: _one(values, aggregation) for at, values in found.items()}


def _one(values: list[float], aggregation: str) -> float:
    if not values:
        return 0.0
    match aggregation:
        case "avg":
            return sum(values) / len(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
    return sum(values)
