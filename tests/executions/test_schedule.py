"""Schedules fire once, at their date, as the flow says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from executions import schedule
from executions.models import Execution, TriggerState
from flows import services
from flows.models import Flow

BEGAN = datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)
SOURCE = """id: timed
namespace: company.team
tasks:
  - id: hello
    type: io.kestra.plugin.core.log.Log
    message: hello
triggers:
  - id: often
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "* * * * *"
    timezone: Asia/Kolkata
"""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def state() -> TriggerState:
    """The state of the trigger, which is next due at 12:01."""
    services.create(user=None, source=SOURCE)
    look()
    return TriggerState.objects.get()


def look() -> None:
    """The tick sees the flow at BEGAN, when it was saved."""
    schedule._seen = ()  # what a tick of another test saw
    Flow.objects.update(updated=BEGAN)
    schedule.fire(BEGAN)
    assert TriggerState.objects.get().next_date == BEGAN.replace(minute=1, second=0)


def change(more: str) -> None:
    services.update(user=None, namespace="company.team", flow_id="timed", source=SOURCE + f"    {more}\n")
    look()


def fired() -> list[str]:
    return [row.trigger["variables"]["date"] for row in Execution.objects.order_by("created") if row.trigger]


def test_nothing_fires_before_its_date(state: TriggerState) -> None:
    schedule.fire(BEGAN.replace(second=59))
    assert fired() == []


def test_a_date_fires_once_with_its_neighbours_in_the_zone_of_the_trigger(state: TriggerState) -> None:
    schedule.fire(BEGAN.replace(minute=1, second=1))
    schedule.fire(BEGAN.replace(minute=1, second=1))
    (row,) = Execution.objects.all()
    assert row.trigger is not None
    wanted = {"date": "2030-01-01T17:31:00+05:30", "next": "2030-01-01T17:32:00+05:30", "previous": "2030-01-01T17:30:00+05:30"}
    assert row.trigger["variables"] == wanted
    state.refresh_from_db()
    assert (state.execution_id, state.next_date) == (row.id, BEGAN.replace(minute=2, second=0))


def test_the_next_date_waits_until_the_execution_before_has_ended(state: TriggerState) -> None:
    schedule.fire(BEGAN.replace(minute=1, second=1))
    schedule.fire(BEGAN.replace(minute=2, second=1))
    assert len(fired()) == 1
    Execution.objects.update(ended=BEGAN, state="SUCCESS")
    schedule.fire(BEGAN.replace(minute=2, second=2))
    assert fired()[1:] == ["2030-01-01T17:32:00+05:30"]


def test_what_is_switched_off_does_not_fire(state: TriggerState) -> None:
    TriggerState.objects.update(disabled=True)
    schedule.fire(BEGAN.replace(minute=5))
    assert fired() == []


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("recoverMissedSchedules: ALL", ["2030-01-01T17:31:00+05:30"]),
        ("recoverMissedSchedules: LAST", ["2030-01-01T17:34:00+05:30"]),
        ("recoverMissedSchedules: NONE", []),
        ("lateMaximumDelay: PT90S", ["2030-01-01T17:33:00+05:30"]),
    ],
)
def test_what_was_missed_is_made_up_for_as_asked(more: str, wanted: list[str], state: TriggerState) -> None:
    change(more)
    schedule.fire(BEGAN + timedelta(minutes=3, seconds=40))  # 12:04:10
    assert fired() == wanted


def test_inputs_that_are_no_good_make_a_failed_execution(state: TriggerState) -> None:
    change("inputs: {a: '{{ nope.b }}'}")
    schedule.fire(BEGAN.replace(minute=1, second=1))
    assert [row.state for row in Execution.objects.all()] == ["FAILED"]
