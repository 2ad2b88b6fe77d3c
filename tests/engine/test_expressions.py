"""Expressions give what Kestra's give, say what is wrong, and cannot run away."""

# ruff: noqa: E501 -- a case on one line reads better than one that is wrapped

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import ExpressionError, WorldNeeded
from engine.expressions import (
    BOUNDED,
    PURE,
    Options,
    clock_function,
    needs_world,
    random_int_function,
    render,
    render_any,
    render_typed,
    truthy,
)
from engine.expressions.patterns import matches_fully
from engine.expressions.truth import holds
from engine.expressions.values import parse_duration
from tests.engine.expressions_cases import CASES, HOSTILE, MISTAKES


@pytest.mark.parametrize(("template", "variables", "text"), CASES)
def test_a_template_renders(template: str, variables: dict[str, Any], text: str) -> None:
    assert render(template, variables) == text


@pytest.mark.parametrize(("template", "variables", "message"), MISTAKES)
def test_a_mistake_is_told(template: str, variables: dict[str, Any], message: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(message)):
        render(template, variables)


@pytest.mark.parametrize("template", HOSTILE, ids=lambda template: template[:60])
def test_a_hostile_template_is_refused_soon(template: str) -> None:
    variables = {"x": {"loop": "{{ render(x.loop) }}", "long": "ab" * 200_000, "lines": "\n" * 200_000}, "raws": "{%raw%}" * 100_000}
    started = time.process_time()
    with pytest.raises(ExpressionError):
        render(template, variables)
    assert time.process_time() - started < 10


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}%# ab'\"()[].,|?:=+-*/~<>!1not if for end set\n", max_size=60))
@example("{{ x }}{% for a in b %}")
def test_any_text_gives_text_or_an_expression_error(template: str) -> None:
    failure: ExpressionError | None = None
    try:
        text = render(template, {"a": 1, "b": [1], "x": {"y": "z"}})
    except ExpressionError as error:
        failure = error
    assert isinstance(text, str) if failure is None else failure.line >= 1


def test_a_typed_rendering_keeps_the_type_of_a_lone_value() -> None:
    assert render_typed("{{ n }}", {"n": 3}) == 3
    assert render_typed(" {{ n }}", {"n": 3}) == " 3"
    assert render_typed("{{ n }}{{ n }}", {"n": 3}) == 6
    assert render_typed("{{ s }}{{ s }}", {"s": "ab"}) == "abab"
    assert render_typed("{% if n > 1 %}{{ [n] }}{% endif %}", {"n": 3}) == [3]
    assert render_typed("{{ null }}", {}) is None
    assert render_typed("plain", {}) == "plain"
    with pytest.raises(ExpressionError, match=r"Tried to add java\.lang\.String to java\.lang\.Integer"):
        render_typed("{{ n }}{{ s }}", {"n": 3, "s": "ab"})


def test_maps_and_lists_are_rendered_through_and_through() -> None:
    value = {"{{ k }}": ["{{ n }}", 1, {"in": "{{ n }}"}], "k": "second of the same key", "n": None}
    assert render_any(value, {"k": "k", "n": 2}) == {"k": ["2", 1, {"in": "2"}], "n": None}


def test_recursive_rendering_renders_what_comes_from_variables_but_not_raw_text() -> None:
    options = Options(recursive=True)
    variables = {"a": "{{ b }}", "b": "{{ c }}", "c": "1"}
    assert render("{{ a }}", variables, options=options) == "1"
    assert render("{% raw %}{{ a }}{% endraw %}", variables, options=options) == "{{ a }}"
    with pytest.raises(ExpressionError, match=r"\[render\] does not exist"):
        render("{{ render(a) }}", variables, options=options)


def test_a_function_of_the_world_is_named_and_missed_where_it_is_not_given() -> None:
    assert needs_world("{% if kv('a') %}{{ 'secret()' }}{{ now() }}{% endif %}") == {"kv", "now"}
    assert needs_world("{{ inputs.kv }}") == needs_world("{{ broken") == set()
    with pytest.raises(WorldNeeded) as caught:
        render("{{ kv('a') }}", {})
    assert caught.value.function == "kv"
    assert render("{{ kv('a', namespace='n') }}", {}, functions={**PURE, "kv": lambda key, namespace: f"{namespace}.{key}"}) == "n.a"


def test_a_program_of_jq_is_left_to_who_can_end_it() -> None:
    endless = "{{ [1] | jq('while(true; .)') }}"
    assert needs_world(endless) == {"jq"}
    for template in (endless, "{{ render(x) }}"):
        with pytest.raises(WorldNeeded) as caught:
            render(template, {"x": endless}, functions=BOUNDED)
        assert caught.value.function == "jq"


def test_now_and_random_numbers_come_from_the_caller() -> None:
    functions = {**PURE, "now": clock_function(lambda: dt.datetime(2024, 12, 20, 23, 30, tzinfo=dt.UTC)), "randomInt": random_int_function(lambda low, high: high - 1)}
    assert render("{{ now(format='iso_local_date', timeZone='Europe/Paris') }}", {}, functions=functions) == "2024-12-21"
    assert render("{{ randomInt(1, 4) }} {{ randomInt(2, 2) }}", {}, functions=functions) == "3 2"
    with pytest.raises(ExpressionError):
        render("{{ randomInt(4, 1) }}", {}, functions=functions)


def test_variables_are_not_changed_by_set() -> None:
    variables = {"x": 1}
    assert render("{% set x = 2 %}{{ x }}", variables) == "2"
    assert variables == {"x": 1}


def test_output_is_limited() -> None:
    with pytest.raises(ExpressionError, match="prints more than 100"):
        render("{{ x }}{{ x }}", {"x": "y" * 60}, options=Options(max_output=100))


@pytest.mark.parametrize(("text", "expected"), [(None, False), ("", False), ("false", False), ("0", False), ("-0", False), (" false", True), ("0.0", True), ("null", True), ("[]", True)])
def test_truthiness_is_a_short_list(text: str | None, expected: bool) -> None:
    assert truthy(text) is expected


@pytest.mark.parametrize(("text", "expected"), [(None, False), (" ", False), ("false", False), ("0", True), ("x", True)])
def test_an_expression_condition_has_a_truth_of_its_own(text: str | None, expected: bool) -> None:
    assert holds(text) is expected


def test_a_duration_of_months_is_refused() -> None:
    assert parse_duration("P1DT1M") == parse_duration("p1dt1m") == dt.timedelta(days=1, minutes=1)
    for text in ("P1M", "1 hour", ""):
        with pytest.raises(ValueError, match=r"duration|months"):
            parse_duration(text)


def test_a_simple_expression_is_quick() -> None:
    variables = {"outputs": {"load": {"value": "x"}}}
    render("{{ outputs.load.value }}", variables)
    best = min(_seconds(variables) for _ in range(5))
    assert best / 200 < 50e-6


def _seconds(variables: dict[str, Any]) -> float:
    started = time.perf_counter()
    for _ in range(200):
        render("{{ outputs.load.value }}", variables)
    return time.perf_counter() - started


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"A\d+", "A12", True), (r"A\d+", "A12b", False), (r"\Qa.b\E+", "a.bb", True), (r"\Qa.b\E", "axb", False), ("[a-z&&[^b]]", "b", False),
        (r"(?<year>\d{4})-\p{Lu}", "2024-É", True), ("(?i)abc", "ABC", True), ("a|b", "b", True), ("a++b", "aab", True),
    ],
)
def test_a_pattern_is_read_as_java_does(pattern: str, text: str, fits: bool) -> None:
    assert matches_fully(pattern, text) is fits


@pytest.mark.parametrize("pattern", ["\\", "(", "[", "(?:" * 1000 + "a" + ")*" * 1000, "a" * 20_000, "(?:a{1,1000}){1,1000}b"])
def test_a_pattern_that_is_none_or_never_ends_is_refused(pattern: str) -> None:
    with pytest.raises(ExpressionError):
        matches_fully(pattern, "a" * 2000)


@pytest.mark.parametrize(
    "template",
    ["{{ %s }}" % ("9" * 9000), "{{ -%s }}" % ("9" * 20), "{{ fromIon('%s') }}" % ("9" * 9000), "{{ fromIon('[1, -%s]') }}" % ("9" * 500), "{{ fromIon('%sd1') }}" % ("9" * 500)],
)  # fmt: skip
def test_a_number_too_long_to_be_one_is_a_mistake(template: str) -> None:
    with pytest.raises(ExpressionError):
        render(template, {})


def test_the_largest_number_is_one() -> None:
    assert render("{{ 9223372036854775807 }}|{{ 0000000000000000000000007 }}", {}) == "9223372036854775807|7"
