"""Schedule triggers: when each fires next, and firing what is due, once, however many schedulers look."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from croniter import CroniterError
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils import timezone
from pydantic import ValidationError

from engine import context
from engine.document import Flow, Trigger
from engine.errors import ExpressionError
from engine.execution import Execution
from engine.expressions import BOUNDED, SHORT, render, render_any
from engine.states import Moment, State
from executions import dispatch, executor, logbook, models, ports, starting, store, world
from executions.logbook import Line
from flows import selectors as flow_selectors
from flows.models import Flow as FlowRow
from plugins.catalog import CATALOG
from plugins.core.trigger.schedule import Schedule
from ui.errors import KestraError

SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"
DATED = ("cron", "withSeconds", "timezone", "lateMaximumDelay", "recoverMissedSchedules")  # what its dates depend on
SERVER = ZoneInfo(settings.TIME_ZONE)
logger = logging.getLogger(__name__)
_seen: tuple[Any, ...] = ()


# --- when -----------------------------------------------------------------------------------------------------------------------


def _schedule(trigger: Trigger) -> Schedule | None:
    """The plugin of a Schedule, which knows its dates; None where its cron expression or zone is no good any more."""
    written = {name: value for name, value in trigger.properties.items() if name in DATED}
    try:
        return Schedule.model_validate({**written, "id": trigger.id, "type": trigger.type})
    except ValidationError as error:
        logger.warning("The trigger %s has no dates: %s", trigger.id, error)
        return None


def next_date(trigger: Trigger, after: datetime) -> datetime | None:
    """The first date of a Schedule after a moment; None where its cron expression or zone is no good, or has no further date."""
    schedule = _schedule(trigger)
    try:
        return schedule.next_date(after, SERVER) if schedule is not None else None
    except (CroniterError, ValueError) as error:
        logger.warning("The trigger %s has no next date: %s", trigger.id, error)
        return None


def _variables(schedule: Schedule, date: datetime) -> dict[str, str]:
    dates = {
        "date": date.astimezone(schedule.zone(SERVER)),
        "next": schedule.next_date(date, SERVER),
        "previous": schedule.previous_date(date, SERVER),
    }
    return {name: found.isoformat() for name, found in dates.items() if found is not None}


# --- what there is --------------------------------------------------------------------------------------------------------------


def fire(now: datetime) -> None:
    """Bring what is remembered in line with the flows, then fire what is due."""
    _follow_flows(now)
    due = models.TriggerState.objects.filter(disabled=False, next_date__lte=now).order_by("next_date")
    for state in list(due[:500]):
        try:
            _fire(state, now)
        except Exception:  # one broken flow must not stop the schedules of all others; the log has all of it
            logger.exception("The trigger %s of %s.%s could not be fired", state.trigger_id, state.namespace, state.flow_id)


def _follow_flows(now: datetime) -> None:
    """Only when a flow or a trigger's switch has changed since we looked."""
    global _seen
    flows = FlowRow.objects.aggregate(last=Max("updated"), count=Count("id"), deleted=Count("id", filter=Q(deleted=True)))
    switches = models.TriggerState.objects.aggregate(last=Max("updated"), count=Count("id"), off=Count("id", filter=Q(disabled=True)))
    found = (*flows.values(), *switches.values())
    if found == _seen:
        return
    known = {(row.namespace, row.flow_id, row.trigger_id): row for row in models.TriggerState.objects.all()}
    declared = set()
    for flow_row, trigger in _declared():
        key = (flow_row.namespace, flow_row.flow_id, trigger.id)
        declared.add(key)
        _follow(known.get(key), flow_row, trigger, now)
    gone = [row.id for key, row in known.items() if key not in declared]
    if gone:
        models.TriggerState.objects.filter(id__in=gone).delete()
    _seen = found


def _declared() -> Iterator[tuple[FlowRow, Trigger]]:
    for row in FlowRow.objects.filter(deleted=False):
        if row.raw.get("triggers"):
            try:
                flow = flow_selectors.parsed(row.namespace, row.flow_id, row.revision)
            except KestraError:
                continue  # a flow that cannot be run has no triggers
            yield from ((row, trigger) for trigger in flow.triggers)


def _follow(state: models.TriggerState | None, flow: FlowRow, trigger: Trigger, now: datetime) -> None:
    changed = state is None or state.updated < flow.updated
    off = trigger.disabled or flow.disabled or (state is not None and state.disabled)
    due = None
    if not off and CATALOG.canonical(trigger.type) == SCHEDULE:
        saved = max(flow.updated, now - timedelta(minutes=1))  # a date between the saving and our looking is not missed
        due = next_date(trigger, saved if changed else now) if changed or state is None or state.next_date is None else state.next_date
    if state is None:
        key = {"namespace": flow.namespace, "flow_id": flow.flow_id, "trigger_id": trigger.id}
        models.TriggerState.objects.get_or_create(
            **key, defaults={"type": trigger.type, "next_date": due, "updated": max(now, flow.updated)}
        )
    elif (state.next_date, state.type) != (due, trigger.type) or changed:
        # Compared with what was read: a fire or a switch in the meantime is not undone.
        seen = models.TriggerState.objects.filter(id=state.id, next_date=state.next_date, updated=state.updated)
        seen.update(next_date=due, type=trigger.type, updated=max(state.updated, flow.updated))


# --- firing ---------------------------------------------------------------------------------------------------------------------


def _fire(state: models.TriggerState, now: datetime) -> None:
    if state.execution_id:
        busy = models.Execution.objects.filter(id=state.execution_id, ended=None).exists()
        if busy:
            return  # Kestra waits for the end of the one before
    flow = flow_selectors.parsed(state.namespace, state.flow_id)
    trigger = next((each for each in flow.triggers if each.id == state.trigger_id), None)
    schedule = _schedule(trigger) if trigger is not None else None
    if trigger is None or schedule is None or trigger.disabled or flow.disabled or state.next_date is None:
        models.TriggerState.objects.filter(id=state.id, next_date=state.next_date).update(next_date=None)
        return
    date = _date_to_fire(schedule, state.next_date, now)
    following = schedule.next_date(date or now, SERVER)
    if date is not None:
        execution = _execution(flow, trigger, _variables(schedule, date))
    with transaction.atomic():
        mine = models.TriggerState.objects.filter(id=state.id, next_date=state.next_date)
        if not mine.update(next_date=following, date=date or state.date, execution_id=execution.id if date else ""):
            return  # another scheduler fired it
        if date is not None:
            _begin(execution, flow)


def _date_to_fire(schedule: Schedule, due: datetime, now: datetime) -> datetime | None:
    """The date that is fired now; None where it was missed and is not made up for."""
    following = schedule.next_date(due, SERVER)
    missed = following is not None and following <= now  # else only this one is due
    wanted = schedule.recovered(due, now, SERVER) if missed else due
    date = schedule.due(wanted, now, SERVER) if wanted is not None else None
    return date if date is not None and date <= now else None


def _execution(flow: Flow, trigger: Trigger, variables: Mapping[str, Any]) -> Execution:
    """The execution that a fire begins; one that FAILED where its inputs are no good."""
    execution = Execution(
        id=world.new_id(),
        namespace=flow.namespace,
        flow_id=flow.id,
        flow_revision=flow.revision,
        state=State.new(timezone.now()),
        trigger={"id": trigger.id, "type": trigger.type, "variables": dict(variables)},
    )
    masks = world.Masks()
    functions = world.functions(execution, masks, ports.People(execution).may_read)
    known = context.variables(flow, execution, world=executor.world())
    try:
        inputs = render_any(trigger.properties.get("inputs") or {}, known, functions=functions, options=world.options())
        labels = starting.labels_of(flow, _labels(trigger, known))
        return starting.new(flow, inputs=inputs, labels=labels, trigger=execution.trigger, id=execution.id, masks=masks)
    except (KestraError, ExpressionError) as error:
        moment = Moment("FAILED", timezone.now())
        return replace(execution, state=State((*execution.state.histories, moment)), error=masks.text(error.message))


def _labels(trigger: Trigger, known: Mapping[str, Any]) -> list[tuple[str, str]]:
    raw = trigger.properties.get("labels") or {}
    pairs = raw.items() if isinstance(raw, Mapping) else [(each.get("key"), each.get("value")) for each in raw if isinstance(each, Mapping)]
    found = []
    for key, value in pairs:
        try:
            found.append((str(key), render(str(value), known, functions=BOUNDED, options=SHORT)))
        except ExpressionError:
            continue  # as Kestra does: a label that cannot be rendered is dropped
    return found


def _begin(execution: Execution, flow: Flow) -> None:
    """Within the transaction that moves the trigger on."""
    if not execution.state.terminated:
        dispatch.send(executor.start(execution, flow))
        return
    store.create(execution)
    message = f"The trigger could not start the flow: {execution.error}"
    logbook.insert(execution.id, [Line(execution.id, logbook.NUMBERS["ERROR"], message, timezone.now())])
