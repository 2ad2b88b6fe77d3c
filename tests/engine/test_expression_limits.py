"""What a template may cost: each of these would take for ever, or all memory, and is ended soon."""

# ruff: noqa: E501 -- lists of templates and words read better without wrapping

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import ExpressionError, WorldNeeded
from engine.expressions import BOUNDED, SHORT, Options, render
from engine.expressions.values import Missing

CLOCKED = Options(clock=time.thread_time)
BIG: dict[str, Any] = {
    "list": list(range(50_000)), "maps": [{"k": number} for number in range(20_000)], "text": "ab" * 1_000_000, "lines": "\n" * 200_000,
    "loop": "{{ render(loop) }}", "floats": [number / 7 for number in range(50_000)],
}  # fmt: skip
MANY = "{{% for a in 1..90000 %}}{}{{% endfor %}}"
HOSTILE = [
    "{% for a in list %}{% for b in list %}{% endfor %}{% endfor %}",
    "{{ 1..1000000000 }}", "{{ range(0, 1000000000) }}", "{{ render(loop) }}",
    "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}",
    "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(25) }}",
    "{% set a = text %}{% for i in 1..60 %}{% set a = a ~ a %}{% endfor %}{{ a }}",
    "{% set a = [1] %}{% for i in 1..60 %}{% set a = a + a %}{% endfor %}{{ a }}",
    "{% set a = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% endfor %}{{ a }}",
    "{% set a = {'k': 1} %}{% for i in 1..60 %}{% set a = {'k': a, 'l': a} %}{% endfor %}{{ a }}",
    "{% set a = maps %}{% for i in 1..60 %}{% set a = a | merge(a) %}{% endfor %}{{ a }}",
    "{{ maps - maps }}", "{{ maps contains maps }}", "{{ maps | distinct }}",
    *(
        MANY.format(f"{{{{ {costly} }}}}")
        for costly in (
            "maps == maps", "list contains 7", "list | sort | length", "text contains 'zzz'", "text | sha512", "text | upper | length",
            "text | slugify", "list | toJson | length", "maps | yaml | length", "printContext() | length", "render(text) | length",
            "render('{{ ' ~ a ~ ' }}')", "text | trim | length", "list | chunk(1) | length", "list | reverse | first", "text | split(',')",
            "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | replace({'(a+)+$': 'b'}, true)", "text | base64encode | length", "text | urlencode | length",
            "fromJson(list | toJson) | length", "yaml(maps | toJson) | length", "list | join | length", "text ~ a", "list + [a]", "floats | sort",
        )
    ),
    "{{ text | replace({'': text}) }}", "{{ text | replace({'.': text}, true) }}", "{{ lines | indent(1000, '                    ') }}",
    "{{ list | join(text) }}", "{{ text | split('') | join(text) }}", "{{ yaml(text) }}", "{{ fromIon('[' ~ text ~ ']') }}",
    "{{ 9 | numberFormat('0' ~ text) }}", "{{ '2024-01-01' | date(text) }}", "{{ '2024-01-01' | dateAdd(9999999999999999, 'YEARS') }}",
    "{{ '1e999999999' | number('BIGDECIMAL') | numberFormat('0') }}",
    "{{ 'x' | replace({'" + "(" * 20_000 + "': 'y'}, true) }}", "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | split('(a|aa)+$') }}{{ 1 | frob }}",
    "{{ " + "(" * 500 + "1" + ")" * 500 + " }}", "{{ " + "[" * 500 + "]" * 500 + " }}", "{{ " + "not " * 500 + "true }}",
    "{{ " + "-" * 5000 + "1 }}", "{% if true %}" * 200 + "{% endif %}" * 200, "{{ '" + "A" * 3_000_000 + "' }}", "{{ 1 }}" * 60_000,
    "{{ a" + ".a" * 60_000 + " }}", "{{ " + "1 + " * 60_000 + "1 }}", '{{ "' + "#{1}" * 60_000 + '" }}',
]  # fmt: skip


@pytest.mark.parametrize("template", HOSTILE, ids=lambda template: template[:70])
def test_a_hostile_template_is_ended_soon(template: str) -> None:
    started = time.thread_time()
    with pytest.raises(ExpressionError) as error:
        render(template, BIG, functions=BOUNDED, options=CLOCKED)
    assert time.thread_time() - started < 5
    assert len(error.value.message) < 2000


@pytest.mark.parametrize("template", HOSTILE, ids=lambda template: template[:70])
def test_inside_a_transaction_it_is_left_to_others_even_sooner(template: str) -> None:
    started = time.thread_time()
    with pytest.raises(ExpressionError):
        render(template, BIG, functions=BOUNDED, options=SHORT)
    assert time.thread_time() - started < 3


def test_what_goes_beyond_a_transaction_is_left_to_who_can_wait() -> None:
    for template in ("{% for a in 1..30000 %}{{ a }}{% endfor %}", "{{ 'a1b' | split('[0-9]') }}", "{{ list | sort | reverse | sort | reverse | sort | reverse | length }}"):
        with pytest.raises(WorldNeeded):
            render(template, BIG, functions=BOUNDED, options=SHORT)
        assert render(template, BIG, functions=BOUNDED, options=CLOCKED)
    assert render("{{ 'a,b' | split(',') }}{% for a in 1..1000 %}{% endfor %}", BIG, functions=BOUNDED, options=SHORT) == '["a","b"]'


def test_a_template_of_ordinary_size_stays_within_the_limits() -> None:
    table = "{% for row in maps %}{{ loop.index }}: {{ row.k }}{% if not loop.last %}, {% endif %}{% endfor %}"
    assert render(table, {"maps": BIG["maps"][:5000]}, options=CLOCKED).endswith("4999: 4999")
    assert len(render("{{ list | toJson }}{{ maps | yaml }}", {"list": BIG["list"], "maps": BIG["maps"][:2000]}, options=CLOCKED)) > 300_000


OBJECTS = ["''", "1", "1.5", "[]", "{}", "null", "true", "list", "date", "range(1, 2)", "loop", "self", "missing"]
INSIDE = ["__class__", "__init__", "__globals__", "__dict__", "mro", "format", "join", "get", "items", "append", "_writer", "message", "tzinfo", "real"]


@pytest.mark.parametrize("value", OBJECTS)
@pytest.mark.parametrize("name", INSIDE)
def test_no_attribute_of_python_is_reachable(value: str, name: str) -> None:
    variables = {"list": [1], "date": dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "missing": Missing("x", "x")}
    for template in (f"{{{{ ({value}).{name} }}}}", f"{{{{ ({value})['{name}'] }}}}", f"{{{{ {value} | {name} }}}}", f"{{{{ ({value}).{name}() }}}}"):
        if name == "join" and "|" in template:
            continue
        with pytest.raises(ExpressionError):
            render(template, variables)


WORDS = st.sampled_from([
    "{{", "}}", "{%", "%}", "{#", "#}", "-", "if", "elseif", "else", "endif", "for", "in", "endfor", "set", "=", "macro", "endmacro", "block",
    "endblock", "filter", "endfilter", "verbatim", "endverbatim", "raw", "endraw", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "|", "~", "+", "*",
    "/", "%", "==", "!=", "<", ">=", "..", "??", "???", "and", "or", "not", "is", "is not", "isIn", "contains", "equals", "1", "2.5", "9L", "'a'", '"b"',
    '"x#{1}y"', "true", "null", "name", "list", "map", "nowhere", "f", "upper", "length", "join", "first", "default", "date", "split", "replace", "sort",
    "keys", "number", "toJson", "yaml", "defined", "empty", "even", "max", "range", "render", "fromJson", "loop", " ", "\n",
])  # fmt: skip


def expressions() -> st.SearchStrategy[str]:
    """Expressions that follow the grammar; what they mean is another matter."""
    leaves = st.sampled_from(["1", "2", "0", "3.5", "'a'", "'12'", "''", '"#{name}!"', "true", "false", "null", "name", "list", "map", "map.k", "nowhere"])

    def bigger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = st.sampled_from(["+", "-", "*", "/", "%", "~", "==", "!=", "<", ">", "and", "or", "??", "???", "contains", "isIn", ".."])
        filters = st.sampled_from(
            ["upper", "length", "first", "last", "join(',')", "split('')", "sort", "keys", "values", "toJson", "yaml", "number", "abs", "string", "reverse",
             "default(1)", "slice(0, 1)", "chunk(2)", "merge([1])", "flatten", "distinct", "className", "replace({'a': 'b'})", "date('yyyy')", "toIon"]
        )  # fmt: skip
        tests = st.sampled_from(["defined", "null", "empty", "even", "map", "iterable", "json", "not odd"])
        return st.one_of(
            st.tuples(inner, operators, inner).map(lambda made: f"({made[0]} {made[1]} {made[2]})"),
            st.tuples(inner, filters).map(lambda made: f"({made[0]} | {made[1]})"),
            st.tuples(inner, tests).map(lambda made: f"({made[0]} is {made[1]})"),
            st.tuples(inner, inner, inner).map(lambda made: f"({made[0]} ? {made[1]} : {made[2]})"),
            st.lists(inner, max_size=3).map(lambda made: f"[{', '.join(made)}]"),
            st.tuples(inner, inner).map(lambda made: f"{{'a': {made[0]}, 'b': {made[1]}}}"),
            inner.map(lambda made: f"(not {made})"), inner.map(lambda made: f"(-{made})"), st.tuples(inner, inner).map(lambda made: f"({made[0]})[{made[1]}]"),
        )

    return st.recursive(leaves, bigger, max_leaves=12)


KNOWN: dict[str, Any] = {"name": "shop", "list": [3, 1, 2], "map": {"k": {"d": 1}}, "n": None}
SMALL = Options(max_steps=5000, max_work=200_000, max_output=50_000, max_nodes=5000, max_iterations=2000)


def attempt(template: str, options: Options = SMALL) -> str:
    """The text, or the first words of why there is none; any other exception goes through."""
    try:
        return render(template, KNOWN, functions=BOUNDED, options=options)
    except ExpressionError as error:
        return f"! {error.message.partition(' (')[0].partition(' used in')[0]}"[:5000]


@settings(max_examples=400, deadline=None)
@given(st.lists(WORDS, max_size=25))
def test_any_words_give_text_or_an_expression_error(words: list[str]) -> None:
    for template in (" ".join(words), "".join(words)):
        assert len(attempt(template)) <= SMALL.max_output


@settings(max_examples=400, deadline=None)
@given(expressions())
def test_any_expression_gives_text_within_the_limits_or_an_expression_error(expression: str) -> None:
    text = attempt(f"{{{{ {expression} }}}}")
    assert len(text) <= SMALL.max_output
    assert attempt(f"{{{{ {expression} }}}}") == text


@settings(max_examples=200, deadline=None)
@given(expressions())
def test_an_expression_means_the_same_wherever_it_stands(expression: str) -> None:
    text = attempt(f"{{{{ {expression} }}}}")
    if text.startswith("!"):
        return
    assert attempt(f"{{{{ ({expression}) }}}}") == text
    assert attempt(f"a{{{{ {expression} }}}}b") == f"a{text}b"
    assert attempt(f"{{% set made = {expression} %}}{{{{ made }}}}") == text
    assert attempt(f"{{{{ true ? {expression} : nowhere }}}}") == text
    assert attempt(f"{{{{ ({expression}) ??? 'other' }}}}") == text
    assert attempt(f"{{{{ nowhere ?? ({expression}) }}}}") == text
    assert attempt(f"{{% if true %}}{{{{ {expression} }}}}{{% endif %}}") == text
    assert attempt(f"{{% filter default('') %}}{{{{ {expression} }}}}{{% endfilter %}}") == (text if text.strip() else "")
    assert attempt(f"{{% macro m(v) %}}{{{{ v }}}}{{% endmacro %}}{{{{ m({expression}) }}}}") == text
    assert attempt(f"{{% for v in [{expression}] %}}{{{{ v }}}}{{% endfor %}}") == text


@settings(max_examples=200, deadline=None)
@given(expressions(), expressions())
def test_operators_keep_their_laws(left: str, right: str) -> None:
    for law in (f"(({left}) == ({right})) == (({right}) == ({left}))", f"(({left}) != ({right})) == (not (({left}) == ({right})))",
                f"(({left}) isIn ({right})) == (({right}) contains ({left}))", f"(({left}) is defined) == (not (({left}) is not defined))"):
        text = attempt(f"{{{{ {law} }}}}")
        assert text == "true" or text.startswith("!"), law


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.text(st.characters(codec="utf-8", exclude_characters="\0\x85\u2028\u2029", exclude_categories=["Cc", "Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcyn0", min_size=1, max_size=3), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
@example({"0E0": ["0E0", "1_0", "0x1f", "~", "1.", "Yes", "=", "<<", "1:30", "0o7", "+.5", "!x", "&a", "*a", "- a", "? a", "%a", "@a", "a: b", "a #b"]})
def test_a_value_survives_every_form_of_text(value: Any) -> None:
    for there, back in (("toJson", "fromJson"), ("toIon", "fromIon"), ("yaml", "yaml")):
        assert render(f"{{{{ {back}(v | {there}) == v }}}}", {"v": value}) == "true", there
