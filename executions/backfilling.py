"""What people do to backfills: begin one, pause it, go on, end it. Apart from `trigger_states`, which tasks reach, because dates render."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from executions import backfills, triggering
from executions.models import TriggerState
from executions.schedule_dates import SCHEDULES, Dates
from executions.trigger_states import change, find
from flows import selectors as flow_selectors
from namespaces.rights import Person
from ui.errors import Conflict, Invalid

MOST = 1_000  # dates that are counted beforehand


class NoBackfill(Conflict):
    """The trigger has no backfill"""


class NotScheduled(Invalid):
    """Only a Schedule can be backfilled"""


def create(
    *,
    user: Person,
    namespace: str,
    flow_id: str,
    trigger_id: str,
    start: datetime,
    end: datetime | None = None,
    inputs: Mapping[str, Any] | None = None,
    labels: Any = None,
) -> TriggerState:
    """Make up for the dates from `start` to `end` (now where it is left out), both included, one after another.

    The normal dates wait meanwhile. Raises NotScheduled, Invalid, Conflict where a backfill goes on already.
    """
    row = find(user=user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    dates = _dates(row)
    last = end or timezone.now()
    if start >= last:
        raise Invalid("The start of a backfill must lie before its end, which is now where none is given")
    if row.backfill:
        raise Conflict("The trigger has a backfill already: delete it first")
    made = backfills.begun(dates, start=start, end=last, resume=row.next_date, inputs=dict(inputs or {}), labels=labels)
    if made is None:
        raise Invalid("The trigger has no date between the start and the end of the backfill")
    return change(row, backfill=made, next_date=backfills.current(made))


@dataclass(frozen=True, slots=True)
class Effect:
    """What a backfill would start: how many executions (at least, where there are very many), for which first and last date."""

    count: int
    first: datetime
    last: datetime
    more: bool


def preview(*, user: Person, namespace: str, flow_id: str, trigger_id: str, start: datetime, end: datetime | None = None) -> Effect:
    """What `create` would do. Raises Invalid where there is no date, NotScheduled."""
    dates, last = _dates(find(user=user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)), end or timezone.now()
    if start >= last:
        raise Invalid("The start must lie before the end")
    found, date = [], dates.next(start - backfills.INSTANT)
    while date is not None and date <= last and len(found) < MOST:
        found.append(date)
        date = dates.next(date)
    if not found:
        raise Invalid("There is no date between the start and the end")
    return Effect(len(found), found[0], found[-1] if len(found) < MOST else last, len(found) == MOST)


def _dates(row: TriggerState) -> Dates:
    flow = flow_selectors.parsed(row.namespace, row.flow_id)
    trigger = triggering.find(flow, row.trigger_id)
    dates = Dates.of(flow, trigger) if trigger is not None and trigger.type in SCHEDULES else None
    if dates is None:
        raise NotScheduled
    return dates


def pause(*, user: Person, namespace: str, flow_id: str, trigger_id: str) -> TriggerState:
    """Let a backfill wait; the normal dates go on. Raises NoBackfill."""
    row = _backfilled(user, namespace, flow_id, trigger_id)
    if not backfills.active(row.backfill):
        return row
    return change(row, backfill={**(row.backfill or {}), "paused": True}, **_normal(row))


def unpause(*, user: Person, namespace: str, flow_id: str, trigger_id: str) -> TriggerState:
    """Go on with a paused backfill; the normal dates wait again. Raises NoBackfill."""
    row = _backfilled(user, namespace, flow_id, trigger_id)
    if backfills.active(row.backfill):
        return row
    resume = row.next_date.isoformat() if row.next_date else None
    again = {**(row.backfill or {}), "paused": False, backfills.RESUME: resume}
    return change(row, backfill=again, next_date=backfills.current(again))


def delete(*, user: Person, namespace: str, flow_id: str, trigger_id: str) -> TriggerState:
    """End a backfill; what it started goes on, and so do the normal dates. Raises NoBackfill."""
    row = _backfilled(user, namespace, flow_id, trigger_id)
    return change(row, backfill=None, **(_normal(row) if backfills.active(row.backfill) else {}))


def _backfilled(user: Person, namespace: str, flow_id: str, trigger_id: str) -> TriggerState:
    row = find(user=user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    if not row.backfill:
        raise NoBackfill
    return row


def _normal(row: TriggerState) -> dict[str, Any]:
    """Back to the date that the schedule had before the backfill; it is computed anew where there was none yet."""
    resume = backfills.moment(row.backfill, backfills.RESUME)
    return {"next_date": resume, "stale": resume is None}
