"""Critical path, threads, layers, slow steps and forecasts, of steps that are made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions import timing
from executions.timing import Past, Span

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def span(name: str, start: float | None, end: float | None, *waits_for: str, **more: Any) -> Span:
    started, ended = (None if moment is None else at(moment) for moment in (start, end))
    return Span(name, name, name, more.pop("state", "SUCCESS"), started, ended, waits_for=waits_for, **more)


def names(spans: list[Span]) -> list[str]:
    return [each.name for each in spans]


def test_the_critical_path_follows_what_ended_last_before_each() -> None:
    spans = [span("a", 0, 5), span("b", 0, 1), span("c", 5, 6, "a", "b"), span("d", 1, 4, "b"), span("e", 6.02, 9, "c", "d")]
    assert names(timing.critical_path(spans)) == ["a", "c", "e"]


def test_a_model_waits_for_the_tests_of_what_it_reads() -> None:
    spans = [span("a", 0, 1), span("test", 1, 7, tests="a"), span("b", 7, 8, "a")]
    assert names(timing.critical_path(spans)) == ["a", "test", "b"]


def test_a_step_may_have_waited_for_its_thread() -> None:
    spans = [span("a", 0, 5, thread="1", of="x"), span("b", 5, 9, thread="1", of="x"), span("c", 0, 1, thread="2", of="x")]
    assert names(timing.critical_path(spans)) == ["a", "b"]


def test_a_hook_waits_for_all_and_all_wait_for_it() -> None:
    spans = [
        span("start", 0, 1, alone=True),
        span("a", 1, 5),
        span("b", 1, 3),
        span("end", 5, 6, alone=True),
    ]
    assert names(timing.critical_path(spans)) == ["start", "a", "end"]


def test_what_never_ran_is_on_no_path() -> None:
    assert timing.critical_path([]) == []
    assert timing.critical_path([span("a", None, None), span("b", 1, None), span("c", 2, 2, state="SKIPPED")]) == []


def test_threads_tell_how_long_they_had_nothing_to_do() -> None:
    spans = [
        span("a", 0, 10, thread="Thread-10", of="x"),
        span("b", 0, 2, thread="Thread-2", of="x"),
        span("c", 5, None, thread="Thread-2", of="x"),
    ]
    lanes = timing.threads(spans, at(10))
    assert [(lane.name, names(list(lane.spans)), round(lane.busy, 2)) for lane in lanes] == [
        ("Thread-2", ["b", "c"], 0.7),
        ("Thread-10", ["a"], 1.0),
    ]


def test_layers_are_as_deep_as_the_longest_chain_and_tests_are_beside_what_they_test() -> None:
    spans = [span("a", 0, 1), span("b", 1, 2, "a"), span("c", 2, 3, "a", "b"), span("t", 3, 4, "a", tests="b"), span("x", 0, 1, "outside")]
    assert [(lane.name, names(list(lane.spans))) for lane in timing.layers(spans)] == [
        ("Layer 1", ["a", "x"]),
        ("Layer 2", ["b", "t"]),
        ("Layer 3", ["c"]),
    ]


def test_the_slowest_stand_beside_their_median() -> None:
    spans = [span("a", 0, 3), span("b", 0, 1), span("new", 0, 2)]
    found = timing.slowest(spans, Past({"a": [1, 1, 9], "b": [1.0]}), 2)
    assert [(slow.span.name, slow.usual, slow.slower) for slow in found] == [("a", 1, True), ("new", None, False)]
    assert found[0].factor == 3


def test_a_forecast_counts_what_is_left_on_as_many_threads() -> None:
    last = (span("a", 0, 4, thread="1"), span("b", 0, 4, thread="2"), span("c", 4, 8, "a", thread="1"), span("d", 4, 6, "b", thread="2"))
    past = Past({"a": [4.0], "b": [4.0], "c": [4.0], "d": [2.0]}, [10.0, 9.0, 11.0], [1.0], last)
    now = [span("a", 0, 4, thread="1"), span("b", 0, None, thread="2")]
    found = timing.forecast(now, past, 4.0, at(4))
    assert found is not None
    assert found.left == pytest.approx(5.0, abs=0.5)  # c takes 4 s on a thread of its own, and 1 s comes after the last step
    assert found.least <= found.left <= found.most
    assert 0.4 < found.done < 0.5
    assert timing.forecast(now, Past(), 4.0, at(4)) is None
    assert timing.forecast([], Past({}, [10.0]), 4.0, at(4)).left == 6.0  # type: ignore[union-attr]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50), st.integers(0, 50), st.lists(st.integers(0, 9), max_size=4)), max_size=10))
def test_any_graph_even_one_with_a_cycle_has_layers_a_path_and_a_forecast(made: list[tuple[int, int, int, list[int]]]) -> None:
    by_name = {str(n): span(str(n), start, start + took, *map(str, waits), thread=str(n % 3)) for n, start, took, waits in made}
    spans = list(by_name.values())
    assert sorted(name for lane in timing.layers(spans) for name in names(list(lane.spans))) == sorted(names(spans))
    path = timing.critical_path(spans)
    assert len({each.id for each in path}) == len(path)
    assert not path or path[-1].ended == max(each.ended for each in spans if each.ended)
    left = timing.forecast([], Past({name: [1.0] for name in names(spans)}, [9.0], [0.0], spans), 0.0, BEGAN)
    assert left is not None
    assert left.left >= 0
