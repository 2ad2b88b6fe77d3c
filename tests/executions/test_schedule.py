"""Schedules fire once, at their date, as the flow says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from executions import backfilling, schedule, trigger_states
from executions.models import Execution, TriggerState
from flows import services
from flows.models import Flow
from namespaces.models import User
from tests import builders
from tests.executions.flows import work_off
from ui.errors import Conflict, Forbidden, Invalid, KestraError, Missing

BEGAN = datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)
SOURCE = """id: timed
namespace: company.team
labels: {team: data}
inputs:
  - {id: a, type: STRING, required: false}
  - {id: n, type: INT, defaults: 1}
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
NAMES = {"user": None, "namespace": "company.team", "flow_id": "timed", "trigger_id": "often"}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def state() -> TriggerState:
    """The state of the trigger, which is next due at 12:01."""
    services.create(user=None, source=SOURCE)
    look()
    assert TriggerState.objects.get().next_date == at(1)
    return TriggerState.objects.get()


def at(minute: int, second: int = 0, hour: int = 12, day: int = 1) -> datetime:
    return BEGAN.replace(day=day, hour=hour, minute=minute, second=second)


def look() -> None:
    """The tick sees the flow at BEGAN, when it was saved."""
    schedule._following.forget()  # what a tick of another test saw
    Flow.objects.update(updated=BEGAN)
    TriggerState.objects.update(followed=None)
    schedule.fire(BEGAN)


def change(more: str, was: str = "", now: str = "") -> None:
    source = SOURCE.replace(was, now) if was else SOURCE
    services.update(
        user=None, namespace="company.team", flow_id="timed", source=source + "".join(f"    {line}\n" for line in more.split("\n"))
    )
    look()


def fired() -> list[str]:
    return [row.trigger["variables"]["date"] for row in Execution.objects.order_by("created") if row.trigger]


def end_all(state: str = "SUCCESS") -> None:
    Execution.objects.filter(ended=None).update(ended=BEGAN, state=state)


def fire_until_idle(now: datetime, most: int = 50) -> list[str]:
    """Fire at one moment, each execution ending at once, until nothing is due any more."""
    for _ in range(most):
        before = Execution.objects.count()
        schedule.fire(now)
        end_all()
        if Execution.objects.count() == before:
            break
    return fired()


def test_nothing_fires_before_its_date(state: TriggerState) -> None:
    schedule.fire(at(0, 59))
    assert fired() == []


def test_a_date_fires_once_with_its_neighbours_in_the_zone_of_the_trigger(state: TriggerState) -> None:
    schedule.fire(at(1, 1))
    schedule.fire(at(1, 1))
    (row,) = Execution.objects.all()
    assert row.trigger is not None
    wanted = {"date": "2030-01-01T17:31:00+05:30", "next": "2030-01-01T17:32:00+05:30", "previous": "2030-01-01T17:30:00+05:30"}
    assert row.trigger["variables"] == wanted
    assert (row.labels, row.inputs["n"], row.schedule_date) == ([["team", "data"]], 1, at(1))
    state.refresh_from_db()
    assert (state.execution_id, state.last_execution_id, state.next_date) == (row.id, row.id, at(2))


def test_a_date_of_utc_is_told_with_a_z(state: TriggerState) -> None:
    change("", "timezone: Asia/Kolkata", "timezone: UTC")
    schedule.fire(at(1, 1))
    assert fired() == ["2030-01-01T12:01:00Z"]


def test_the_next_date_waits_until_the_execution_before_has_ended(state: TriggerState) -> None:
    schedule.fire(at(1, 1))
    schedule.fire(at(2, 1))
    assert len(fired()) == 1
    end_all()
    schedule.fire(at(2, 2))
    assert fired()[1:] == ["2030-01-01T17:32:00+05:30"]


def test_with_concurrency_allowed_it_does_not_wait(state: TriggerState) -> None:
    change("allowConcurrent: true")
    schedule.fire(at(1, 1))
    schedule.fire(at(2, 1))
    assert len(fired()) == 2


def test_what_is_switched_off_does_not_fire(state: TriggerState) -> None:
    trigger_states.set_disabled(**NAMES, disabled=True)
    schedule.fire(at(5))
    assert fired() == []


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("recoverMissedSchedules: ALL", ["17:31", "17:32", "17:33", "17:34"]),
        ("recoverMissedSchedules: LAST", ["17:34"]),
        ("recoverMissedSchedules: NONE", []),
        ("lateMaximumDelay: PT90S", ["17:33", "17:34"]),
        ("recoverMissedSchedules: LAST\nlateMaximumDelay: PT5S", []),
    ],
)
def test_what_was_missed_is_made_up_for_as_asked(more: str, wanted: list[str], state: TriggerState) -> None:
    change(more)
    assert [date[11:16] for date in fire_until_idle(at(4, 10))] == wanted
    assert TriggerState.objects.get().next_date == at(5)


@pytest.mark.parametrize(("recover", "wanted"), [(True, ["17:31", "17:32"]), (False, [])])
def test_what_passed_while_it_was_off_counts_as_missed_unless_one_says_otherwise(
    recover: bool, wanted: list[str], state: TriggerState
) -> None:
    trigger_states.set_disabled(**NAMES, disabled=True)
    schedule.fire(at(2, 30))
    trigger_states.set_disabled(**NAMES, disabled=False, recover=recover)
    assert [date[11:16] for date in fire_until_idle(at(2, 40))] == wanted
    assert TriggerState.objects.get().next_date == at(3)


def test_inputs_that_are_no_good_make_a_failed_execution(state: TriggerState) -> None:
    change("inputs: {a: '{{ nope.b }}'}")
    schedule.fire(at(1, 1))
    (row,) = Execution.objects.all()
    assert (row.state, row.labels) == ("FAILED", [["team", "data"]])
    assert "nope" in row.error


def test_inputs_are_rendered_and_coerced_and_labels_rendered(state: TriggerState) -> None:
    change("inputs: {a: '{{ trigger.date }}', n: '7'}\nlabels: {day: '{{ trigger.date | date(\"dd\") }}', bad: '{{ nope }}'}")
    schedule.fire(at(1, 1))
    (row,) = Execution.objects.all()
    assert row.inputs == {"a": "2030-01-01T17:31:00+05:30", "n": 7}
    assert row.labels == [["team", "data"], ["day", "01"]]


# --- conditions -----------------------------------------------------------------------------------------------------------------

CONDITION = "conditions:\n  - type: io.kestra.plugin.core.condition."


def test_dates_are_those_that_the_conditions_let_pass(state: TriggerState) -> None:
    change(CONDITION + 'TimeBetween\n    after: "12:03:00Z"\n    before: "12:07:00Z"', "* * * * *", "*/2 * * * *")
    assert TriggerState.objects.get().next_date == at(4)
    schedule.fire(at(4, 1))
    (row,) = Execution.objects.all()
    assert row.trigger is not None
    assert row.trigger["variables"] == {
        "date": "2030-01-01T17:34:00+05:30",
        "next": "2030-01-01T17:36:00+05:30",
        "previous": "2029-12-31T17:36:00+05:30",
    }
    schedule.fire(at(6, 1))
    assert TriggerState.objects.get().next_date == at(6)  # waits for the execution
    end_all()
    schedule.fire(at(6, 1))
    assert TriggerState.objects.get().next_date == at(4, day=2)


def test_days_that_fail_are_passed_over_whole(state: TriggerState) -> None:
    change(CONDITION + "DayWeekInMonth\n    dayOfWeek: SUNDAY\n    dayInMonth: FOURTH")
    assert TriggerState.objects.get().next_date == datetime(2030, 1, 26, 18, 30, tzinfo=UTC)  # 00:00 on 27 January in Kolkata


def test_a_date_that_never_comes_is_looked_for_no_longer_than_ten_years(state: TriggerState) -> None:
    change(CONDITION + "DayWeek\n    dayOfWeek: MONDAY\n  - type: io.kestra.plugin.core.condition.DayWeek\n    dayOfWeek: TUESDAY")
    found = TriggerState.objects.get().next_date
    assert found is None or found > BEGAN + timedelta(days=1000)
    schedule.fire(BEGAN + timedelta(days=30))
    assert fired() == []


def test_conditions_on_executions_do_not_matter(state: TriggerState) -> None:
    change(CONDITION + "ExecutionStatus\n    in: [FAILED]")
    schedule.fire(at(1, 1))
    assert len(fired()) == 1


@pytest.mark.parametrize("name", ["conditions", "scheduleConditions"])
def test_an_expression_sees_the_date(name: str, state: TriggerState) -> None:
    expression = "\"{{ trigger.date | date('mm') == '05' }}\""
    change(f"{name}:\n  - type: io.kestra.plugin.core.condition.Expression\n    expression: {expression}")
    assert TriggerState.objects.get().next_date == at(5)


def test_a_condition_that_cannot_be_rendered_makes_a_failed_execution_at_each_date(state: TriggerState) -> None:
    change(CONDITION + 'Expression\n    expression: "{{ nope.b }}"')
    for minute in (1, 2):
        schedule.fire(at(minute, 1))
    rows = Execution.objects.order_by("created")
    assert [(row.state, row.task_runs.count()) for row in rows] == [("FAILED", 0), ("FAILED", 0)]
    assert "A condition cannot be rendered" in rows[0].error
    assert "A condition cannot be rendered" in rows[0].log_lines.get().message


# --- dates one by one -------------------------------------------------------------------------------------------------------------


def test_dates_fire_one_by_one_in_their_zone(state: TriggerState) -> None:
    source = SOURCE.replace("trigger.Schedule", "trigger.ScheduleOnDates").replace(
        'cron: "* * * * *"',
        'dates: ["2030-01-01T17:40:00", "2030-01-01T12:20:00Z", "{{ \'2030-01-02T00:00:00Z\' }}", "2029-01-01T00:00:00Z"]',
    )
    services.update(user=None, namespace="company.team", flow_id="timed", source=source)
    look()
    assert TriggerState.objects.get().next_date == at(10)
    schedule.fire(at(10, 1))
    (row,) = Execution.objects.all()
    assert row.trigger is not None
    assert row.trigger["variables"] == {
        "date": "2030-01-01T17:40:00+05:30", "next": "2030-01-01T17:50:00+05:30", "previous": "2029-01-01T05:30:00+05:30",
    }  # fmt: skip
    end_all()
    fire_until_idle(at(0, day=5))
    assert [date[:16] for date in fired()] == ["2030-01-01T17:40", "2030-01-01T17:50", "2030-01-02T05:30"]
    assert TriggerState.objects.get().next_date is None


def test_dates_that_cannot_be_rendered_are_told_in_the_log_of_the_trigger(state: TriggerState) -> None:
    source = SOURCE.replace("trigger.Schedule", "trigger.ScheduleOnDates").replace('cron: "* * * * *"', "dates: '{{ nope.b }}'")
    services.update(user=None, namespace="company.team", flow_id="timed", source=source)
    look()
    row = TriggerState.objects.get()
    assert row.next_date is None
    assert [line.message.startswith("The trigger has no dates: ") for line in row.log_lines.all()] == [True]
    schedule.fire(at(5))
    assert row.log_lines.count() == 1


# --- backfill -----------------------------------------------------------------------------------------------------------------------


def backfill(start: datetime, end: datetime | None, **more: object) -> TriggerState:
    return backfilling.create(**NAMES, start=start, end=end, **more)  # type: ignore[arg-type]


def test_a_backfill_walks_through_its_dates_and_then_goes_on_as_planned(state: TriggerState) -> None:
    row = backfill(at(10, hour=10), at(12, hour=10), inputs={"a": "again"}, labels=[{"key": "why", "value": "backfill"}])
    assert row.next_date == at(10, hour=10)
    assert [date[11:16] for date in fire_until_idle(BEGAN)] == ["15:40", "15:41", "15:42"]
    first = Execution.objects.order_by("created")[0]
    assert (first.inputs["a"], first.labels) == ("again", [["team", "data"], ["why", "backfill"]])
    row.refresh_from_db()
    assert (row.backfill, row.next_date) == (None, at(1))
    schedule.fire(at(1, 1))
    last = Execution.objects.order_by("-created")[0]
    assert (last.trigger or {})["variables"]["date"] == "2030-01-01T17:31:00+05:30"
    assert last.labels == [["team", "data"]]


def test_each_date_of_a_backfill_waits_for_the_one_before(state: TriggerState) -> None:
    backfill(at(10, hour=10), at(12, hour=10))
    schedule.fire(BEGAN)
    schedule.fire(BEGAN)
    assert len(fired()) == 1
    row = TriggerState.objects.get()
    assert (row.backfill or {})["currentDate"] == "2030-01-01T15:41:00+05:30"


def test_a_paused_backfill_lets_the_normal_dates_go_on(state: TriggerState) -> None:
    backfill(at(10, hour=10), at(12, hour=10))
    schedule.fire(BEGAN)
    end_all()
    assert backfilling.pause(**NAMES).next_date == at(1)
    fire_until_idle(at(1, 1))
    assert [date[11:16] for date in fired()] == ["15:40", "17:31"]
    assert backfilling.unpause(**NAMES).next_date == at(11, hour=10)
    fire_until_idle(at(1, 2))
    assert [date[11:16] for date in fired()] == ["15:40", "17:31", "15:41", "15:42"]
    assert TriggerState.objects.get().next_date == at(2)


def test_a_deleted_backfill_is_over(state: TriggerState) -> None:
    backfill(at(10, hour=10), at(12, hour=10))
    assert backfilling.delete(**NAMES).next_date == at(1)
    fire_until_idle(BEGAN)
    assert fired() == []
    with pytest.raises(backfilling.NoBackfill):
        backfilling.delete(**NAMES)


def test_a_backfill_survives_a_change_of_the_flow(state: TriggerState) -> None:
    backfill(at(10, hour=10), at(12, hour=10))
    change("description: changed")
    assert [date[11:16] for date in fire_until_idle(BEGAN)][:1] == ["15:40"]


@pytest.mark.parametrize(
    ("start", "end", "error"),
    [(at(10), at(5), Invalid), (at(10, 10, hour=10), at(10, 50, hour=10), Invalid)],
)
def test_a_backfill_without_dates_is_refused(start: datetime, end: datetime, error: type[KestraError], state: TriggerState) -> None:
    with pytest.raises(error):
        backfill(start, end)


def test_only_one_backfill_at_a_time(state: TriggerState) -> None:
    backfill(at(10, hour=10), at(12, hour=10))
    with pytest.raises(Conflict):
        backfill(at(10, hour=10), at(12, hour=10))


# --- rows ---------------------------------------------------------------------------------------------------------------------------


def test_a_trigger_that_is_gone_is_forgotten(state: TriggerState) -> None:
    services.update(user=None, namespace="company.team", flow_id="timed", source=SOURCE.replace("id: often", "id: rarely"))
    look()
    assert [row.trigger_id for row in TriggerState.objects.all()] == ["rarely"]
    services.delete(user=None, namespace="company.team", flow_id="timed")
    look()
    assert not TriggerState.objects.exists()


def test_a_trigger_is_unlocked_restarted_and_forgotten(state: TriggerState) -> None:
    with pytest.raises(trigger_states.NotLocked):
        trigger_states.unlock(**NAMES)
    schedule.fire(at(1, 1))
    assert trigger_states.locked(TriggerState.objects.get())
    row = trigger_states.unlock(**NAMES)
    assert (row.execution_id, row.last_execution_id != "") == ("", True)
    schedule.fire(at(2, 1))
    assert len(fired()) == 2
    assert trigger_states.restart(**NAMES).date is None
    trigger_states.forget(**NAMES)
    schedule.fire(at(2, 30))
    assert TriggerState.objects.get().next_date == at(3)


@pytest.mark.parametrize(
    "act", [trigger_states.unlock, trigger_states.restart, trigger_states.forget, backfilling.pause, backfilling.delete]
)
def test_a_stranger_learns_nothing_and_a_reader_changes_nothing(act: Callable[..., object], state: TriggerState) -> None:
    people: dict[str, User] = builders.people()
    with pytest.raises(Missing):
        act(**{**NAMES, "user": people["stranger"]})
    with pytest.raises(Forbidden):
        act(**{**NAMES, "user": people["reader"]})
    state.refresh_from_db()
    assert state.next_date == at(1)


def test_stop_after_switches_the_trigger_off(state: TriggerState) -> None:
    change("stopAfter: [SUCCESS]")
    backfill(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC))
    schedule.fire(BEGAN)
    (row,) = Execution.objects.all()
    work_off(row)
    assert row.state == "SUCCESS"
    state.refresh_from_db()
    assert state.disabled
    assert [line.message for line in state.log_lines.all()] == [f"Switched off, because execution {row.id} ended with SUCCESS"]
