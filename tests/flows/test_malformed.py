"""Two hundred flows that nobody should write: each gives problems with a place, none an exception."""

# ruff: noqa: E501 -- a case on one line reads better than one that is wrapped

from __future__ import annotations

import copy
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.parser import parse
from plugins.catalog import CATALOG

GOOD: dict[str, Any] = {
    "id": "f",
    "namespace": "company.team",
    "labels": {"a": "b"},
    "inputs": [{"id": "i", "type": "INT", "min": 1, "defaults": 2}, {"id": "s", "type": "SELECT", "values": ["a", "b"], "dependsOn": {"inputs": ["i"], "condition": "{{ true }}"}}],
    "variables": {"v": 1},
    "outputs": [{"id": "o", "type": "STRING", "value": "{{ 1 }}"}],
    "concurrency": {"limit": 1},
    "retry": {"type": "constant", "interval": "PT1S", "maxAttempt": 2},
    "pluginDefaults": [{"type": "io.kestra.plugin.core.log.Log", "values": {"level": "INFO"}}],
    "tasks": [
        {"id": "a", "type": "io.kestra.plugin.core.log.Log", "message": ["x", "y"], "retry": {"type": "random", "minInterval": "PT1S", "maxInterval": "PT2S"}},
        {"id": "p", "type": "io.kestra.plugin.core.flow.Parallel", "concurrent": 2, "tasks": [{"id": "r", "type": "io.kestra.plugin.core.debug.Return", "format": "{{ 1 }}"}]},
        {"id": "c", "type": "io.kestra.plugin.core.flow.If", "condition": "{{ true }}", "then": [{"id": "t", "type": "io.kestra.plugin.core.flow.Sleep", "duration": "PT1S"}]},
        {"id": "s", "type": "io.kestra.plugin.core.flow.Switch", "value": "x", "cases": {"x": [{"id": "u", "type": "io.kestra.plugin.core.execution.Fail"}]}},
        {"id": "w", "type": "io.kestra.plugin.core.flow.WorkingDirectory", "tasks": [{"id": "k", "type": "io.kestra.plugin.scripts.shell.Commands", "commands": ["ls"], "taskRunner": {"type": "io.kestra.plugin.core.runner.Process"}}]},
    ],
    "errors": [{"id": "e", "type": "io.kestra.plugin.core.log.Log", "message": "m"}],
}
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20), st.just("{{ broken"), st.just({}), st.just([]), st.just([None]),
    st.just({"type": "x"}), st.just({"id": "a", "type": "io.kestra.plugin.core.log.Log"}), st.just("a" * 300), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [found for key, item in inner for found in places(item, (*path, key))]


PLACES = places(GOOD)


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    flow = copy.deepcopy(GOOD)
    place: Any = flow
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return flow


def test_the_flow_that_is_spoilt_below_is_good() -> None:
    flow, problems = parse(yaml.safe_dump(GOOD), catalog=CATALOG)
    assert (flow is not None, problems) == (True, [])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), ODD)
def test_a_spoilt_flow_gives_a_flow_or_problems_that_have_a_place(path: tuple[Any, ...], value: Any) -> None:
    source = yaml.safe_dump(changed(path, value), sort_keys=False)
    flow, problems = parse(source, catalog=CATALOG)
    lines = source.count("\n") + 1
    assert flow is not None or problems
    assert all(problem.message and problem.line and problem.column and problem.line <= lines for problem in problems)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2000), st.text(max_size=12), st.integers(0, 40))
def test_a_text_with_a_piece_torn_out_gives_a_flow_or_problems(at: int, piece: str, gone: int) -> None:
    text = yaml.safe_dump(GOOD, sort_keys=False)
    place = at % len(text)
    flow, problems = parse(text[:place] + piece + text[place + gone :], catalog=CATALOG)
    assert flow is not None or problems
    assert all(problem.message and problem.line and problem.column for problem in problems)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_problems(text: str) -> None:
    flow, problems = parse(text, catalog=CATALOG)
    assert flow is None
    assert problems


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([path for path in PLACES if not (len(path) == 1 and path[0] in ("labels", "variables", "concurrency", "retry", "errors"))]))
def test_a_stored_flow_is_read_or_refused_however_old_it_is(path: tuple[Any, ...]) -> None:
    flow, problems = parse(yaml.safe_dump(changed(path, None), sort_keys=False), catalog=CATALOG, strict=False)
    assert flow is not None or problems
