"""YAML is read as Kestra reads it, with the place of everything, and cannot grow without end."""

# ruff: noqa: E501 -- a case on one line reads better than one that is wrapped

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.yaml_ import MAX_CHARACTERS, Document, FastReader, _Builder, _events, dump, load, load_value

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("on", "on"), ("yes", "yes"), ("null", None), ("~", None), ("", None),
        ("12", 12), ("-3", -3), ("1_000", 1000), ("0x1f", 31), ("010", 10), ("1.5", 1.5), ("1e3", 1000.0), ("1.", 1.0),
        ("2023-01-01", "2023-01-01"), ("2023-01-01T00:00:00Z", "2023-01-01T00:00:00Z"), ("01:30:00", "01:30:00"), ("PT1H", "PT1H"),
        ("'12'", "12"), ("1.2.3", "1.2.3"), ("[a, {b: c}]", ["a", {"b": "c"}]), ("1: a\ntrue: b", {"1": "a", "true": "b"}), ("|\n  two\n  lines\n", "two\nlines\n"),
        ("a: &x {k: 1}\nb: *x", {"a": {"k": 1}, "b": {"k": 1}}), ("!!str 12", "12"), ("!custom text", "text"), ("\\", "\\"),
        ("x: &k a\n*k : 2", {"x": "a", "a": 2}), ("a: &x 1\nb: *x\nc: &x 2\nd: *x", {"a": 1, "b": 1, "c": 2, "d": 2}), ("a: b\tc\t# told", {"a": "b\tc"}),
        ("!!str", ""), ("! 12", "12"), ("[1, [2, &y 3], *y]", [1, [2, 3], 3]), ("# nothing", None), ("--- a\n...\n", "a"),
    ],
)
def test_a_scalar_is_read(text: str, value: object) -> None:
    document = load(text)
    assert (document.value, document.problems) == (value, [])


def test_every_node_has_its_place() -> None:
    document = load("id: x\ntasks:\n  - id: a\n    message: hello\n")
    assert document.place(("tasks", 0, "message")) == (4, 5)
    assert document.places[("tasks", 0, "message")] == (4, 14)
    assert document.place(("tasks", 0, "nothing", "here")) == (3, 5)
    assert document.place(("tasks", 0)) == (3, 5)


@pytest.mark.parametrize(
    "written",
    [
        "a: plain # told",
        "a: plain on\n   two\n\n   or three lines",
        "a: 'it''s in ''quotes'''",
        "a: 'over\n  two ''\n\n  lines'",
        "a: |\n  one\n\n    two\n  three\n",
        "a: >-\n  one\n  two\n\n  three\n    more\n  four",
        "a: &x !!str |2-\n    one\n  two",
        "a: |+\r\n  one\r\n  two\r\n\r\n",
        "b: 1\na: &x 'one\n  two'",
        "[{a: plain\n  text}, 'two\n three']",
    ],
)
def test_every_sign_of_a_text_is_found_where_it_is_written(written: str) -> None:
    document, lines = load(written), written.splitlines()
    path = ("a",) if isinstance(document.value, dict) else (1,)
    text = document.value[path[0]]
    for number, line in enumerate(text.split("\n"), start=1):
        for column, sign in enumerate(line, start=1):
            at, there = document.inside(path, text, number, column)
            if not sign.isspace():
                assert lines[(at or 0) - 1][(there or 0) - 1] == sign


def test_a_sign_after_escapes_is_found() -> None:
    document = load('a: "\\t\\\\ \\x41\\u00e9\\"\\_\\\n   \\N x"')
    assert document.inside(("a",), document.value["a"], 1, document.value["a"].index("x") + 1) == (2, 7)


@pytest.mark.parametrize(("column", "place"), [(1, (1, 5)), (2, (1, 6)), (4, (1, 8)), (5, (1, 9)), (99, (1, 10))])
def test_what_is_beside_white_space_or_after_the_end_is_found_there(column: int, place: tuple[int, int]) -> None:
    assert load("a: 'b c d'").inside(("a",), "b c d", 1, column) == place


def test_a_mistake_has_snakeyamls_words_and_its_place() -> None:
    problem = load("id: x\n  namespace: [\n").problems[0]
    assert problem.message == "mapping values are not allowed here\n in 'reader', line 2, column 12:\n      namespace: [\n               ^"
    assert (problem.line, problem.column) == (2, 12)


def test_duplicate_keys_are_told_with_their_path() -> None:
    document = load("variables:\n  tf: 1\n  tf: 2\n")
    assert [(p.message, p.line, p.column, p.path) for p in document.problems] == [("Duplicate field 'variables.tf'", 3, 3, "variables.tf")]
    assert document.value == {"variables": {"tf": 1}}


@pytest.mark.parametrize(
    "text",
    [
        BOMB, "[" * 1000, "a: " * 500, "a: &a [*a]", "a: &a {b: *a}", "x" * (MAX_CHARACTERS + 1), "- &a x\n" + "- *a\n" * 200, "{[a]: b}", "a: !!python/object:os.system x\nb: [",
        "? {a: b}\n: c", "a: \x07", "--- a\n--- b", "\ttab: 1", "a: *nothing", "%YAML 9.9\n---\na", "&a &b c", "a: 1" + "0" * 500 + "x: :", "- !!int abc: [", "!!float x: {",
    ],
)
def test_a_hostile_text_gives_problems_not_exceptions(text: str) -> None:
    document = load(text)
    assert document.problems
    assert all(problem.message and problem.line and problem.column for problem in document.problems)


@pytest.mark.parametrize("text", ["!!int abc", "!!float abc", "!!bool abc", "!!timestamp x", "!!binary x", "!!set {a}", "!!omap [a: b]", "!!python/name:os.system x"])
def test_a_tag_that_does_not_fit_does_no_harm(text: str) -> None:
    load(text)


def test_a_bomb_is_refused_in_no_time_by_the_data_reader_too() -> None:
    with pytest.raises(yaml.YAMLError):
        load_value(BOMB)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=" \n\t:-[]{}&*!|>'\"#%@`,?ab1", max_size=80))
def test_any_text_is_read_or_told(text: str) -> None:
    load(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=" \n-:[]{}&*!|>'\"#%,?ab1é", max_size=60))
def test_both_parsers_agree_on_what_both_can_read(text: str) -> None:
    fast, plain = Document(), Document()
    try:
        expected = _Builder(_events(yaml.SafeLoader(text)), plain).build(())
        value = _Builder(_events(FastReader(text)), fast).build(())
    except (yaml.YAMLError, IndexError, ValueError):
        return
    assert (value, fast.keys, fast.problems) == (expected, plain.keys, plain.problems)


def test_plain_values_are_written_back() -> None:
    value = {"id": "x", "list": [1, "two", {"a": None}], "on": "yes"}
    assert load(dump(value)).value == value
