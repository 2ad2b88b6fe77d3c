"""Conditions hold where Kestra's do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.errors import ExpressionError
from engine.execution import Attempt, Execution, TaskRun
from engine.expressions import render
from engine.states import Moment, State
from plugins.catalog import CATALOG
from plugins.contract import Condition, ConditionFailed, Facts, FlowReference
from plugins.core.condition._windows import TimeWindow

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PREFIX = "io.kestra.plugin.core.condition."


def facts(execution: Execution | None = None, **variables: Any) -> Facts:
    def rendered(template: str, extra: Mapping[str, Any]) -> str:
        try:
            return render(template, {**variables, **extra})
        except ExpressionError as error:
            raise ConditionFailed(error.message) from error

    return Facts(FlowReference("company.team", "mine", 1), execution, rendered, CATALOG.condition)


def condition(type_: str, **written: Any) -> Condition:
    return CATALOG.condition({"type": PREFIX + type_, **written})


def execution(state: str = "SUCCESS", **changes: Any) -> Execution:
    made = Execution("x", "company.raw", "load", 1, State((Moment("CREATED", NOW), Moment(state, NOW))), labels=(("a", "1"), ("b", "2")))
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("date", "type_", "written", "wanted"),
    [
        ("2026-11-24T06:00:00Z", "DayWeek", {"dayOfWeek": "TUESDAY"}, True),
        ("2026-11-24T23:30:00-05:00", "DayWeek", {"dayOfWeek": "TUESDAY"}, True),
        ("2026-11-24T06:00:00Z", "DayWeek", {"dayOfWeek": "MONDAY"}, False),
        ("2026-11-02T06:00:00Z", "DayWeekInMonth", {"dayOfWeek": "MONDAY", "dayInMonth": "FIRST"}, True),
        ("2026-11-09T06:00:00Z", "DayWeekInMonth", {"dayOfWeek": "MONDAY", "dayInMonth": "FIRST"}, False),
        ("2026-11-30T06:00:00Z", "DayWeekInMonth", {"dayOfWeek": "MONDAY", "dayInMonth": "LAST"}, True),
        ("2026-11-23T06:00:00Z", "DayWeekInMonth", {"dayOfWeek": "MONDAY", "dayInMonth": "LAST"}, False),
        ("2026-11-23T06:00:00Z", "DayWeekInMonth", {"dayOfWeek": "MONDAY", "dayInMonth": "FOURTH"}, True),
        ("2026-11-28T06:00:00Z", "Weekend", {}, True),
        ("2026-11-27T23:59:59+01:00", "Weekend", {}, False),
        ("2026-11-24T06:00:00Z", "Weekend", {"date": "2026-11-28T06:00:00Z"}, True),
        ("2026-07-14T06:00:00+02:00", "PublicHoliday", {"country": "FR"}, True),
        ("2026-07-14T06:00:00+02:00", "PublicHoliday", {"country": "DE"}, False),
        ("2026-11-01T06:00:00+01:00", "PublicHoliday", {"country": "DE", "subDivision": "BY"}, True),
        ("2026-11-01T06:00:00+01:00", "PublicHoliday", {"country": "de", "subDivision": "DE-BE"}, False),
        ("2026-11-24T06:00:00Z", "DateTimeBetween", {"after": "2026-11-24T06:00:00Z"}, False),
        ("2026-11-24T06:00:01Z", "DateTimeBetween", {"after": "2026-11-24T07:00:00+01:00", "before": "2027-01-01T00:00:00Z"}, True),
        ("2027-01-01T00:00:00Z", "DateTimeBetween", {"before": "2027-01-01T00:00:00Z"}, False),
        ("2026-11-24T16:19:12Z", "TimeBetween", {"after": "16:19:11Z", "before": "17:19:12Z"}, True),
        ("2026-11-24T16:19:12Z", "TimeBetween", {"after": "16:19:12Z"}, False),
        ("2026-11-24T18:19:12+02:00", "TimeBetween", {"before": "17:00:00Z"}, True),
        ("2026-11-28T06:00:00Z", "Not", {"conditions": [{"type": PREFIX + "Weekend"}]}, False),
        ("2026-11-27T06:00:00Z", "Not", {"conditions": [{"type": PREFIX + "Weekend"}]}, True),
        (
            "2026-11-27T06:00:00Z",
            "Or",
            {"conditions": [{"type": PREFIX + "Weekend"}, {"type": PREFIX + "DayWeek", "dayOfWeek": "FRIDAY"}]},
            True,
        ),
        ("2026-11-27T06:00:00Z", "Or", {"conditions": [{"type": PREFIX + "Weekend"}]}, False),
    ],
)
def test_conditions_on_dates(date: str, type_: str, written: dict[str, Any], wanted: bool) -> None:
    assert condition(type_, **written).holds(facts(trigger={"date": date})) is wanted


@pytest.mark.parametrize(
    ("type_", "written", "wanted"),
    [
        ("ExecutionFlow", {"namespace": "company.raw", "flowId": "load"}, True),
        ("ExecutionFlow", {"namespace": "company.raw", "flowId": "other"}, False),
        ("ExecutionNamespace", {"namespace": "company.raw"}, True),
        ("ExecutionNamespace", {"namespace": "company"}, False),
        ("ExecutionNamespace", {"namespace": "company", "prefix": True}, True),
        ("ExecutionNamespace", {"namespace": "comp", "comparison": "PREFIX"}, True),
        ("ExecutionNamespace", {"namespace": ".raw", "comparison": "SUFFIX"}, True),
        ("ExecutionNamespace", {"namespace": "company", "comparison": "EQUALS", "prefix": True}, False),
        ("ExecutionLabels", {"labels": {"a": 1}}, True),
        ("ExecutionLabels", {"labels": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]}, True),
        ("ExecutionLabels", {"labels": {"a": "1", "c": "3"}}, False),
        ("ExecutionStatus", {"in": ["SUCCESS", "WARNING"]}, True),
        ("ExecutionStatus", {"notIn": ["SUCCESS"]}, False),
        ("ExecutionStatus", {"in": ["SUCCESS"], "notIn": ["SUCCESS"]}, False),
        ("ExecutionStatus", {}, True),
        ("FlowCondition", {"namespace": "company.team", "flowId": "mine"}, True),
        ("FlowCondition", {"namespace": "company.raw", "flowId": "load"}, False),
        ("FlowNamespaceCondition", {"namespace": "company"}, False),
        ("FlowNamespaceCondition", {"namespace": "company", "prefix": True}, True),
        ("ExecutionOutputs", {"expression": "{{ trigger.outputs.rows > 1 }}"}, False),
        ("HasRetryAttempt", {"in": ["SUCCESS"]}, False),
    ],
)
def test_conditions_on_executions_and_flows(type_: str, written: dict[str, Any], wanted: bool) -> None:
    assert condition(type_, **written).holds(facts(execution())) is wanted


@pytest.mark.parametrize(("text", "wanted"), [("", False), ("  ", False), (" false ", False), ("0", True), ("no", True), ("{{ a }}", True)])
def test_an_expression_holds_unless_it_is_blank_or_false(text: str, wanted: bool) -> None:
    assert condition("Expression", expression=text).holds(facts(a=1)) is wanted


def test_outputs_are_looked_at_where_there_are_some() -> None:
    found = condition("ExecutionOutputs", expression="{{ trigger.outputs.rows > 1 }}")
    assert found.holds(facts(execution(outputs={"rows": 2})))
    assert not found.holds(facts(execution(outputs={"rows": 1})))


def test_an_attempt_counts_where_its_task_was_tried_again() -> None:
    failed, good = (Attempt(number, State.new(NOW, state)) for number, state in enumerate(("FAILED", "SUCCESS")))
    twice = TaskRun("1", "again", State.new(NOW, "SUCCESS"), attempts=(failed, good))
    once = TaskRun("2", "once", State.new(NOW, "FAILED"), attempts=(failed,))
    assert condition("HasRetryAttempt", **{"in": ["FAILED"]}).holds(facts(execution(task_runs=(once, twice))))
    assert not condition("HasRetryAttempt", **{"in": ["FAILED"]}).holds(facts(execution(task_runs=(once,))))
    assert not condition("HasRetryAttempt", **{"in": ["KILLED"]}).holds(facts(execution(task_runs=(twice,))))


@pytest.mark.parametrize(
    ("type_", "written", "told"),
    [
        ("DateTimeBetween", {}, "needs `after` or `before`"),
        ("DayWeek", {"dayOfWeek": "MONDAY", "date": "{{ nope.a }}"}, "nope"),
        ("DayWeek", {"dayOfWeek": "MONDAY", "date": "soon"}, "`soon` is not a date"),
        ("TimeBetween", {"after": "noon"}, "`noon` is not a time"),
        ("PublicHoliday", {"country": "ZZ"}, "No public holidays are known of `ZZ`"),
        ("ExecutionStatus", {"in": ["SUCCESS"]}, "judges executions"),
        ("Not", {"conditions": [{"type": PREFIX + "ExecutionStatus"}]}, "judges executions"),
        ("MultipleCondition", {"id": "a", "conditions": {"b": {"type": PREFIX + "Weekend"}}}, "directly among"),
    ],
)
def test_what_cannot_be_told_is_said(type_: str, written: dict[str, Any], told: str) -> None:
    with pytest.raises(ConditionFailed, match=told):
        condition(type_, **written).holds(facts(trigger={"date": "2026-11-24T06:00:00Z"}))


@pytest.mark.parametrize(
    "written",
    [
        {"type": PREFIX + "Nope"},
        {"dayOfWeek": "MONDAY"},
        {"type": "io.kestra.plugin.core.log.Log", "message": "x"},
        {"type": PREFIX + "DayWeek", "dayOfWeek": "SOMEDAY"},
        {"type": PREFIX + "Not", "conditions": [{"type": PREFIX + "DayWeek"}]},
    ],
)
def test_a_condition_that_is_no_good_is_told_when_it_is_written(written: dict[str, Any]) -> None:
    trigger = {"id": "a", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "0 * * * *", "conditions": [written]}
    told = CATALOG.check(trigger, "trigger")
    assert told
    assert all(path[:1] == ("conditions",) for _, path in told)


OLD = "io.kestra.core.models.conditions.types."
RENAMED = (
    "DateTimeBetween", "DayWeek", "DayWeekInMonth", "ExecutionFlow", "ExecutionLabels", "ExecutionNamespace", "ExecutionOutputs",
    "ExecutionStatus", "HasRetryAttempt", "Not", "Or", "PublicHoliday", "TimeBetween", "Weekend",
)  # fmt: skip


def test_every_older_name_is_known() -> None:
    for name in RENAMED:
        assert CATALOG.canonical(f"{OLD}{name}Condition") == PREFIX + name
        assert CATALOG.canonical(f"{PREFIX}{name}Condition") == PREFIX + name
    for name in ("FlowCondition", "FlowNamespaceCondition", "MultipleCondition"):
        assert CATALOG.canonical(OLD + name) == PREFIX + name
    assert CATALOG.canonical(OLD + "VariableCondition") == CATALOG.canonical(PREFIX + "ExpressionCondition") == PREFIX + "Expression"


# --- windows ------------------------------------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 11, 24, 10, 20, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("written", "start", "end"),
    [
        ({}, "2026-11-24T00:00:00+01:00", "2026-11-25T00:00:00+01:00"),
        ({"window": "PT1H"}, "2026-11-24T10:00:00+01:00", "2026-11-24T11:00:00+01:00"),
        ({"window": "PT15M"}, "2026-11-24T10:15:00+01:00", "2026-11-24T10:30:00+01:00"),
        ({"window": "P1D", "windowAdvance": "PT6H"}, "2026-11-24T06:00:00+01:00", "2026-11-25T06:00:00+01:00"),
        ({"window": "P1D", "windowAdvance": "PT12H"}, "2026-11-23T12:00:00+01:00", "2026-11-24T12:00:00+01:00"),
        ({"window": "P1D", "windowAdvance": "-PT6H"}, "2026-11-23T18:00:00+01:00", "2026-11-24T18:00:00+01:00"),
        ({"window": "P7D"}, "2026-11-24T00:00:00+01:00", "2026-12-01T00:00:00+01:00"),
        ({"type": "SLIDING_WINDOW", "window": "PT1H"}, "2026-11-24T10:20:00+01:00", "2026-11-24T11:20:00+01:00"),
        ({"type": "DAILY_TIME_WINDOW", "startTime": "06:00:00", "endTime": "09:00:00"},
         "2026-11-24T06:00:00+01:00", "2026-11-24T09:00:00+01:00"),
        ({"type": "DAILY_TIME_WINDOW", "startTime": "09:00:00"}, "2026-11-24T09:00:00+01:00", "2026-11-24T23:59:59.999999+01:00"),
        ({"type": "DAILY_TIME_DEADLINE", "deadline": "11:00:00"}, "2026-11-24T00:00:00+01:00", "2026-11-24T11:00:00+01:00"),
        ({"type": "DAILY_TIME_DEADLINE", "deadline": "11:00:00Z"}, "2026-11-24T00:00:00+01:00", "2026-11-24T11:00:00+00:00"),
    ],
)  # fmt: skip
def test_windows_begin_and_end_where_they_are_asked_to(written: dict[str, Any], start: str, end: str) -> None:
    window = TimeWindow.model_validate(written).at(AT.astimezone(timezone(timedelta(0))), BERLIN)
    assert (window.start, window.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))
