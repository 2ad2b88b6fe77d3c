"""Dates of a cron expression in a time zone, across the days on which clocks change. Pure: the caller says from which date.

A clock that jumps forward: a fixed time inside the hour that is left out comes right after it, the first one where there are several.
A clock that goes back: a fixed time comes once, at its first occurrence; an expression for every hour (`*`) goes on through both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from croniter import CroniterBadDateError, croniter

YEARS = 10  # how far a date may lie away: an expression such as `0 0 30 2 *` never comes
HOUR_FIELD = 1
HOURS_OF_A_DAY = 24


def next_date(cron: str, zone: tzinfo, after: datetime) -> datetime | None:
    """The first date later than `after` (aware), in the zone; None where there is none."""
    moment = after.astimezone(UTC)
    found = _rolling(cron, zone, moment) if _every_hour(cron) else _fixed(cron, zone, moment)
    return found.astimezone(zone) if found is not None else None


def previous_date(cron: str, zone: tzinfo, before: datetime) -> datetime | None:
    """The last date earlier than `before` (aware), in the zone; None where there is none."""
    limit = before.astimezone(UTC)  # two dates of one zone would be compared by their clocks alone, which show an hour twice
    clock = _Clock(cron, _naive(before, zone))
    try:
        while (start := _instant(clock.previous(), zone)) >= limit:
            pass
    except CroniterBadDateError:
        return None
    found = None
    for date in dates(cron, zone, start - timedelta(hours=3 if _changes(zone, before) else 0, seconds=1)):
        if date.astimezone(UTC) >= limit:
            break
        found = date
    return found


def dates(cron: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Every date later than `after`, in order, without end."""
    found = next_date(cron, zone, after)
    while found is not None:
        yield found
        found = next_date(cron, zone, found)


class _Clock:
    """Dates of an expression by the clock on the wall, from a start. Raises CroniterBadDateError where there is none any more."""

    def __init__(self, cron: str, start: datetime) -> None:
        self._dates = croniter(cron, start, second_at_beginning=True, max_years_between_matches=YEARS)

    def next(self) -> datetime:
        found: datetime = self._dates.get_next(datetime)
        return found

    def previous(self) -> datetime:
        found: datetime = self._dates.get_prev(datetime)
        return found


@lru_cache(maxsize=1000)
def _every_hour(cron: str) -> bool:
    """Whether the expression leaves the hour open, so that it counts elapsed time rather than the clock on the wall."""
    fields, _ = croniter.expand(cron, second_at_beginning=True)
    return fields[HOUR_FIELD] == ["*"] or len(fields[HOUR_FIELD]) == HOURS_OF_A_DAY


def _naive(date: datetime, zone: tzinfo) -> datetime:
    return date.astimezone(zone).replace(tzinfo=None)


def _instant(naive: datetime, zone: tzinfo) -> datetime:
    """When the clock on the wall shows this first; one that is left out comes as much later as the clock jumps."""
    return naive.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _fixed(cron: str, zone: tzinfo, after: datetime) -> datetime | None:
    clock = _Clock(cron, _naive(after, zone))
    try:
        while (found := _instant(clock.next(), zone)) <= after:
            pass
    except CroniterBadDateError:
        return None
    return found


def _rolling(cron: str, zone: tzinfo, after: datetime) -> datetime | None:
    """As time passes: with the offset that holds at `after`, and again from the moment at which the offset changes."""
    offset = after.astimezone(zone).utcoffset() or timedelta(0)
    start = after.astimezone(UTC)
    while True:
        try:
            naive = _Clock(cron, (start + offset).replace(tzinfo=None)).next()
        except CroniterBadDateError:
            return None
        found = naive.replace(tzinfo=UTC) - offset
        there = found.astimezone(zone).utcoffset() or timedelta(0)
        if there == offset:
            return found
        change = _change(zone, start, found)
        start, offset = change - timedelta(microseconds=1), change.astimezone(zone).utcoffset() or timedelta(0)


def _change(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """The first whole second at which the offset is no longer that of `low`."""
    offset = low.astimezone(zone).utcoffset()
    first, last = int(low.timestamp()), int(high.timestamp())
    while last - first > 1:
        middle = (first + last) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            first = middle
        else:
            last = middle
    return datetime.fromtimestamp(last, UTC)


def _changes(zone: tzinfo, date: datetime) -> bool:
    return (date - timedelta(days=1)).astimezone(zone).utcoffset() != date.astimezone(zone).utcoffset()
