"""Figures over many executions: bars over time, what runs, what failed last and whether it still matters, how flows usually fare."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from engine.states import UNFINISHED
from executions import backfills, gantt, page_selectors, presenters, selectors
from executions.models import Execution, TriggerState
from executions.schedule_dates import SCHEDULES
from flows.models import Flow
from namespaces import rights
from namespaces.rights import Person

# Length of a period, and of one bar in it.
PERIODS = {
    "1h": (timedelta(hours=1), timedelta(minutes=2)),
    "24h": (timedelta(days=1), timedelta(minutes=30)),
    "7d": (timedelta(days=7), timedelta(hours=3)),
    "30d": (timedelta(days=30), timedelta(days=1)),
}
SLOT_TEXT = {"1h": "every 2 minutes", "24h": "every 30 minutes", "7d": "every 3 hours", "30d": "every day"}
STACK = ("SUCCESS", "WARNING", "FAILED", "KILLED", "RUNNING")  # from the bottom up; the other states join one of these
JOINS = {"CANCELLED": "KILLED", "KILLING": "KILLED", "SKIPPED": "KILLED", "RETRIED": "WARNING"}


def executions_of(user: Person, namespace: str = "") -> QuerySet[Execution]:
    """Executions that someone may see, those of a namespace and below."""
    rows = rights.filter_readable(Execution.objects.all(), user)
    return rows.filter(rights.below(namespace)) if namespace else rows


# --- bars over time -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One state of a bar, as SVG attributes."""

    state: str
    count: int
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One bar: from `start` to `end`, its place, its parts from the bottom up."""

    start: datetime
    end: datetime
    x: str
    width: str
    slot_width: str
    total: int
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return ", ".join(f"{part.count} {part.state.lower()}" for part in self.parts) or "none"


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of a period; `top` is the number that the upper rule stands for; `totals` counts by state."""

    slots: tuple[Slot, ...]
    top: int
    totals: dict[str, int]
    start: datetime
    labels: tuple[datetime, ...]

    @property
    def total(self) -> int:
        return sum(self.totals.values())


def chart(rows: QuerySet[Execution], period: str, now: datetime) -> Chart:
    """Executions by state over the last `period` (a key of PERIODS), by when they were created."""
    length, step = PERIODS[period]
    start = now - length
    counted = Counter(
        (int((created - start) / step), _stacked(state))
        for created, state in rows.filter(created__gte=start).values_list("created", "state")
    )
    count = round(length / step)
    totals: Counter[str] = Counter()
    by_slot: dict[int, Counter[str]] = defaultdict(Counter)
    for (place, state), number in counted.items():
        by_slot[min(place, count - 1)][state] += number
        totals[state] += number
    top = _round_up(max((sum(states.values()) for states in by_slot.values()), default=0))
    slots = tuple(_slot(place, count, start + place * step, step, by_slot.get(place, Counter()), top) for place in range(count))
    return Chart(slots, top, dict(totals), start, tuple(start + length * quarter / 4 for quarter in range(4)))


def _stacked(state: str) -> str:
    return JOINS.get(state) or (state if state in STACK else "RUNNING")


def _round_up(value: int) -> int:
    if value <= 2:
        return 2
    step = 2 if value <= 20 else 10 if value <= 100 else 50 if value <= 1000 else 500
    return -(-value // step) * step


def _slot(place: int, count: int, start: datetime, step: timedelta, states: Counter[str], top: int) -> Slot:
    parts: list[Part] = []
    at = 0
    for state in STACK:
        number = states.get(state, 0)
        if number:
            parts.append(Part(state, number, f"{100 - 100 * (at + number) / top:.2f}%", f"{100 * number / top:.2f}%"))
            at += number
    width = 100 / count
    return Slot(start, start + step, f"{place * width + width * 0.12:.3f}%", f"{width * 0.76:.3f}%", f"{width:.3f}%", at, tuple(parts))


# --- what runs, what failed, what comes -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Running:
    """An execution that goes on: what it does, its meter, how long it will probably take still."""

    execution: Execution
    doing: str
    meter: list[tuple[str, str, str]]
    left: timedelta | None


def running(rows: QuerySet[Execution], now: datetime, limit: int = 8) -> tuple[list[Running], int]:
    """The executions that have not ended, oldest first, and how many there are in all."""
    going = rows.filter(state__in=UNFINISHED)
    found = list(going.order_by("created")[:limit])
    figures = page_selectors.figures([row.id for row in found])
    usual = usual_durations({(row.namespace, row.flow_id) for row in found})
    made = []
    for row in found:
        own = figures[row.id]
        expected = usual.get((row.namespace, row.flow_id))
        left = expected - (now - row.created) if expected else None
        text = presenters.what_happened(row, own.steps, own.task_runs, own.doing)
        made.append(Running(row, text, _meter(own, now - row.created, expected), left if left and left > timedelta(0) else None))
    return made, going.count() if len(found) == limit else len(found)


def _meter(figures: page_selectors.Figures, elapsed: timedelta, expected: timedelta | None) -> list[tuple[str, str, str]]:
    """The shares of steps by state, as far as it is expected to have come; without a usual duration there is nothing to measure by."""
    if expected is None or not expected:
        return []
    share = min(1.0, elapsed / expected)
    return [("RUNNING", "0%", f"{100 * share:.1f}%")]


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failure of a flow, and whether it still matters: `in_a_row` failures up to now, or what came `since`."""

    execution: Execution
    cause: str
    in_a_row: int
    since: str


def last_failures(rows: QuerySet[Execution], limit: int = 6) -> list[Failure]:
    """The last failure of each flow that failed lately, newest first."""
    made: list[Failure] = []
    seen: set[tuple[str, str]] = set()
    for row in rows.filter(state="FAILED").order_by("-created")[: limit * 10]:
        flow = (row.namespace, row.flow_id)
        if flow in seen or len(made) == limit:
            continue
        seen.add(flow)
        later = list(
            Execution.objects.filter(namespace=row.namespace, flow_id=row.flow_id).order_by("-created").values_list("state", flat=True)[:20]
        )
        made.append(Failure(row, gantt.first_line(row.error, 200), _in_a_row(later), _since(later)))
    return made


def _in_a_row(states: Sequence[str]) -> int:
    count = 0
    for state in states:
        if state == "FAILED":
            count += 1
        elif state not in UNFINISHED:
            break
    return count


def _since(states: Sequence[str]) -> str:
    """What became of the flow after its last failure."""
    ended = next((state for state in states if state not in UNFINISHED), "")
    if states and states[0] in UNFINISHED:
        return "running again now"
    return {"SUCCESS": "succeeded since", "WARNING": "ended with a warning since"}.get(ended, "")


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A trigger that will start an execution."""

    trigger: TriggerState
    date: datetime
    usual: timedelta | None


def upcoming(user: Person, now: datetime, namespace: str = "", limit: int = 8) -> list[Upcoming]:
    """What the schedules start next, soonest first; a backfill does not count."""
    states = rights.filter_readable(TriggerState.objects.filter(disabled=False, type__in=SCHEDULES, next_date__isnull=False), user)
    if namespace:
        states = states.filter(rights.below(namespace))
    soon = states.filter(next_date__gte=now - timedelta(minutes=5), backfill__isnull=True).order_by("next_date")[:limit]
    planned = [(state, _planned(state)) for state in (*soon, *states.filter(backfill__isnull=False)[:limit])]
    found = sorted(((date, state) for state, date in planned if date is not None), key=lambda one: one[0])[:limit]
    usual = usual_durations({(state.namespace, state.flow_id) for _, state in found})
    return [Upcoming(state, date, usual.get((state.namespace, state.flow_id))) for date, state in found]


def _planned(state: TriggerState) -> datetime | None:
    """When the schedule goes on by itself."""
    return backfills.moment(state.backfill, backfills.RESUME) if backfills.active(state.backfill) else state.next_date


# --- how flows fare -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spark:
    """One of the last executions of a flow as a bar: height is duration, colour is state."""

    state: str
    x: int
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Health:
    """How a flow fared: its last execution, bars of the last 20 (oldest first), how long it usually takes."""

    last: Execution | None
    bars: tuple[Spark, ...]
    usual: timedelta | None


LAST = 20
TALL = 16.0


def health(flows: Sequence[Flow]) -> dict[tuple[str, str], Health]:
    """The health of the flows of one page of a list."""
    return {
        key: Health(stats.last, _bars(stats.recent), timedelta(seconds=stats.usual_seconds) if stats.usual_seconds is not None else None)
        for key, stats in selectors.flow_stats(flows, LAST).items()
    }


def _bars(recent: Sequence[tuple[str, str, datetime, float]]) -> tuple[Spark, ...]:
    """Bars of (id, state, start, seconds), the newest at the right end."""
    longest = max((seconds for *_, seconds in recent), default=0) or 1
    made = []
    for place, (_, state, _, seconds) in enumerate(recent):
        height = 3 + (TALL - 3) * seconds / longest
        made.append(Spark(state, (LAST - len(recent) + place) * 6, f"{19 - height:.1f}", f"{height:.1f}"))
    return tuple(made)


def _last(namespace: str, flow_id: str) -> QuerySet[Execution]:
    return Execution.objects.filter(namespace=namespace, flow_id=flow_id).order_by("-created").only("state", "created", "ended")[:LAST]


def _median(rows: Iterable[Execution]) -> timedelta | None:
    spans = sorted(row.ended - row.created for row in rows if row.ended and row.state in ("SUCCESS", "WARNING"))
    return spans[len(spans) // 2] if spans else None


def usual_durations(flows: Iterable[tuple[str, str]]) -> dict[tuple[str, str], timedelta]:
    """The median duration of the last executions of each flow that ended well."""
    found = {flow: _median(_last(*flow)) for flow in flows}
    return {flow: span for flow, span in found.items() if span is not None}


def next_starts(flows: Sequence[Flow], now: datetime) -> dict[tuple[str, str], datetime]:
    """When a schedule starts each flow next."""
    wanted = Q()
    for flow in flows:
        wanted |= Q(namespace=flow.namespace, flow_id=flow.flow_id)
    if not wanted:
        return {}
    found: dict[tuple[str, str], datetime] = {}
    planned = TriggerState.objects.filter(wanted, disabled=False, type__in=SCHEDULES, backfill__isnull=True, next_date__isnull=False)
    for state in planned.order_by("-next_date"):
        if state.next_date:
            found[(state.namespace, state.flow_id)] = state.next_date
    return found
