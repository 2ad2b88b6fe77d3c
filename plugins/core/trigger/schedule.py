"""Start the flow at the dates of a cron expression.

`cron` has five fields (minute, hour, day of month, month, day of week), six with `withSeconds: true`, or is one of `@yearly`, `@monthly`,
`@weekly`, `@daily`, `@hourly`. The dates are those of `timezone`; without one, of the server. A date waits until the execution of the
one before has ended. What was missed while the server was away is made up for as `recoverMissedSchedules` says.

Inside the execution `{{ trigger.date }}` is the date that was due, `{{ trigger.next }}` and `{{ trigger.previous }}` its neighbours.

```yaml
id: every_morning
namespace: company.team
tasks:
  - id: greet
    type: io.kestra.plugin.core.log.Log
    message: "The data of {{ trigger.date ?? execution.startDate }}"
triggers:
  - id: at_six
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 6 * * MON-FRI"
    timezone: Europe/Berlin
    recoverMissedSchedules: LAST
```
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from engine.expressions.values import parse_duration
from plugins.contract import BaseTrigger, Text
from plugins.core.trigger import _cron


class Schedule(BaseTrigger):
    """Start the flow at the dates of a cron expression."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Schedule",)

    cron: Text = Field(description="When: five fields, six with `withSeconds`, or a name such as `@daily`.")
    with_seconds: bool = Field(False, description="The first of six fields counts seconds.")
    timezone: Text | None = Field(None, description="Time zone of the dates, such as `Europe/Berlin`; the server's where it is left out.")
    inputs: dict[str, Any] | None = Field(None, description="Values for the flow's inputs; texts in them are rendered.")
    schedule_conditions: list[dict[str, Any]] | None = Field(None, description="The older name of conditions.", deprecated=True)
    late_maximum_delay: Text | None = Field(None, description="A date older than this is skipped, ISO 8601, for example PT1H.")
    recover_missed_schedules: Literal["ALL", "LAST", "NONE"] = Field(
        "ALL", description="Dates missed while the server was away: each of them, only the last, or none."
    )
    backfill: Any = Field(None, description="Kept and ignored: past dates are made up for from the page of the triggers.", deprecated=True)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            _zone(value)
        return value

    @field_validator("late_maximum_delay")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    def zone(self, server: tzinfo = UTC) -> tzinfo:
        """The zone of the dates."""
        return _zone(self.timezone) if self.timezone else server

    def next_date(self, after: datetime, server: tzinfo = UTC) -> datetime | None:
        """The first date later than `after`; None where the expression never comes again."""
        return _cron.next_date(self.cron, self.zone(server), after)

    def previous_date(self, before: datetime, server: tzinfo = UTC) -> datetime | None:
        """The last date earlier than `before`; None where there is none."""
        return _cron.previous_date(self.cron, self.zone(server), before)

    def due(self, planned: datetime, now: datetime, server: tzinfo = UTC) -> datetime | None:
        """Which date is to be started next, given the one that was planned; one that lies in the future is not due yet.

        Dates older than `lateMaximumDelay` are skipped. None where no date is left.
        """
        late = parse_duration(self.late_maximum_delay) if self.late_maximum_delay else None
        for date in self._from(planned, server):
            if late is None or now - date <= late:
                return date
        return None

    def recovered(self, planned: datetime, now: datetime, server: tzinfo = UTC) -> datetime | None:
        """Where to go on after the server was away: the planned date (ALL), the last one missed (LAST), the first to come (NONE)."""
        if planned > now or self.recover_missed_schedules == "ALL":
            return planned
        if self.recover_missed_schedules == "NONE":
            return self.next_date(now, server)
        last = self.previous_date(now + timedelta(microseconds=1), server)
        return planned if last is None else max(last, planned, key=datetime.timestamp)

    def _from(self, planned: datetime, server: tzinfo) -> Iterator[datetime]:
        zone = self.zone(server)
        return chain([planned.astimezone(zone)], _cron.dates(self.cron, zone, planned))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"`{name}` is not a time zone such as Europe/Berlin") from error
