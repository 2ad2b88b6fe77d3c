"""What triggers with dates share: their zone and how they make up for dates that were missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from engine.expressions.values import parse_duration
from plugins.contract import BaseTrigger, Text


def zone_of(name: str) -> tzinfo:
    """A time zone by its name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"`{name}` is not a time zone such as Europe/Berlin") from error


class Dated(BaseTrigger):
    """A trigger whose dates are known beforehand."""

    timezone: Text | None = Field(None, description="Time zone of the dates, such as `Europe/Berlin`; the server's where it is left out.")
    inputs: dict[str, Any] | None = Field(None, description="Values for the flow's inputs; texts in them are rendered.")
    late_maximum_delay: Text | None = Field(None, description="A date older than this is skipped, ISO 8601, for example PT1H.")
    recover_missed_schedules: Literal["ALL", "LAST", "NONE"] = Field(
        "ALL", description="Dates missed while the server was away: each of them, only the last, or none."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            zone_of(value)
        return value

    @field_validator("late_maximum_delay")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    def next_date(self, after: datetime, server: tzinfo = UTC) -> datetime | None:
        """The first date later than `after`, whatever the conditions say; None where there is none."""
        raise TypeError(f"{type(self).__name__} does not define next_date()")

    def previous_date(self, before: datetime, server: tzinfo = UTC) -> datetime | None:
        """The last date earlier than `before`, whatever the conditions say; None where there is none."""
        raise TypeError(f"{type(self).__name__} does not define previous_date()")

    def zone(self, server: tzinfo = UTC) -> tzinfo:
        """The zone of the dates."""
        return zone_of(self.timezone) if self.timezone else server

    def delay(self) -> timedelta:
        """The longest delay of a date; without end where none is given."""
        return parse_duration(self.late_maximum_delay) if self.late_maximum_delay is not None else timedelta.max

    def too_late(self, date: datetime, now: datetime) -> bool:
        """Whether a date is older than `lateMaximumDelay`."""
        return now - date > self.delay()
