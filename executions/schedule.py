"""The scheduler: it follows the flows' triggers and fires what is due, once, however many schedulers look."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from engine.document import Flow, Trigger
from engine.errors import ExpressionError
from engine.execution import Execution
from executions import backfills, models, polling, triggering
from executions.schedule_dates import SCHEDULES, Dates, NoDates
from executions.triggering import Scene
from flows import selectors as flow_selectors
from flows.models import Flow as FlowRow
from plugins.contract import ConditionFailed
from ui.errors import KestraError

MOST = 500  # triggers of one tick
GRACE = timedelta(seconds=10)  # a date older than that, with another one due too, was missed
OVERLAP = timedelta(minutes=10)  # so far the clocks of those who save flows may differ
AT_ONCE = 10  # fires of one transaction
State = models.TriggerState
Write = Callable[[], object]
logger = logging.getLogger(__name__)


def fire(now: datetime) -> None:
    """Bring what is remembered in line with the flows, then fire what is due and have polled what is to be polled."""
    _following.follow(now)
    polling.release_lost(now)
    due = _due(now)
    for start in range(0, len(due), AT_ONCE):
        _write([(state, write) for state in due[start : start + AT_ONCE] if (write := _apart(state, partial(_decided, state, now)))])


def _write(decided: Iterable[tuple[State, Write]]) -> None:
    """Several in one transaction: each commit waits for the disk. What fails is taken back alone.

    Rows that another scheduler holds are left to it, and flows come in order: two schedulers never wait for each other in a circle.
    """
    ordered = sorted(decided, key=lambda one: (one[0].namespace, one[0].flow_id, one[0].pk))
    with transaction.atomic():
        ids = [state.pk for state, _ in ordered]
        ours = set(State.objects.filter(pk__in=ids).select_for_update(skip_locked=True).values_list("pk", flat=True))
        for state, write in ordered:
            if state.pk in ours:
                _apart(state, partial(_saved, write))


def _saved(write: Write) -> None:
    with transaction.atomic():
        write()


def _apart(state: State, act: Callable[[], Any]) -> Any:
    """Do one thing; a bug there is told and does not keep the other triggers waiting."""
    try:
        return act()
    except Exception:  # one broken flow must not stop the triggers of all others; the log has all of it
        logger.exception("The trigger %s of %s.%s could not be fired", state.trigger_id, state.namespace, state.flow_id)
        return None


def _due(now: datetime) -> list[State]:
    """In random order, so that several schedulers seldom reach for the same one."""
    busy = models.Execution.objects.filter(id=OuterRef("execution_id"), ended=None)
    rows = State.objects.filter(~Exists(busy), disabled=False, evaluating=None, next_date__lte=now).order_by("next_date")[:MOST]
    return sorted(rows, key=lambda row: secrets.randbits(32))


# --- what there is --------------------------------------------------------------------------------------------------------------


class Following:
    """Keeps a row for every trigger that a flow declares, with the date that follows from it; looks only at flows that have changed."""

    def __init__(self) -> None:
        self._known: dict[int, datetime] = {}
        self._seen: datetime | None = None

    def follow(self, now: datetime) -> None:
        """Look at what was saved since the last look, and at rows whose date is to be computed anew."""
        for row in self._changed():
            self._known[row.pk] = row.updated
            self._seen = max(self._seen or row.updated, row.updated)
            _follow(row, now)
        for state in State.objects.filter(stale=True)[:MOST]:
            _refresh(state, now)

    def forget(self) -> None:
        """Look at everything again."""
        self._known, self._seen = {}, None

    def _changed(self) -> list[FlowRow]:
        rows: QuerySet[FlowRow] = FlowRow.objects.all()
        if self._seen is not None:
            rows = rows.filter(updated__gte=self._seen - OVERLAP)
        fresh = [pk for pk, updated in rows.values_list("pk", "updated") if self._known.get(pk) != updated]
        return list(FlowRow.objects.filter(pk__in=fresh).order_by("updated")) if fresh else []


_following = Following()


def _follow(row: FlowRow, now: datetime) -> None:
    triggers = _declared(row)
    known = {state.trigger_id: state for state in State.objects.filter(namespace=row.namespace, flow_id=row.flow_id)}
    for flow, trigger in triggers:
        state = known.pop(trigger.id, None) or triggering.remember(row.namespace, row.flow_id, trigger)
        if state.followed is None or state.followed < row.updated or state.type != trigger.type:
            saved = max(row.updated, now - timedelta(minutes=1))  # a date between the saving and our looking is not missed
            _plan(state, flow, trigger, saved, row.updated)
    State.objects.filter(pk__in=[state.pk for state in known.values()]).delete()


def _declared(row: FlowRow) -> list[tuple[Flow, Trigger]]:
    if row.deleted or not row.raw.get("triggers"):
        return []
    try:
        flow = flow_selectors.parsed(row.namespace, row.flow_id, row.revision)
    except KestraError:
        return []  # a flow that cannot be run has no triggers
    return [(flow, trigger) for trigger in flow.triggers]


def _refresh(state: State, now: datetime) -> None:
    found = _flow_and_trigger(state)
    if found is not None:
        _plan(state, *found, now, state.followed)


def _plan(state: State, flow: Flow, trigger: Trigger, after: datetime, followed: datetime | None) -> None:
    """Write when a trigger is looked at next, unless it was fired or switched since it was read."""
    date = None if trigger.disabled or flow.disabled else _first(state, flow, trigger, after)
    changes: dict[str, Any] = {"type": trigger.type, "followed": followed, "stale": False, "next_date": date}
    if backfills.active(state.backfill):
        changes["backfill"] = {**(state.backfill or {}), backfills.RESUME: date.isoformat() if date else None}
        changes["next_date"] = None if trigger.disabled or flow.disabled else backfills.current(state.backfill)
    State.objects.filter(pk=state.pk, next_date=state.next_date, updated=state.updated).update(**changes)


def _first(state: State, flow: Flow, trigger: Trigger, after: datetime) -> datetime | None:
    try:
        dates = Dates.made(flow, trigger)
    except NoDates as error:
        triggering.say(state, "ERROR", f"The trigger has no dates: {error}")
        return None
    if dates is not None:
        return dates.next(after)
    return after if polling.interval(trigger) is not None else None


def _flow_and_trigger(state: State) -> tuple[Flow, Trigger] | None:
    """None where the trigger is there no more: the row is forgotten when the flow's change is followed."""
    try:
        flow = flow_selectors.parsed(state.namespace, state.flow_id)
    except KestraError:
        return None
    trigger = triggering.find(flow, state.trigger_id)
    return None if trigger is None else (flow, trigger)


# --- firing ---------------------------------------------------------------------------------------------------------------------


def _decided(state: State, now: datetime) -> Write | None:
    """What is to be written for a trigger that is due: everything is rendered before."""
    found = _flow_and_trigger(state)
    if found is None or found[0].disabled or found[1].disabled or state.next_date is None:
        return partial(_mine(state).update, next_date=None)
    flow, trigger = found
    if trigger.type not in SCHEDULES:
        return partial(polling.request, state, trigger, now)
    dates = Dates.of(flow, trigger)
    if dates is None:
        return partial(_mine(state).update, next_date=None)
    if backfills.active(state.backfill):
        return _fire(state, flow, trigger, dates, state.next_date, backfills.after(state, dates, state.next_date, now))
    date = dates.to_fire(state.next_date, now, grace=GRACE)
    return _fire(state, flow, trigger, dates, date, {"next_date": dates.next(date or now)})


def _fire(state: State, flow: Flow, trigger: Trigger, dates: Dates, date: datetime | None, moves: Mapping[str, Any]) -> Write:
    """Begin the execution of a date and move the trigger on, in one transaction: of several schedulers one gets to do both."""
    execution = _execution(state, flow, trigger, dates, date) if date is not None else None
    changes = dict(moves)
    if execution is not None:
        waits = not trigger.properties.get("allowConcurrent")
        changes |= {"date": date, "last_execution_id": execution.id, "execution_id": execution.id if waits else ""}

    def write() -> None:
        if _mine(state).update(**changes) and execution is not None:
            triggering.begin(execution, flow)

    return write


def _mine(state: State) -> QuerySet[State]:
    """The row as it was read; nothing where somebody was faster."""
    return State.objects.filter(pk=state.pk, next_date=state.next_date, disabled=False, updated=state.updated)


def _execution(state: State, flow: Flow, trigger: Trigger, dates: Dates, date: datetime) -> Execution | None:
    """The execution of a date; None where the conditions do not let it pass, one that FAILED where something cannot be rendered."""
    backfill = state.backfill if backfills.active(state.backfill) else None
    try:
        if not dates.passes(date):
            return None
    except ConditionFailed as error:
        return Scene(flow, trigger, dates.variables(date)).failed(f"A condition cannot be rendered: {error}")
    scene = Scene(flow, trigger, dates.variables(date))
    try:
        given = {**scene.render_any(trigger.properties.get("inputs") or {}), **((backfill or {}).get("inputs") or {})}
        labels = [*scene.labels(), *triggering.pairs((backfill or {}).get("labels"))]
        return scene.begun(inputs=given, labels=labels, date=date)
    except (KestraError, ExpressionError) as error:
        return scene.failed(error.message)


# --- what comes -----------------------------------------------------------------------------------------------------------------


def coming(state: State, start: datetime, end: datetime, most: int = 100) -> Iterator[datetime]:
    """The dates of a trigger between two moments, for the calendar; nothing for one that is off."""
    found = _flow_and_trigger(state)
    dates = Dates.of(*found) if found is not None and not (state.disabled or found[0].disabled or found[1].disabled) else None
    date = dates.next(start) if dates is not None else None
    while dates is not None and date is not None and date < end and most:
        yield date
        date, most = dates.next(date), most - 1
