"""The dates of a Schedule or ScheduleOnDates: those of its plugin that its conditions let pass."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from croniter import CroniterError
from django.conf import settings

from engine.document import Flow, Trigger
from engine.errors import ExpressionError
from executions.triggering import Scene, written_conditions
from plugins.catalog import CATALOG
from plugins.contract import Condition, ConditionFailed, TaskFailed
from plugins.core.trigger._dates import Dated

SCHEDULES = ("io.kestra.plugin.core.trigger.Schedule", "io.kestra.plugin.core.trigger.ScheduleOnDates")
SERVER = ZoneInfo(settings.TIME_ZONE)
MOST = 3_000  # dates that one search looks at; a longer one goes on at the last of them
FAR = timedelta(days=3653)  # ten years
INSTANT = timedelta(microseconds=1)
NEEDED = ("cron", "withSeconds", "timezone", "lateMaximumDelay", "recoverMissedSchedules", "dates")  # what dates depend on
logger = logging.getLogger(__name__)


class NoDates(Exception):
    """What the dates of a trigger depend on cannot be read; the message says what."""


class Dates:
    """When a trigger of a flow is due."""

    def __init__(self, flow: Flow, trigger: Trigger, plugin: Dated) -> None:
        self.plugin, self._flow, self._trigger = plugin, flow, trigger
        listed = trigger.properties.get("scheduleConditions")
        self._written = [*written_conditions(trigger), *(listed if isinstance(listed, list) else ())]
        self._built: list[Condition] | None = None

    @classmethod
    def of(cls, flow: Flow, trigger: Trigger) -> Dates | None:
        """None where the trigger has no dates, or what they depend on is no good (any more)."""
        try:
            return cls.made(flow, trigger)
        except NoDates as error:
            logger.warning("The trigger %s of %s.%s has no dates: %s", trigger.id, flow.namespace, flow.id, error)
            return None

    @classmethod
    def made(cls, flow: Flow, trigger: Trigger) -> Dates | None:
        """None where the trigger is none with dates. Raises NoDates where what they depend on is no good (any more)."""
        if trigger.type not in SCHEDULES:
            return None
        written = {name: value for name, value in trigger.properties.items() if name in NEEDED}
        try:
            if isinstance(written.get("dates"), list | str):
                written["dates"] = _listed(Scene(flow, trigger, {}).render_any(written["dates"]))
            plugin = CATALOG.trigger(Trigger(trigger.id, trigger.type, properties={**written, "id": trigger.id, "type": trigger.type}))
        except (TaskFailed, ExpressionError) as error:
            raise NoDates(error.message) from error
        return cls(flow, trigger, plugin) if isinstance(plugin, Dated) else None

    def next(self, after: datetime) -> datetime | None:
        """The first date after a moment that the conditions let pass, or of which they cannot tell; None where there is none in ten years.

        A search that takes too long answers a date to look on at: whoever fires asks `passes` again.
        """
        date = self._next(after)
        for _ in range(MOST):
            if date is None or date - after > FAR:
                return None
            failing = self._failing(date)
            if failing is None:
                return date
            date = self._next(_end_of_day(date) if failing else date)
        return date

    def previous(self, before: datetime) -> datetime | None:
        """The last date before a moment that the conditions let pass; None where there is none in ten years, or it is too far to look."""
        date = self._previous(before)
        for _ in range(MOST):
            if date is None or before - date > FAR:
                return None
            failing = self._failing(date)
            if failing is None:
                return date
            date = self._previous(_begin_of_day(date) if failing else date)
        return None

    def passes(self, date: datetime) -> bool:
        """Whether the conditions let a date pass. Raises ConditionFailed where that cannot be told."""
        facts = self._scene(date).facts()
        return all(one.holds(facts) for one in self._conditions())

    def variables(self, date: datetime) -> dict[str, str]:
        """What the execution of a date knows: the date in the trigger's zone, and its neighbours."""
        dates = {"date": date.astimezone(self.plugin.zone(SERVER)), "next": self.next(date), "previous": self.previous(date)}
        return {name: _told(found) for name, found in dates.items() if found is not None}

    def to_fire(self, due: datetime, now: datetime, *, grace: timedelta) -> datetime | None:
        """The date that is fired now; None where it was missed and is not made up for.

        Missed is what is older than `grace` when the next date has come too: the server was away, or the trigger was switched off.
        """
        date: datetime | None = due
        following = self.next(due) if now - due > grace else None
        if following is not None and following <= now:
            date = self._recovered(due, now)
        if date is not None and self.plugin.too_late(date, now):
            date = self.next(now - self.plugin.delay() - INSTANT)
        return date if date is not None and date <= now else None

    # --- inside

    def _recovered(self, due: datetime, now: datetime) -> datetime | None:
        match self.plugin.recover_missed_schedules:
            case "NONE":
                return None
            case "LAST":
                last = self.previous(now + INSTANT)
                return due if last is None else max(last, due, key=datetime.timestamp)
        return due

    def _next(self, after: datetime) -> datetime | None:
        try:
            return self.plugin.next_date(after, SERVER)
        except (CroniterError, ValueError, OverflowError) as error:
            logger.warning("The trigger %s has no next date: %s", self._trigger.id, error)
            return None

    def _previous(self, before: datetime) -> datetime | None:
        try:
            return self.plugin.previous_date(before, SERVER)
        except (CroniterError, ValueError, OverflowError):
            return None

    def _failing(self, date: datetime) -> bool | None:
        """None where nothing speaks against a date; else whether that holds all day. What cannot be told does not speak against it."""
        if not self._written:
            return None
        facts = self._scene(date).facts()
        try:
            failing = next((one for one in self._conditions() if not one.holds(facts)), None)
            return None if failing is None else failing.by_day(facts)
        except ConditionFailed:
            return None

    def _conditions(self) -> list[Condition]:
        """Those that do not judge executions, which a schedule has none of. Raises ConditionFailed."""
        if self._built is None:
            built = [CATALOG.condition(one) for one in self._written if isinstance(one, Mapping)]
            self._built = [one for one in built if one.judges != "execution"]
        return self._built

    def _scene(self, date: datetime) -> Scene:
        known: dict[str, Any] = {"date": _told(date.astimezone(self.plugin.zone(SERVER)))}
        return Scene(self._flow, self._trigger, known)


def _told(date: datetime) -> str:
    """A date as Java writes it: `Z` where it is that of UTC, else its offset."""
    return date.isoformat().removesuffix("+00:00") + "Z" * (not date.utcoffset())


def _listed(value: Any) -> Any:
    """What the expression `dates` gave: a list, or text that holds one."""
    if not isinstance(value, str):
        return value
    return [part.strip().strip("\"'") for part in value.strip().removeprefix("[").removesuffix("]").split(",") if part.strip()]


def _end_of_day(date: datetime) -> datetime:
    following = (date + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return following - INSTANT


def _begin_of_day(date: datetime) -> datetime:
    return date.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
