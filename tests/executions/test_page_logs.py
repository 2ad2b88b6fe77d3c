"""Windows of log lines and what is found in them."""

from __future__ import annotations

import pytest

from executions import page_logs
from executions.models import Execution
from executions.page_logs import Filter
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db

NUMBERS = 40


@pytest.fixture
def execution() -> Execution:
    """40 lines of task a: every 10th is an ERROR, every 5th a WARN, the rest INFO; then 3 of a step of task b at DEBUG."""
    own = data.execution()
    first, second = data.task_run(own, "a"), data.task_run(own, "b")
    data.log_lines(
        own, [(4 if n % 10 == 0 else 3 if n % 5 == 0 else 2, f"line {n} Token{n % 7}") for n in range(1, NUMBERS + 1)], run=first
    )
    data.log_lines(own, [(1, f"step line {n}") for n in range(3)], run=second, step_name="model.x")
    return own


def numbers(lines: list[page_logs.LogLine]) -> list[int]:
    return [line.number for line in lines]


def test_a_window_follows_a_line_and_another_comes_before_it(execution: Execution) -> None:
    assert numbers(page_logs.after(execution, Filter(), 10, 5)) == [11, 12, 13, 14, 15]
    assert numbers(page_logs.before(execution, Filter(), 10, 5)) == [5, 6, 7, 8, 9]
    assert numbers(page_logs.last(execution, Filter(), 2)) == [42, 43]


def test_a_window_around_a_line_holds_it_also_at_the_ends(execution: Execution) -> None:
    for number in (1, 2, 20, 42, 43):
        found = numbers(page_logs.around(execution, Filter(), number, 10))
        assert number in found
        assert found == sorted(found)
        assert len(found) == 10


def test_a_level_shows_what_is_at_least_as_grave_in_order(execution: Execution) -> None:
    assert numbers(page_logs.after(execution, Filter(level=3), 0)) == [5, 10, 15, 20, 25, 30, 35, 40]
    assert numbers(page_logs.before(execution, Filter(level=3), 26, 3)) == [15, 20, 25]
    assert numbers(page_logs.after(execution, Filter(level=4), 0)) == [10, 20, 30, 40]


def test_a_task_run_and_a_step_are_filters(execution: Execution) -> None:
    run = execution.task_runs.get(task_id="b")
    assert numbers(page_logs.after(execution, Filter(task_run=run.id), 0)) == [41, 42, 43]
    assert numbers(page_logs.after(execution, Filter(step="model.x"), 0)) == [41, 42, 43]
    assert page_logs.after(execution, Filter(step="model.y"), 0) == []


def test_a_text_is_found_whatever_its_case(execution: Execution) -> None:
    assert numbers(page_logs.after(execution, Filter(text="token3"), 0)) == [3, 10, 17, 24, 31, 38]


def test_a_window_knows_its_place(execution: Execution) -> None:
    window = page_logs.window(execution, Filter(level=3), page_logs.after(execution, Filter(level=3), 12, 3))
    assert (window.first, window.last, window.offset, window.total, window.before, window.after) == (15, 25, 2, 8, True, True)


def test_an_offset_counts_what_is_shown(execution: Execution) -> None:
    assert numbers(page_logs.at_offset(execution, Filter(), 10, 2)) == [11, 12]
    assert numbers(page_logs.at_offset(execution, Filter(level=4), 1, 2)) == [20, 30]


def test_jumps_go_round(execution: Execution) -> None:
    assert page_logs.find(execution, Filter(), 10, level=4) == 20
    assert page_logs.find(execution, Filter(), 10, level=4, forward=False) == 40
    assert page_logs.find(execution, Filter(), 40, level=4) == 10
    assert page_logs.find(execution, Filter(), 0, level=0) is None
    assert page_logs.find(execution, Filter(), 24, text="Token3") == 31
    assert page_logs.rank(execution, Filter(), 20, level=4) == (2, 4)


def test_counts_by_level_and_by_source(execution: Execution) -> None:
    first, second = execution.task_runs.order_by("task_id")
    assert page_logs.level_counts(execution) == {1: 3, 2: 32, 3: 4, 4: 4}
    assert page_logs.by_source(execution) == {(first.id, ""): (40, 8), (second.id, "model.x"): (3, 0)}


def test_the_rail_tells_where_warnings_errors_and_matches_are(execution: Execution) -> None:
    marks = page_logs.rail(execution, Filter(), "line 7 ")
    assert sorted({level for _, level in marks}) == [-1, 3, 4]
    assert all(0 <= place < 1 for place, _ in marks)
    assert len([1 for _, level in marks if level == 4]) == 4


def test_terminal_colours_are_left_out(execution: Execution) -> None:
    line = data.log_lines(execution, [(2, "\x1b[32mOK\x1b[0m in 0.13s")])[0]
    assert page_logs.shown([line])[0].text == "OK in 0.13s"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Filter()),
        ({"level": "warn"}, Filter(level=3)),
        ({"level": "4"}, Filter(level=4)),
        ({"level": "loud"}, Filter()),
        ({"run": "r", "step": "s", "q": "t"}, Filter(0, "r", "s", "t")),
    ],
)
def test_a_filter_is_read_from_a_query(query: dict[str, str], expected: Filter) -> None:
    assert page_logs.filter_of(query) == expected
