"""The window of time within which conditions must come together."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from engine.expressions.values import parse_duration
from plugins.contract import Schema, Text, Window

DAY = timedelta(days=1)


def _duration(value: str) -> str:
    parse_duration(value)
    return value


def _time(value: str) -> str:
    try:
        time.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"`{value}` is not a time such as 09:00:00") from error
    return value


DurationText = Annotated[Text, AfterValidator(_duration)]
TimeText = Annotated[Text, AfterValidator(_time)]


class TimeWindow(Schema):
    """From when until when what was true counts."""

    type: Literal["DURATION_WINDOW", "SLIDING_WINDOW", "DAILY_TIME_WINDOW", "DAILY_TIME_DEADLINE"] = Field(
        "DURATION_WINDOW",
        description="A span counted from midnight, a span that begins with the first match, a part of the day, the day until a time.",
    )
    window: DurationText | None = Field(None, description="Length of a DURATION_WINDOW or SLIDING_WINDOW; a day where it is left out.")
    window_advance: DurationText | None = Field(None, description="How much later than midnight a DURATION_WINDOW is counted from.")
    start_time: TimeText | None = Field(None, description="Begin of a DAILY_TIME_WINDOW.")
    end_time: TimeText | None = Field(None, description="End of a DAILY_TIME_WINDOW.")
    deadline: TimeText | None = Field(None, description="End of a DAILY_TIME_DEADLINE.")

    def at(self, now: datetime, server: tzinfo) -> Window:
        """The window of this type around, or for a part of the day near, a moment."""
        local = now.astimezone(server)
        match self.type:
            case "SLIDING_WINDOW":
                return Window(local, local + self._length())
            case "DAILY_TIME_WINDOW":
                return Window(_on(local, self.start_time, time.min), _on(local, self.end_time, time.max))
            case "DAILY_TIME_DEADLINE":
                return Window(_on(local, None, time.min), _on(local, self.deadline, time.max))
        return self._counted(local)

    def _length(self) -> timedelta:
        return parse_duration(self.window) if self.window else DAY

    def _counted(self, local: datetime) -> Window:
        """One of the equal spans that are counted from midnight (and the advance) on; a longer one begins today."""
        length = self._length()
        advance = parse_duration(self.window_advance) if self.window_advance else timedelta(0)
        first = _on(local, None, time.min) + advance
        start = first + length * ((local - first) // length) if length <= DAY else first
        while start > local:
            start -= max(length, DAY)
        return Window(start, start + length)


def _on(day: datetime, written: str | None, otherwise: time) -> datetime:
    """A time of the day on which a moment lies; one with an offset of its own keeps it."""
    moment = time.fromisoformat(written) if written else otherwise
    return datetime.combine(day.date(), moment, moment.tzinfo or day.tzinfo)
