"""Dates of a Schedule, on ordinary days and when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter

from plugins.catalog import CATALOG
from plugins.core.trigger import _cron

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


# --- a year ---------------------------------------------------------------------------------------------------------------------

YEAR = (datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
FIXED = (
    "0 6 * * *", "30 2 * * *", "0 2 * * *", "0 3 * * 1-5", "15,45 1-3 * * *", "0 0 1 * *", "*/7 2 * * SUN", "0 9 * * MON#1",
    "0 12 L * *", "5 4 * * sun", "@weekly", "@monthly", "@yearly", "@daily",
)  # fmt: skip
EVERY_HOUR = {"0 * * * *": (0,), "*/20 * * * *": (0, 20, 40), "@hourly": (0,)}


def by_the_clock(cron: str, zone: ZoneInfo) -> list[datetime]:
    """All dates of the year found in an independent way: croniter's on the clock on the wall, which knows of no zone, each at its instant.

    Of several that the clock leaves out on one day, the first counts. An expression that leaves the hour open counts time as it passes, so
    its dates are those minutes of the year whose clock it matches.
    """
    if cron in EVERY_HOUR:
        moments = (YEAR[0] + timedelta(minutes=n) for n in range(int((YEAR[1] - YEAR[0]) / timedelta(minutes=1))))
        return [moment for moment in moments if moment.astimezone(zone).minute in EVERY_HOUR[cron]]
    walls = croniter(cron, datetime(2026, 12, 30), max_years_between_matches=3)
    found, left_out = set(), set()
    while (wall := walls.get_next(datetime)) < datetime(2028, 1, 3):
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) != wall:
            if wall.date() in left_out:
                continue
            left_out.add(wall.date())
        if YEAR[0] <= moment < YEAR[1]:
            found.add(moment)
    return sorted(found)


def ours(cron: str, zone: ZoneInfo) -> list[datetime]:
    dates = _cron.dates(cron, zone, YEAR[0] - timedelta(microseconds=1))
    return [date.astimezone(UTC) for date in takewhile(lambda date: date < YEAR[1], dates)]


def test_no_date_of_a_year_is_no_date() -> None:
    assert ours("0 0 29 2 *", BERLIN) == []


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("cron", FIXED)
def test_a_year_of_dates_is_that_of_croniter_on_the_wall(cron: str, name: str) -> None:
    assert ours(cron, ZoneInfo(name)) == by_the_clock(cron, ZoneInfo(name))


@pytest.mark.long
@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("cron", [*FIXED, *EVERY_HOUR])
def test_a_year_of_dates_in_more_zones(cron: str, name: str) -> None:
    assert ours(cron, ZoneInfo(name)) == by_the_clock(cron, ZoneInfo(name))


def test_in_utc_dates_are_croniters_own() -> None:
    for cron in (*FIXED, *EVERY_HOUR):
        start = YEAR[0] - timedelta(seconds=1)
        wanted = croniter(cron, start, max_years_between_matches=10)
        assert list(islice(_cron.dates(cron, UTC, start), 100)) == [wanted.get_next(datetime) for _ in range(100)], cron


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
