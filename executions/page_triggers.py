"""What the pages of triggers read: their rows, the calendar of the next 24 hours, one trigger with its dates, log lines and executions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from engine.expressions.values import parse_duration
from engine.states import UNFINISHED
from executions import backfills, page_figures, schedule, selectors
from executions.models import Execution, LogLine, TriggerState
from executions.schedule_dates import SCHEDULES
from flows.models import Flow
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person
from plugins.catalog import CATALOG
from ui import formats

MOST = 300  # rows of the page
LANES = 12  # of the calendar
MARKS = 97  # dates of a lane; more than one each quarter of an hour are drawn as one bar
DAY = timedelta(hours=24)
WEBHOOK, FLOW = "io.kestra.plugin.core.trigger.Webhook", "io.kestra.plugin.core.trigger.Flow"
ICONS = {WEBHOOK: "webhook", FLOW: "workflow", **dict.fromkeys(SCHEDULES, "calendar-clock")}
STATUSES = {"on": "On", "off": "Off", "waiting": "Waiting", "backfill": "Backfill"}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is."""

    start: datetime
    end: datetime
    at: datetime
    share: float
    paused: bool

    @property
    def width(self) -> str:
        return f"{100 * self.share:.1f}%"

    @classmethod
    def of(cls, backfill: Mapping[str, Any] | None) -> Progress | None:
        start, end, at = (backfills.moment(backfill, name) for name in ("start", "end", backfills.CURRENT))
        if backfill is None or start is None or end is None or at is None:
            return None
        return cls(start, end, at, backfills.share(backfill), bool(backfill.get("paused")))


@dataclass(frozen=True, slots=True)
class Row:
    """A trigger that a flow declares, with what is remembered of it."""

    namespace: str
    flow_id: str
    id: str
    type: str
    raw: Mapping[str, Any]
    state: TriggerState | None
    last: Execution | None
    current: Execution | None
    flow_disabled: bool
    may_change: bool

    @property
    def short_type(self) -> str:
        parts = self.type.split(".")
        return ".".join(parts[-2:]) if parts[-1] == "Trigger" else parts[-1]

    @property
    def icon(self) -> str:
        return ICONS.get(self.type, "radio")

    @property
    def when(self) -> str:
        """What it waits for, in a word or a cron expression; never the key of a webhook."""
        match self.type:
            case t if t in SCHEDULES:
                dates = self.raw.get("dates")
                return str(self.raw.get("cron") or (formats.plural(len(dates), "date") if isinstance(dates, list) else "dates"))
            case "io.kestra.plugin.core.trigger.Webhook":
                return "a request to its address"
            case "io.kestra.plugin.core.trigger.Flow":
                return heard(self.raw)
        return f"every {_duration(str(self.raw.get('interval') or 'PT60S'))}"

    @property
    def is_code(self) -> bool:
        return self.type in SCHEDULES and isinstance(self.raw.get("cron"), str)

    @property
    def zone(self) -> str:
        return str(self.raw.get("timezone") or "")

    @property
    def declared_disabled(self) -> bool:
        return bool(self.raw.get("disabled")) or self.flow_disabled

    @property
    def disabled(self) -> bool:
        return self.declared_disabled or (self.state is not None and self.state.disabled)

    @property
    def switchable(self) -> bool:
        """A webhook answers whatever its switch says, as in Kestra."""
        return self.may_change and not self.declared_disabled and self.type != WEBHOOK

    @property
    def scheduled(self) -> bool:
        return self.type in SCHEDULES

    @property
    def locked(self) -> bool:
        return self.current is not None or (self.state is not None and self.state.evaluating is not None)

    @property
    def backfill(self) -> Progress | None:
        return Progress.of(self.state.backfill) if self.state is not None else None

    @property
    def next_date(self) -> datetime | None:
        """When it is looked at next, while no backfill moves it through the past."""
        if self.state is None or self.disabled:
            return None
        if backfills.active(self.state.backfill):
            return backfills.moment(self.state.backfill, backfills.RESUME)
        return self.state.next_date

    @property
    def statuses(self) -> set[str]:
        found = {"off" if self.disabled else "on"}
        return found | ({"waiting"} if self.locked else set()) | ({"backfill"} if self.backfill else set())


def _duration(text: str) -> str:
    try:
        return formats.duration(parse_duration(text))
    except ValueError:
        return text


def heard(raw: Mapping[str, Any]) -> str:
    """The flows that a Flow trigger listens to, as far as its conditions name some."""
    preconditions = raw.get("preconditions")
    listed = preconditions.get("flows") if isinstance(preconditions, Mapping) else None
    names = _named(listed) + _named(raw.get("conditions"))
    shown = list(dict.fromkeys(names))
    if not shown:
        return "after other flows"
    more = f" and {len(shown) - 2} more" if len(shown) > 2 else ""
    return f"after {', '.join(shown[:2])}{more}"


def _named(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        own = [str(value.get("flowId") or value.get("namespace"))] if value.get("flowId") or value.get("namespace") else []
        return own or [name for inner in value.values() for name in _named(inner)]
    return [name for inner in value for name in _named(inner)] if isinstance(value, list) else []


# --- rows -------------------------------------------------------------------------------------------------------------------


def declared(flow: Flow) -> list[Mapping[str, Any]]:
    """The triggers as a flow's source has them."""
    listed = flow.raw.get("triggers") if isinstance(flow.raw, dict) else None
    return [one for one in listed if isinstance(one, dict) and one.get("id")] if isinstance(listed, list) else []


def rows(user: Person, flows: Iterable[Flow]) -> list[Row]:
    """The triggers of these flows, in their order."""
    listed = [flow for flow in flows if declared(flow)]
    states = _states(listed)
    ids = {one for state in states.values() for one in (state.execution_id, state.last_execution_id) if one}
    executions = Execution.objects.in_bulk(ids)
    roles = {name: rights.role_of(user, name) for name in {flow.namespace for flow in listed}}
    return [
        _row(
            flow,
            raw,
            states.get((flow.namespace, flow.flow_id, str(raw["id"]))),
            executions,
            rights.allows(roles[flow.namespace], Role.MEMBER),
        )
        for flow in listed
        for raw in declared(flow)
    ]


def _states(flows: Sequence[Flow]) -> dict[tuple[str, str, str], TriggerState]:
    found = TriggerState.objects.filter(namespace__in={flow.namespace for flow in flows}, flow_id__in={flow.flow_id for flow in flows})
    return {(state.namespace, state.flow_id, state.trigger_id): state for state in found}


def _row(flow: Flow, raw: Mapping[str, Any], state: TriggerState | None, executions: Mapping[str, Execution], may: bool) -> Row:
    current = executions.get(state.execution_id) if state is not None else None
    return Row(
        flow.namespace,
        flow.flow_id,
        str(raw["id"]),
        CATALOG.canonical(str(raw.get("type", ""))),
        raw,
        state,
        executions.get(state.last_execution_id) if state is not None else None,
        current if current is not None and current.state in UNFINISHED else None,
        flow.disabled,
        may,
    )


def search(user: Person, *, text: str = "", namespace: str = "", status: str = "") -> list[Row]:
    """The triggers of all flows that the user may see, narrowed."""
    flows = rights.filter_readable(Flow.objects.filter(deleted=False), user)
    if namespace:
        flows = flows.filter(rights.below(namespace))
    found = rows(user, flows.filter(raw__has_key="triggers").order_by("namespace", "flow_id"))
    wanted = text.lower()
    named = [row for row in found if wanted in f"{row.namespace} {row.flow_id} {row.id} {row.short_type}".lower()]
    return [row for row in named if not status or status in row.statuses]


# --- the calendar -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """One date of a lane, or one bar for very many."""

    x: str
    width: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """The dates of one trigger within the next 24 hours."""

    row: Row
    marks: tuple[Mark, ...]
    count: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """The next 24 hours: lanes, soonest first, and the hours written below."""

    lanes: tuple[Lane, ...]
    hours: tuple[tuple[str, str], ...]
    more: int


def calendar(found: Iterable[Row], now: datetime) -> Calendar:
    """What the schedules among these triggers will start."""
    soon = [row for row in found if row.scheduled and row.next_date is not None and row.next_date < now + DAY]
    soon.sort(key=lambda row: row.next_date or now)
    usual = page_figures.usual_durations({(row.namespace, row.flow_id) for row in soon[:LANES]})
    lanes = tuple(_lane(row, now, usual.get((row.namespace, row.flow_id))) for row in soon[:LANES])
    return Calendar(tuple(lane for lane in lanes if lane.marks), _hours(now), max(len(soon) - LANES, 0))


def _lane(row: Row, now: datetime, usual: timedelta | None) -> Lane:
    dates = list(schedule.coming(row.state, now, now + DAY, MARKS)) if row.state is not None else []
    if len(dates) == MARKS:
        each = formats.span((dates[-1] - dates[0]) / (MARKS - 1))
        start, title = (dates[0] - now) / DAY, f"{row.id}, about every {each}"
        return Lane(row, (Mark(f"{100 * start:.2f}%", f"{100 * (1 - start):.2f}%", title),), f"every {each}")
    width = f"{max(0.4, 100 * (usual or timedelta(0)) / DAY):.2f}%"
    marks = tuple(
        Mark(f"{100 * (date - now) / DAY:.2f}%", width, f"{row.id}, {formats.precise(timezone.localtime(date))}") for date in dates
    )
    return Lane(row, marks, f"{len(dates)}×" if len(dates) > 1 else "once")


def _hours(now: datetime) -> tuple[tuple[str, str], ...]:
    """Every third full hour with its place."""
    local = timezone.localtime(now)
    first = local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=3 - local.hour % 3)
    hours = [first + timedelta(hours=3 * number) for number in range(8)]
    return tuple((f"{100 * (hour - local) / DAY:.2f}%", f"{hour:%H:%M}") for hour in hours if hour - local < DAY)


# --- one trigger --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class One:
    """One trigger with all that its page shows."""

    row: Row
    coming: tuple[datetime, ...]
    lines: tuple[LogLine, ...]
    executions: tuple[Execution, ...]


def one(user: Person, flow: Flow, trigger_id: str, now: datetime) -> One | None:
    """None where the flow declares no such trigger."""
    row = next((each for each in rows(user, [flow]) if each.id == trigger_id), None)
    if row is None:
        return None
    dates = schedule.coming(row.state, now, now + timedelta(days=3660), 5) if row.state is not None and row.scheduled else ()
    lines = selectors.trigger_logs(row.state, 200) if row.state is not None else ()
    started = Execution.objects.filter(namespace=flow.namespace, flow_id=flow.flow_id, trigger__id=trigger_id).order_by("-created")[:10]
    return One(row, tuple(dates), tuple(lines), tuple(started))
