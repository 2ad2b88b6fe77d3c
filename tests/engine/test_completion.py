"""Completion of expressions: which place is meant, and what may stand there."""

from __future__ import annotations

import time

import pytest

from engine.expressions import completion, render
from engine.expressions.completion import Option, Place

KNOWN = {
    "outputs": {"load": {"uri": "kestra:///x", "rows": 3}, "load-all": {"files": [{"name": "a.csv"}, {"name": "b.csv"}]}},
    "inputs": {"target": "dev", "it's": "odd"},
    "vars": {},
    "flow": {"id": "shop"},
}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{{ ", Place("name", 3, "")),
        ("{{ out", Place("name", 3, "out")),
        ("a {{ b }} {{ 1 + ou", Place("name", 17, "ou")),
        ("{{ outputs.", Place("member", 10, "", ("outputs",))),
        ("{{ outputs.load.u", Place("member", 15, "u", ("outputs", "load"))),
        ("{{ outputs . load . u", Place("member", 17, "u", ("outputs", "load"))),
        ("{{ outputs['load-all'].files[0].", Place("member", 31, "", ("outputs", "load-all", "files", 0))),
        ("{{ outputs[", Place("member", 10, "", ("outputs",))),
        ("{{ outputs['load-", Place("member", 10, "load-", ("outputs",))),
        ('{{ outputs["lo', Place("member", 10, "lo", ("outputs",))),
        ("{{ inputs.a | up", Place("filter", 14, "up")),
        ("{{ inputs.a |", Place("filter", 13, "")),
        ("{% if inputs.a is not em", Place("test", 22, "em")),
        ("{% for one in out", Place("name", 14, "out")),
        ("{{ f(inputs.", Place("member", 11, "", ("inputs",))),
        ("", Place("begin", 0, "")),
        ("  out", Place("begin", 2, "out")),
    ],
)
def test_the_place_is_found(text: str, place: Place) -> None:
    assert completion.place_of(text) == place


@pytest.mark.parametrize("text", ["a word", "{{ a }} out", "{% if a %}x", "{{ 'outputs.", '{{ "a', "{{ a }} outputs.", "{{ '}}' }} x"])
def test_nothing_is_offered_in_text_and_strings(text: str) -> None:
    assert completion.place_of(text) is None


@pytest.mark.parametrize("text", ["{{ 'a'.", "{{ 12.", "{{ f(a).", "{{ 12"])
def test_nothing_is_known_of_what_is_no_path(text: str) -> None:
    place = completion.place_of(text)
    assert place is None or completion.options(place, KNOWN) == []


def labels(text: str) -> list[str]:
    place = completion.place_of(text)
    assert place is not None
    return [one.label for one in completion.options(place, KNOWN)]


def test_members_are_what_there_is() -> None:
    assert labels("{{ outputs.") == ["load", "load-all"]
    assert labels("{{ outputs.load.") == ["uri", "rows"]
    assert labels("{{ outputs.load.ro") == ["rows"]
    assert labels("{{ outputs['load-all'].files[0].") == ["name"]
    assert labels("{{ outputs['load-all'].files[") == ["0", "1"]
    assert labels("{{ outputs.nothing.") == []


def test_names_are_variables_and_functions_but_none_out_of_reach() -> None:
    assert labels("{{ ")[:4] == ["outputs", "inputs", "vars", "flow"]  # what is named most stands first
    assert labels("{{ ran") == ["range"]
    assert labels("{{ secret") == []
    assert labels("{{ a | toJ")[0] == "toJson"
    assert labels("{% if a is emp")[0] == "empty"
    assert labels("inp") == ["inputs"]


def taken(text: str, label: str) -> str:
    """The text after the option of that label was taken."""
    place = completion.place_of(text)
    assert place is not None
    option: Option = next(one for one in completion.options(place, KNOWN) if one.label == label)
    return text[: option.start] + option.text


@pytest.mark.parametrize(
    ("text", "label", "end", "result"),
    [
        ("{{ outp", "outputs", ".load.rows }}", "3"),
        ("{{ outputs.lo", "load-all", ".files[1].name }}", "b.csv"),
        ("{{ outputs['lo", "load", ".rows }}", "3"),
        ("{{ outputs['load-all'].files[", "1", ".name }}", "b.csv"),
        ("{{ inputs.", "it's", " }}", "odd"),
        ("{{ inputs.target | upp", "upper", " }}", "DEV"),
        ("{{ ma", "max", "1, 2) }}", "2"),
        ("flo", "flow", ".id }}", "shop"),
    ],
)
def test_what_is_taken_can_be_rendered(text: str, label: str, end: str, result: str) -> None:
    assert render(taken(text, label) + end, KNOWN) == result


@pytest.mark.parametrize("text", ["{{ " + "a.b['c'] + " * 20_000 + "a.", "{{ " + "[" * 200_000, "{{ a" + ".b" * 100_000, "{{" * 100_000])
def test_a_very_long_text_is_no_burden(text: str) -> None:
    begun = time.thread_time()
    completion.place_of(text)
    assert time.thread_time() - begun < 2
