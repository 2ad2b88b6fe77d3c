"""What the Gantt tells beside its rows: threads and layers as lanes, critical path, slowest steps, and when it will be over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import Max

from engine.states import TERMINATED
from executions import gantt, time_axis, timing
from executions.models import Execution, Step
from ui import formats

RUNS = 20  # how many runs of the flow are looked back at
VIEWS = ("threads", "layers")
_APART = ("command", "batch", "dataset", "check")  # rows that hold others or are a part of one, and what is no node of dbt


def spans_of(execution: Execution) -> list[timing.Span]:
    """The steps of an execution, of each task run those of its last attempt."""
    steps = list(Step.objects.filter(execution=execution).exclude(kind__in=_APART).defer("histories", "message").order_by("position"))
    last: dict[str, int] = defaultdict(int)
    for step in steps:
        last[step.task_run_id] = max(last[step.task_run_id], step.attempt)
    return [_span(step) for step in steps if step.attempt == last[step.task_run_id]]


def _span(step: Step) -> timing.Span:
    data: dict[str, Any] = step.data or {}
    took = data.get("duration")
    return timing.Span(
        id=step.id,
        name=step.name,
        label=step.label or step.name,
        state=step.state,
        started=step.started,
        ended=step.ended,
        seconds=float(took) if isinstance(took, int | float) else None,
        thread="" if step.kind == "operation" else _thread(data.get("thread")),
        waits_for=tuple(map(str, data.get("depends_on") or ())),
        tests=str(data.get("attached_node") or ""),
        of=step.task_run_id,
        alone=step.kind == "operation",
    )


def _thread(told: Any) -> str:
    """`Thread-1 (worker)` → `Thread-1`."""
    return str(told or "").partition(" (")[0]


# --- the past -----------------------------------------------------------------------------------------------------------------


def past_of(execution: Execution) -> timing.Past:
    """What the last successful runs of the flow before this one tell."""
    earlier = Execution.objects.filter(
        namespace=execution.namespace, flow_id=execution.flow_id, state__in=("SUCCESS", "WARNING"), created__lt=execution.created
    )
    ids = tuple(earlier.order_by("-created").values_list("id", flat=True)[:RUNS])
    return _past(ids) if ids else timing.Past()


@lru_cache(maxsize=32)
def _past(ids: tuple[str, ...]) -> timing.Past:
    """Of runs that have ended, the newest first: they change no more."""
    seconds: dict[str, list[float]] = defaultdict(list)
    rows = Step.objects.filter(execution_id__in=ids, state__in=("SUCCESS", "WARNING")).exclude(kind__in=_APART).order_by()
    for name, started, ended in rows.filter(started__isnull=False, ended__isnull=False).values_list("name", "started", "ended"):
        seconds[name].append((ended - started).total_seconds())
    runs = list(Execution.objects.filter(id__in=ids, ended__isnull=False))
    last_ends = dict(Step.objects.filter(execution_id__in=ids).order_by().values_list("execution_id").annotate(last=Max("ended")))
    runs = [row for row in runs if last_ends.get(row.id)] or runs  # those without a step did something else
    totals = [(row.ended - row.created).total_seconds() for row in runs if row.ended and row.ended > row.created]
    tails = [max((row.ended - last_ends[row.id]).total_seconds(), 0.0) for row in runs if row.ended and last_ends.get(row.id)]
    newest = Execution.objects.filter(id=ids[0]).first()
    return timing.Past(dict(seconds), totals, tails, spans_of(newest) if newest else ())


# --- what the page shows --------------------------------------------------------------------------------------------------------


def lane_rows(execution: Execution, axis: time_axis.Axis, view: str, now: datetime) -> list[gantt.Row]:
    """A row for each thread or layer, with a bar for each step in it."""
    spans = spans_of(execution)
    lanes = timing.threads(spans, now) if view == "threads" else timing.layers(spans)
    return [_lane_row(lane, number, axis, view) for number, lane in enumerate(lanes)]


def _lane_row(lane: timing.Lane, number: int, axis: time_axis.Axis, view: str) -> gantt.Row:
    bars = tuple(_bar(span, axis) for span in lane.spans if span.started)
    states = {span.state for span in lane.spans}
    worst = next((state for state in ("RUNNING", "FAILED", "KILLED", "WARNING", "SUCCESS") if state in states), "SKIPPED")
    idle = f"idle {formats.percent(1 - lane.busy)}" if view == "threads" else ""
    return gantt.Row(
        id=f"lane-{number}",
        parent="",
        level=1,
        position=number,
        name=lane.name,
        kind="lane",
        kind_text=" · ".join(filter(None, (formats.plural(len(lane.spans), "step"), idle))),
        note="",
        state=worst,
        start=min((bar.start for bar in bars), default=None),
        end=max((bar.end for bar in bars if bar.end is not None), default=None),
        bars=bars,
        is_task=False,
    )


def _bar(span: timing.Span, axis: time_axis.Axis) -> time_axis.Bar:
    assert span.started is not None
    end = None if span.ended is None else time_axis.milliseconds(span.ended - axis.origin)
    return time_axis.Bar(span.state, time_axis.milliseconds(span.started - axis.origin), end, step=span.id, label=span.label)


@dataclass(frozen=True, slots=True)
class Insights:
    """What is told above the rows."""

    path: list[timing.Span]
    path_seconds: float
    threads: int
    idle: float
    slow: list[timing.Slow]
    left: timing.Forecast | None
    runs: int

    @property
    def path_ids(self) -> str:
        return " ".join(span.id for span in self.path)

    @property
    def is_any(self) -> bool:
        return bool(self.path or self.left)


def insights(execution: Execution, now: datetime) -> Insights:
    """Critical path, idle threads, slowest steps beside their median, and what is left while it goes on."""
    spans = spans_of(execution)
    past = past_of(execution)
    lanes = timing.threads(spans, now)
    path = timing.critical_path(spans)
    goes_on = execution.state not in TERMINATED
    elapsed = (now - execution.created).total_seconds()
    return Insights(
        path=path,
        path_seconds=sum(span.took for span in path),
        threads=len(lanes),
        idle=_idle(lanes),
        slow=timing.slowest(spans, past),
        left=timing.forecast(spans, past, elapsed, now) if goes_on else None,
        runs=len(past.totals),
    )


def _idle(lanes: Sequence[timing.Lane]) -> float:
    """The share of their time in which threads had nothing to do."""
    return 1 - sum(lane.busy for lane in lanes) / len(lanes) if lanes else 0.0


