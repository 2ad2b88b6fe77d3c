"""Time cut into minutes, hours, days, weeks or months, as Kestra groups its statistics: the longer the time, the coarser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from ui.errors import Invalid

Group = Literal["minute", "hour", "day", "week", "month"]
MOST = timedelta(days=366 * 20)
STEPS: dict[Group, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),  # the next month begins before the end of what this reaches into
}


def group_of(start: datetime, end: datetime) -> Group:
    """How a time is cut; raises Invalid for one that runs backwards or is longer than 20 years."""
    length = end - start
    if length < timedelta(0):
        raise Invalid("The start date must be before the end date")
    if length > MOST:
        raise Invalid("Figures are told of at most 20 years")
    if length.days > 365:
        return "month"
    if length.days > 180:
        return "week"
    if length.days > 1:
        return "day"
    return "hour" if length > timedelta(hours=6) else "minute"


def beginning(moment: datetime, group: Group) -> datetime:
    """When the minute, hour, day, week (on Monday) or month of a moment began, in the moment's own zone."""
    if group == "minute":
        return moment.replace(second=0, microsecond=0)
    if group == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if group == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if group == "month" else day


def slots(start: datetime, end: datetime, group: Group) -> Iterator[datetime]:
    """The beginning of each piece from the one that holds `start` to the one that holds `end`."""
    at = beginning(start, group)
    while at <= end:
        yield at
        following = at + STEPS[group]
        at = beginning(following, group) if group == "month" else following
