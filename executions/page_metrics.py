"""What tasks counted and timed, as pages draw it: the values of one execution, and one metric over the last executions of a flow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Avg, Count, Max, Min, Q, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from executions.models import Execution, Metric, TaskRun
from ui import formats

COLUMNS = 120  # bars of a chart
FULL = 10  # bars that fill a chart; fewer leave room
LATELY = 100  # executions that the chart of a flow looks back on
UNUSUAL = 0.25  # how far a value must be from the usual one to be called so
AGGREGATIONS = {"sum": Sum, "avg": Avg, "min": Min, "max": Max}


@dataclass(frozen=True, slots=True)
class Series:
    """All values of one name and type: how many there are, what they come to."""

    name: str
    type: str
    count: int
    total: float
    mean: float
    least: float
    most: float

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What is said above the chart; a single value says all there is."""
        told = [("Sum", self.total)]
        if self.count > 1:
            told += [("Mean", self.mean), ("Smallest", self.least), ("Largest", self.most)]
        return [(name, written(value, self.type)) for name, value in told]


def written(value: float | None, kind: str) -> str:
    """A value with its unit: a timer is a duration, its sign kept."""
    if value is None or not math.isfinite(value):
        return "–"
    if kind != "timer":
        return formats.number(value)
    return f"−{formats.duration(-value)}" if value < 0 else formats.duration(value)


# --- charts -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One bar as SVG attributes; `slot` is the room from its neighbour to the next."""

    x: str
    width: str
    slot_x: str
    slot: str
    y: str
    height: str
    state: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars on a scale that has 0 in it; `labels` are what the upper, the middle and the lower rule stand for, from the top."""

    columns: tuple[Column, ...]
    labels: tuple[str, str, str]
    zero: str

    @property
    def is_full(self) -> bool:
        """Whether the bars reach from one end to the other."""
        return len(self.columns) >= FULL


@dataclass(frozen=True, slots=True)
class Point:
    """What becomes a bar."""

    value: float
    state: str
    text: str
    url: str


Valued = TypeVar("Valued", Point, Metric)


def chart(points: Sequence[Point], kind: str) -> Chart:
    """The bars of these values, at most COLUMNS of them: where there are more, each stands for the largest of some neighbours."""
    points = _thinned(points)
    high = _round_up(max((point.value for point in points), default=0))
    low = -_round_up(-min((point.value for point in points), default=0))
    if high == low:
        high = 1.0
    width = 100 / max(len(points), FULL)
    columns = tuple(_column(point, place * width, width, low, high) for place, point in enumerate(points))
    labels = (written(high, kind), written((high + low) / 2, kind), written(low, kind))
    return Chart(columns, labels, f"{100 * high / (high - low):.2f}%")


def _thinned(given: Iterable[Valued]) -> list[Valued]:
    found = [one for one in given if math.isfinite(one.value)]
    size = -(-len(found) // COLUMNS) or 1
    return [max(found[at : at + size], key=lambda one: abs(one.value)) for at in range(0, len(found), size)]


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 and 10 times a power of ten; 0 for what is not above it."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 2.5, 5) if value <= step * power), 10 * power)


def _column(point: Point, at: float, width: float, low: float, high: float) -> Column:
    share = 100 / (high - low)
    return Column(
        x=f"{at + width * 0.12:.3f}%",
        width=f"{width * 0.76:.3f}%",
        slot_x=f"{at:.3f}%",
        slot=f"{width:.3f}%",
        y=f"{(high - max(point.value, 0)) * share:.2f}%",
        height=f"{abs(point.value) * share:.2f}%",
        state=point.state,
        text=point.text,
        url=point.url,
    )


# --- one execution ------------------------------------------------------------------------------------------------------------------


def series(execution: Execution, task: str = "") -> list[Series]:
    """The metrics of an execution by name, or those of one of its tasks."""
    rows = Metric.objects.filter(execution=execution)
    rows = rows.filter(task_id=task) if task else rows
    found = rows.order_by("name", "type").values_list("name", "type")
    return [Series(*row) for row in found.annotate(Count("id"), Sum("value"), Avg("value"), Min("value"), Max("value"))]


def tasks(execution: Execution) -> list[str]:
    """The tasks that published something."""
    return list(Metric.objects.filter(execution=execution).order_by("task_id").values_list("task_id", flat=True).distinct())


def values_of(execution: Execution, chosen: Series, task: str = "") -> QuerySet[Metric]:
    """The values of a metric, in the order in which they were published."""
    rows = Metric.objects.filter(execution=execution, name=chosen.name, type=chosen.type)
    return (rows.filter(task_id=task) if task else rows).order_by("timestamp", "id")


def chart_of(execution: Execution, chosen: Series, task: str = "") -> Chart:
    """A bar for each value, in the colour of its task run's state."""
    rows = _thinned(values_of(execution, chosen, task).only("task_run_id", "task_id", "value", "tags"))
    runs = TaskRun.objects.filter(execution=execution, id__in={row.task_run_id for row in rows})
    states = dict(runs.values_list("id", "state"))
    gantt = reverse("executions:gantt", args=[execution.id])
    points = [
        Point(
            row.value,
            states.get(row.task_run_id, execution.state),
            f"{' · '.join([row.task_id, *map(str, row.tags.values())])}: {written(row.value, chosen.type)}",
            f"{gantt}?row={row.task_run_id}",
        )
        for row in rows
    ]
    return chart(points, chosen.type)


def share(value: float, chosen: Series) -> str:
    """How large a value is against the largest of its metric, in percent."""
    largest = max(abs(chosen.most), abs(chosen.least))
    return f"{100 * abs(value) / largest:.1f}%" if largest and math.isfinite(value / largest) else "0%"


# --- the last executions of a flow ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which metric of which task, and what becomes of several values in one execution."""

    name: str
    type: str
    task: str
    aggregation: str


@dataclass(frozen=True, slots=True)
class Run:
    """One execution with its figure; `difference` to the usual one, as a share of it."""

    execution: Execution
    value: float
    text: str
    difference: float | None

    @property
    def compared(self) -> str:
        if self.difference is None:
            return ""
        if round(abs(self.difference) * 100) == 0:
            return "as usual"
        return f"{abs(self.difference) * 100:.0f}{formats.SPACE}% {'over' if self.difference > 0 else 'under'}"

    @property
    def is_unusual(self) -> bool:
        return self.difference is not None and abs(self.difference) >= UNUSUAL


@dataclass(frozen=True, slots=True)
class History:
    """A metric over the last executions that published it, the newest first."""

    runs: tuple[Run, ...]
    chart: Chart
    usual: str
    note: str

    @property
    def oldest(self) -> Execution | None:
        return self.runs[-1].execution if self.runs else None


def lately(namespace: str, flow_id: str) -> QuerySet[Execution]:
    """The executions that are looked back on, the newest first."""
    return Execution.objects.filter(namespace=namespace, flow_id=flow_id).order_by("-created", "-id")[:LATELY]


def known(executions: Iterable[Execution]) -> list[tuple[str, str, str]]:
    """Name, type and task of every metric that these executions published."""
    rows = Metric.objects.filter(execution_id__in=[row.id for row in executions])
    return list(rows.order_by("name", "type", "task_id").values_list("name", "type", "task_id").distinct())


def history(executions: Sequence[Execution], wanted: Wanted) -> History:
    """What the metric came to in each of these executions that published it."""
    within = Q(execution_id__in=[row.id for row in executions], name=wanted.name, type=wanted.type)
    rows = Metric.objects.filter(within & Q(task_id=wanted.task) if wanted.task else within).order_by()
    values: dict[str, Any] = dict(rows.values_list("execution_id").annotate(AGGREGATIONS[wanted.aggregation]("value")))
    found = [row for row in executions if math.isfinite(values.get(row.id, math.nan))]
    usual = median(values[row.id] for row in found[1:]) if len(found) > 2 else None
    runs = tuple(_run(row, values[row.id], wanted.type, usual) for row in found)
    points = [Point(run.value, run.execution.state, _text(run), _url(run, wanted)) for run in reversed(runs)]
    told = "" if usual is None else written(usual, wanted.type)
    return History(runs, chart(points, wanted.type), told, _note(runs, told))


def _run(row: Execution, value: float, kind: str, usual: float | None) -> Run:
    return Run(row, value, written(value, kind), (value - usual) / abs(usual) if usual else None)


def _note(runs: Sequence[Run], usual: str) -> str:
    """What stands out in the last execution; nothing where it is as usual."""
    return f"The last one is {runs[0].compared} its usual {usual}" if runs and runs[0].is_unusual else ""


def _text(run: Run) -> str:
    return f"{_moment(run.execution.created)}, {run.execution.state.lower()}: {run.text}"


def _moment(value: datetime) -> str:
    local = timezone.localtime(value)
    return f"{local.day} {local:%b %H:%M}"


def _url(run: Run, wanted: Wanted) -> str:
    query = {"name": wanted.name, "task": wanted.task} if wanted.task else {"name": wanted.name}
    return f"{reverse('executions:metrics', args=[run.execution.id])}?{urlencode(query)}"
