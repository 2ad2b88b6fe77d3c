"""How durations, sizes, counts and moments are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ui import formats

NOW = datetime(2026, 11, 22, 11, 30, tzinfo=UTC)


def plain(text: str) -> str:
    return text.replace(formats.SPACE, " ").replace(formats.THIN, " ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"), (0.036, "36 ms"), (0.0994, "99 ms"), (0.0996, "0.1 s"), (0.44, "0.4 s"), (9.14, "9.1 s"), (9.94, "9.9 s"),
        (9.96, "10 s"), (23.7, "24 s"),
        (59.4, "59 s"), (59.6, "1 m 00 s"), (64, "1 m 04 s"), (178, "2 m 58 s"), (3599.7, "1 h 00 m"), (7500, "2 h 05 m"),
        (86370, "1 d 00 h"),
        (3 * 86400 + 4 * 3600, "3 d 04 h"), (-5, "0 ms"), (timedelta(seconds=70), "1 m 10 s"), (None, ""),
    ],
)  # fmt: skip
def test_a_duration_is_written_as_people_say_it(seconds: float | timedelta | None, text: str) -> None:
    assert plain(formats.duration(seconds)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (NOW, "now"),
        (NOW - timedelta(seconds=9), "9 s ago"),
        (NOW - timedelta(minutes=1), "1 min ago"),
        (NOW - timedelta(hours=5, minutes=59), "5 h ago"),
        (NOW + timedelta(minutes=6), "in 6 min"),
        (NOW - timedelta(hours=25), "21 Nov 10:30"),
        (NOW - timedelta(days=400), "18 Oct 2025 11:30"),
    ],
)
def test_a_moment_is_relative_for_a_day_then_a_date(value: datetime, text: str) -> None:
    assert plain(formats.moment(value, NOW)) == text


def test_counts_sizes_and_shares() -> None:
    assert plain(formats.number(17903)) == "17 903"
    assert [plain(formats.number(value)) for value in (0, 2.5, 2.0, None)] == ["0", "2.5", "2", ""]
    assert [plain(formats.size(value)) for value in (0, 94, 1100, 84_000, 999_600, 2_100_000, 5e13)] == [
        "0 B", "94 B", "1.1 kB", "84 kB", "1.0 MB", "2.1 MB", "50.0 TB",
    ]  # fmt: skip
    assert [plain(formats.percent(value)) for value in (0.98, 1, 0)] == ["98.0 %", "100 %", "0 %"]
    assert [plain(formats.plural(count, "key")) for count in (0, 1, 1200)] == ["0 keys", "1 key", "1 200 keys"]
