"""Dates of a Schedule, on ordinary days and when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from plugins.catalog import CATALOG
from plugins.core.trigger import _cron
from plugins.core.trigger.schedule import Schedule

BERLIN = ZoneInfo("Europe/Berlin")
TYPE = "io.kestra.plugin.core.trigger.Schedule"


def texts(cron: str, after: str, count: int) -> list[str]:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    return [date.isoformat(timespec="minutes") for date in islice(_cron.dates(cron, BERLIN, start), count)]


CASES = [
    ("0 6 * * 1-5", "2026-11-27T12:00", ["2026-11-30T06:00+01:00", "2026-12-01T06:00+01:00"]),
    ("@daily", "2026-03-28T00:00", ["2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"]),
    ("30 2 * * *", "2026-03-28T12:00", ["2026-03-29T03:30+02:00", "2026-03-30T02:30+02:00"]),
    ("30 2 * * *", "2026-10-24T12:00", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
    ("0 * * * *", "2026-03-29T00:30", ["2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"]),
    ("0 * * * *", "2026-10-24T23:30", ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"]),
    ("0 0 29 2 *", "2026-01-01T00:00", ["2028-02-29T00:00+01:00"]),
]


@pytest.mark.parametrize(("cron", "after", "wanted"), CASES)
def test_dates_follow_the_clock_on_the_wall(cron: str, after: str, wanted: list[str]) -> None:
    assert texts(cron, after, len(wanted)) == wanted


def test_a_date_that_never_comes_is_none() -> None:
    assert _cron.next_date("0 0 30 2 *", UTC, datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("cron", ["*/20 * * * *", "0 2 * * *", "15 30 3 * * *", "@weekly"])
def test_the_previous_date_of_the_next_one_is_where_we_were(cron: str) -> None:
    dates = [date.astimezone(UTC) for date in islice(_cron.dates(cron, BERLIN, datetime(2026, 10, 23, tzinfo=UTC)), 400)]
    assert dates == sorted(set(dates))
    for before, after in pairwise(dates):
        found = _cron.previous_date(cron, BERLIN, after)
        assert found is not None
        assert found.astimezone(UTC) == before


NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(("mode", "wanted"), [("ALL", NOON - timedelta(hours=3)), ("LAST", NOON), ("NONE", NOON + timedelta(hours=1))])
def test_missed_dates_are_recovered_as_asked(mode: str, wanted: datetime) -> None:
    trigger = Schedule.model_validate({"id": "a", "type": TYPE, "cron": "0 * * * *", "recoverMissedSchedules": mode})
    assert trigger.recovered(NOON - timedelta(hours=3), NOON) == wanted


def test_a_date_that_is_too_late_is_skipped() -> None:
    trigger = Schedule.model_validate({"id": "a", "type": TYPE, "cron": "0 * * * *", "lateMaximumDelay": "PT90M"})
    assert trigger.due(NOON - timedelta(hours=3), NOON) == NOON - timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("timezone", "Europe/Nowhere", "is not a time zone"),
        ("lateMaximumDelay", "1 hour", "is not a duration"),
        ("recoverMissedSchedules", "SOME", "is not one of"),
    ],
)
def test_what_makes_no_sense_is_told_where_it_stands(name: str, value: str, message: str) -> None:
    told = CATALOG.check({"id": "a", "type": TYPE, "cron": "0 * * * *", name: value}, "trigger")
    assert [(path, message in text) for text, path in told] == [((name,), True)]
