"""The scheduler by a simulated clock: through a whole year with both changes of the clock, each date fires once, at its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter

from executions import dispatch, schedule
from executions.models import Execution, TriggerState
from flows import services
from flows.models import Flow

pytestmark = pytest.mark.django_db(transaction=True)
SCHEDULES = {
    "night": ("30 2 * * *", "Europe/Berlin"),
    "quarters": ("0 */6 * * *", "America/New_York"),
    "mondays": ("0 9 * * MON", "Europe/London"),
    "months": ("15 0 1 * *", "Australia/Sydney"),
}
TRIGGERS = "".join(
    f'  - {{id: {name}, type: io.kestra.plugin.core.trigger.Schedule, cron: "{cron}", timezone: {zone}}}\n'
    for name, (cron, zone) in SCHEDULES.items()
)
SOURCE = (
    f"id: year\nnamespace: company.team\ntasks:\n  - {{id: say, type: io.kestra.plugin.core.log.Log, message: hi}}\ntriggers:\n{TRIGGERS}"
)


def run(start: datetime, end: datetime, step: timedelta, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[datetime]]:
    """What fires while the clock goes from `start` to `end` in steps, each execution ending at once: the dates of each trigger."""
    monkeypatch.setattr(dispatch, "_send", lambda message: None)
    services.create(user=None, source=SOURCE)
    Flow.objects.update(updated=start)
    schedule._following.forget()
    fired: dict[str, list[datetime]] = {name: [] for name in SCHEDULES}
    now = start
    while now < end:
        schedule.fire(now)
        for row in Execution.objects.filter(ended=None):
            assert row.trigger is not None
            date = datetime.fromisoformat(row.trigger["variables"]["date"])
            assert timedelta(0) <= now - date < step, (row.trigger, now)  # at the first look after its date
            assert date.utcoffset() == date.astimezone(ZoneInfo(SCHEDULES[row.trigger["id"]][1])).utcoffset()
            fired[row.trigger["id"]].append(date.astimezone(UTC))
        Execution.objects.all().delete()
        now += step
    return fired


def by_the_wall(cron: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """croniter's dates on the clock on the wall, each at its instant."""
    walls = croniter(cron, start.astimezone(zone).replace(tzinfo=None) - timedelta(days=2))
    moments = (wall.replace(tzinfo=zone).astimezone(UTC) for wall in iter(lambda: walls.get_next(datetime), None))
    return [moment for moment in takewhile(lambda moment: moment < end, moments) if moment > start]


def test_both_changes_of_the_clock_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    fired = run(datetime(2027, 3, 13, tzinfo=UTC), datetime(2027, 3, 30, tzinfo=UTC), timedelta(minutes=30), monkeypatch)
    assert [f"{date:%d %H:%M}" for date in fired["night"]][-4:] == ["26 01:30", "27 01:30", "28 01:30", "29 00:30"]  # 28: 03:30 on the wall
    assert [f"{date:%d %H:%M}" for date in fired["quarters"]][2:9] == [
        "13 17:00",
        "13 23:00",
        "14 05:00",
        "14 10:00",
        "14 16:00",
        "14 22:00",
        "15 04:00",
    ]
    assert [f"{date:%d %H:%M}" for date in fired["mondays"]] == ["15 09:00", "22 09:00", "29 08:00"]
    assert fired["months"] == []


def test_the_hour_that_comes_twice_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    fired = run(datetime(2027, 10, 29, tzinfo=UTC), datetime(2027, 11, 9, tzinfo=UTC), timedelta(minutes=30), monkeypatch)
    assert [f"{date:%d %H:%M}" for date in fired["night"]][:5] == ["29 00:30", "30 00:30", "31 00:30", "01 01:30", "02 01:30"]
    assert [f"{date:%d %H:%M}" for date in fired["quarters"] if date.day == 7] == ["07 04:00", "07 11:00", "07 17:00", "07 23:00"]
    assert [f"{date:%d %H:%M}" for date in fired["mondays"]] == ["01 09:00", "08 09:00"]
    assert [f"{date:%d %H:%M}" for date in fired["months"]] == ["31 13:15"]


@pytest.mark.long
def test_a_year_fires_each_date_of_croniter_once(monkeypatch: pytest.MonkeyPatch) -> None:
    start, end = datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    fired = run(start, end, timedelta(hours=1), monkeypatch)
    for name, (cron, zone) in SCHEDULES.items():
        assert fired[name] == by_the_wall(cron, ZoneInfo(zone), start, end), name
    assert {name: len(dates) for name, dates in fired.items()} == {"night": 365, "quarters": 1460, "mondays": 52, "months": 12}
    assert TriggerState.objects.count() == len(SCHEDULES)
