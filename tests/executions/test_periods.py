"""Time is cut as Kestra cuts it, and every moment has its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.periods import beginning, group_of, slots
from ui.errors import Invalid

NOON = datetime(2026, 3, 18, 12, 34, 56, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("length", "group"),
    [
        (timedelta(hours=6), "minute"), (timedelta(hours=7), "hour"), (timedelta(days=1, hours=23), "hour"), (timedelta(days=2), "day"),
        (timedelta(days=181), "week"), (timedelta(days=366), "month"),
    ],
)  # fmt: skip
def test_the_longer_the_coarser(length: timedelta, group: str) -> None:
    assert group_of(NOON, NOON + length) == group


@pytest.mark.parametrize("length", [timedelta(seconds=-1), timedelta(days=366 * 21)])
def test_a_time_that_cannot_be_is_refused(length: timedelta) -> None:
    with pytest.raises(Invalid):
        group_of(NOON, NOON + length)


def test_pieces_begin_where_people_expect() -> None:
    assert [beginning(NOON, group).isoformat()[:16] for group in ("minute", "hour", "day", "week", "month")] == [
        "2026-03-18T12:34", "2026-03-18T12:00", "2026-03-18T00:00", "2026-03-16T00:00", "2026-03-01T00:00",
    ]  # fmt: skip
    assert [at.month for at in slots(NOON, NOON + timedelta(days=400), "month")] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3, 4]


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=800)),
    st.floats(0, 1),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns"]),
)
def test_every_moment_has_its_place(start: datetime, length: timedelta, share: float, zone: str) -> None:
    first = start.replace(tzinfo=ZoneInfo(zone))
    group = group_of(first, first + length)
    places = list(slots(first, first + length, group))
    assert beginning(first + length * share, group) in places
    assert places == sorted(set(places))
