"""The Gantt as values: its axis, its rows, its bars."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions import gantt, time_axis
from tests.executions.page_data import BEGAN, at, histories


def run(
    run_id: str, state: str = "SUCCESS", *, parent: str | None = None, position: int = 0, start: float = 1, end: float = 3, **values: Any
) -> Any:
    made = histories(("CREATED", start), ("RUNNING", start), *([(state, end)] if state != "RUNNING" else []))
    base = {
        "id": run_id,
        "task_id": run_id,
        "parent_id": parent,
        "value": None,
        "iteration": None,
        "state": state,
        "histories": made,
        "attempts": [],
        "position": position,
    }
    return SimpleNamespace(**{**base, **values})


def step(
    step_id: str, state: str = "SUCCESS", *, of: str = "a", position: int = 0, start: float | None = 1, end: float | None = 2, **values: Any
) -> Any:
    base = {
        "id": step_id,
        "task_run_id": of,
        "attempt": 0,
        "name": step_id,
        "label": "",
        "kind": "model",
        "parent_name": "",
        "state": state,
        "started": at(start) if start is not None else None,
        "ended": at(end) if end is not None else None,
        "message": "",
        "data": {},
        "position": position,
    }
    return SimpleNamespace(**{**base, **values})


def axis(seconds: float = 10) -> time_axis.Axis:
    return time_axis.Axis(BEGAN, round(seconds * 1000), round(seconds * 1000), False)


@given(st.integers(min_value=0, max_value=40 * 86_400_000))
def test_a_live_axis_always_has_room_and_never_shrinks(elapsed: int) -> None:
    span = time_axis.live_span(elapsed)
    assert elapsed <= span * time_axis.ROOM + 1
    assert time_axis.live_span(elapsed + 1000) >= span


@given(st.integers(min_value=100, max_value=60 * 86_400_000))
def test_an_axis_has_at_most_eight_ticks_in_rising_order(span: int) -> None:
    moments = [moment for moment, _ in time_axis.ticks(span)]
    assert len(moments) <= 8
    assert moments == sorted(moments)
    assert all(0 < moment < span for moment in moments)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "500 ms"), (30, "30 s"), (90, "1 m 30 s"), (120, "2 m"), (7200, "2 h"), (86400, "1 d"), (90000, "1 d 1 h")]
)
def test_a_tick_is_written_without_needless_parts(seconds: float, text: str) -> None:
    assert time_axis.tick_text(seconds).replace("\u00a0", " ") == text


def test_the_axis_of_an_ended_execution_reaches_to_the_last_end() -> None:
    made = time_axis.axis_of(histories(("CREATED", 0), ("RUNNING", 0), ("FAILED", 10)), at(100), last=at(12))
    assert not made.live
    assert made.now == 12_000
    assert made.span > 12_000


def test_the_axis_of_a_running_execution_reaches_beyond_now() -> None:
    made = time_axis.axis_of(histories(("CREATED", 0), ("RUNNING", 0)), at(61))
    assert made.live
    assert (made.now, made.span) == (61_000, 90_000)


def test_bars_are_placed_in_percent_and_never_vanish() -> None:
    placed = axis(10).place(time_axis.Bar("SUCCESS", 2500, 5000))
    assert (placed.x, placed.width) == ("25.00%", "25.00%")
    assert axis(10).place(time_axis.Bar("SUCCESS", 5000, 5000)).width == "0.12%"
    assert time_axis.Axis(BEGAN, 20_000, 10_000, True).place(time_axis.Bar("RUNNING", 5000, None)).width == "25.00%"


def test_parents_come_before_their_children_and_siblings_in_order_of_creation() -> None:
    runs = [run("c", position=2), run("b", parent="a", position=1), run("a", position=0), run("d", parent="a", position=3)]
    rows = gantt.rows(runs, [step("s2", position=1), step("s1", position=0)], {}, axis())
    assert [row.id for row in rows] == ["a", "s1", "b", "s2", "d", "c"]
    assert [row.level for row in rows] == [1, 2, 2, 2, 2, 1]
    assert rows[0].has_children
    assert not rows[-1].has_children


def test_a_test_stands_under_its_model_and_behind_its_bar() -> None:
    model = step("model.m", start=1, end=2)
    test = step("test.t", "SUCCESS", kind="test", position=1, start=2, end=2.5, data={"attached_node": "model.m"})
    rows = gantt.rows([run("a")], [model, test], {}, axis())
    assert [(row.id, row.parent, row.level, row.hidden) for row in rows] == [
        ("a", "", 1, False),
        ("model.m", "a", 2, False),
        ("test.t", "model.m", 3, True),
    ]
    assert [(bar.css, bar.start) for bar in rows[1].bars] == [("", 1000), ("test", 2000)]


def test_a_model_with_a_warning_test_is_open() -> None:
    model = step("model.m")
    test = step("test.t", "WARNING", kind="test", position=1, parent_name="model.m", data={"num_failures": 12})
    rows = gantt.rows([run("a")], [model, test], {}, axis())
    assert rows[1].is_open
    assert not rows[2].hidden
    assert rows[2].note.replace("\u00a0", " ") == "12 rows"


def test_a_unit_test_stands_under_the_model_that_it_depends_on() -> None:
    steps = [step("model.m"), step("unit_test.u", kind="unit_test", position=1, data={"depends_on": ["model.m"]})]
    assert gantt.rows([run("a")], steps, {}, axis())[2].parent == "model.m"


def test_the_same_model_of_two_attempts_keeps_its_tests_apart() -> None:
    first = [step("m1", name="model.m"), step("t1", name="test.t", kind="test", parent_name="model.m", position=1)]
    second = [
        step("m2", name="model.m", attempt=1, position=2),
        step("t2", name="test.t", kind="test", parent_name="model.m", attempt=1, position=3),
    ]
    rows = {row.id: row for row in gantt.rows([run("a")], [*first, *second], {}, axis())}
    assert (rows["t1"].parent, rows["t2"].parent) == ("m1", "m2")


def test_each_attempt_has_its_own_bar() -> None:
    attempts = [
        {"number": 0, "histories": histories(("CREATED", 1), ("RUNNING", 1), ("FAILED", 2))},
        {"number": 1, "histories": histories(("CREATED", 4), ("RUNNING", 4), ("SUCCESS", 5))},
    ]
    row = gantt.rows([run("a", attempts=attempts)], [], {"a": "io.kestra.plugin.core.log.Log"}, axis())[0]
    assert [(bar.state, bar.start, bar.end) for bar in row.bars] == [("FAILED", 1000, 2000), ("SUCCESS", 4000, 5000)]
    assert (row.start, row.end, row.kind_text) == (1000, 5000, "Log")


def test_what_never_ran_has_no_bar_and_a_dash() -> None:
    row = gantt.rows([run("a")], [step("s", "SKIPPED", start=None, end=None, data={"cause": "m"})], {}, axis())[1]
    assert (row.bars, row.duration, row.note) == ((), "–", "m failed")


def test_what_goes_on_has_no_end() -> None:
    row = gantt.rows([run("a", "RUNNING")], [], {}, axis())[0]
    assert (row.start, row.end, row.duration, row.bars[0].end) == (1000, None, "", None)


def test_a_run_whose_parent_is_not_there_stands_on_its_own() -> None:
    rows = gantt.rows([run("a", parent="gone"), run("b", parent="a")], [], {}, axis())
    assert [row.id for row in rows] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "short"), [("io.kestra.plugin.dbt.cli.DbtCLI", "dbt.cli.DbtCLI"), ("io.kestra.plugin.core.flow.Sequential", "Sequential")]
)
def test_types_are_shortened(name: str, short: str) -> None:
    assert gantt.short_type(name) == short


def test_an_offset_before_the_origin_is_zero() -> None:
    assert time_axis.milliseconds(timedelta(seconds=-3)) == 0


def test_an_ended_step_shows_the_duration_that_it_told_of_itself() -> None:
    told, silent = step("b", end=2, data={"duration": 0.5}), step("c", end=2)
    going = step("d", "RUNNING", end=None, data={"duration": 0.5})
    shown = {row.id: row.duration for row in gantt.rows([run("a")], [told, silent, going], {}, axis())}
    assert (shown["b"], shown["c"], shown["d"]) == ("0.5\u00a0s", "1.0\u00a0s", "")
