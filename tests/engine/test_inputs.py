"""Inputs are resolved, coerced and refused as Kestra does."""

# ruff: noqa: E501 -- a case on one line reads better than one that is wrapped

from __future__ import annotations

from typing import Any

import pytest

from engine.document import Input, Output
from engine.errors import InputError
from engine.expressions import render_any, render_typed
from engine.inputs import Resolved, flow_outputs, resolve_inputs, validate_inputs


def declared(kind: str, id: str = "x", *, required: bool = True, defaults: Any = None, needs: tuple[str, ...] = (), when: str | None = None, **own: Any) -> Input:
    return Input(id, kind, required=required, defaults=defaults, depends_on=needs, condition=when, properties=own)


def store(input: Input, value: Any) -> str:
    return f"kestra:///stored/{input.id}/{value}"


def encrypt(text: str) -> dict[str, str]:
    return {"type": "io.kestra.datatype:aes_encrypted", "value": text[::-1]}


def resolve(*inputs: Input, **supplied: Any) -> dict[str, Any]:
    return resolve_inputs(inputs, {key.replace("__", "."): value for key, value in supplied.items()}, render=render_typed, store_file=store, encrypt=encrypt)


def check(*inputs: Input, **supplied: Any) -> list[Resolved]:
    return validate_inputs(inputs, supplied, render=render_typed, store_file=store, encrypt=encrypt)


ACCEPTED: list[tuple[Input, Any, Any]] = [
    (declared("STRING"), "a", "a"),
    (declared("STRING"), "", ""),
    (declared("STRING", validator=r"A\d+"), "A12", "A12"),
    (declared("ENUM", values=["A", "B"]), "A", "A"),
    (declared("SELECT", values=["A"], allowCustomValue=True), "other", "other"),
    (declared("SELECT", values=["A"], required=False), "other", "other"),
    (declared("MULTISELECT", values=["A", "B"]), '["A","B"]', ["A", "B"]),
    (declared("ARRAY", itemType="INT"), "[1, 2]", [1, 2]),
    (declared("ARRAY", itemType="BOOLEAN"), ["true", False], [True, False]),
    (declared("INT"), "42", 42),
    (declared("INT", min=10, max=20), 10, 10),
    (declared("FLOAT"), "42.42", 42.42),
    (declared("FLOAT"), "1", 1.0),
    (declared("BOOLEAN"), "TRUE", True),
    (declared("BOOLEAN"), "yes", False),
    (declared("BOOL"), "true", True),
    (declared("DATETIME"), "2019-10-06T18:27:49Z", "2019-10-06T18:27:49.000Z"),
    (declared("DATETIME"), "2019-10-06T20:27:49.5+02:00", "2019-10-06T18:27:49.500Z"),
    (declared("DATE"), "2019-10-06", "2019-10-06"),
    (declared("TIME"), "18:27", "18:27:00"),
    (declared("TIME"), "18:27:49.120", "18:27:49.12"),
    (declared("DURATION"), "PT5M6S", 306.0),
    (declared("FILE"), "kestra:///a", "kestra:///a"),
    (declared("FILE"), b"upload", "kestra:///stored/x/b'upload'"),
    (declared("JSON"), '{"a": [1]}', {"a": [1]}),
    (declared("YAML"), "a: [1, on]", {"a": [1, "on"]}),
    (declared("URI"), "https://www.example.com/a?b=c", "https://www.example.com/a?b=c"),
    (declared("EMAIL"), "me@example.com", "me@example.com"),
    (declared("EMAIL"), "", ""),
    (declared("SECRET"), "hush", {"type": "io.kestra.datatype:aes_encrypted", "value": "hsuh"}),
]
REFUSED: list[tuple[Input, Any, str]] = [
    (declared("STRING"), None, "x: Invalid input for `x`, missing required input, but received `null`"),
    (declared("STRING", validator=r"A\d+"), "foo", r"Invalid input for `x`, it must match the pattern `A\d+`, but received `foo`"),
    (declared("STRING", validator="(a+)+b"), "a" * 40 + "c", "`"),
    (declared("ENUM", values=["A", "B"]), "C", "x: Invalid input for `x`, it must match the values `[A, B]`, but received `C`"),
    (declared("SELECT", values=[1, 2]), "3", "it must match the values `[1, 2]`"),
    (declared("MULTISELECT", values=["A"]), '["B"]', "it must match the values `[A]`"),
    (declared("ARRAY", itemType="INT"), '["s1"]', "Unable to parse array element as `INT` on `s1`, but received `[\"s1\"]`"),
    (declared("ARRAY", itemType="INT"), "{", "Expected `ARRAY` but received `{` with errors"),
    (declared("INT"), "abc", 'For input string: "abc"'),
    (declared("INT"), "3000000000", 'For input string: "3000000000"'),
    (declared("INT", min=10, max=20), "9", "it must be more than `10`, but received `9`"),
    (declared("INT", min=10, max=20), "21", "it must be less than `20`, but received `21`"),
    (declared("FLOAT", min=0.1), "0.01", "it must be more than `0.1`, but received `0.01`"),
    (declared("FLOAT"), "x", 'For input string: "x"'),
    (declared("DATE", after="2023-01-01"), "2022-01-01", "it must be after `2023-01-01`, but received `2022-01-01`"),
    (declared("DATE"), "06.10.2019", "Expected `DATE` but received `06.10.2019` with errors:\n```\n"),
    (declared("DATE"), "2019-13-45", "Expected `DATE` but received `2019-13-45`"),
    (declared("DATETIME", before="2023-12-31T23:59:59Z"), "2024-01-01T00:00:00Z", "it must be before `2023-12-31T23:59:59Z`, but received `2024-01-01T00:00:00Z`"),
    (declared("DATETIME"), "2024-01-01", "Expected `DATETIME`"),
    (declared("DATETIME"), "9999-12-31T23:59:59-18:00", "Expected `DATETIME`"),
    (declared("SELECT", expression="one"), "one", "Expected a list of strings, but received String"),
    (declared("TIME", after="01:00:00"), "00:00:01", "it must be after `01:00`, but received `00:00:01`"),
    (declared("TIME"), "25:00", "Expected `TIME`"),
    (declared("DURATION", min="PT10S"), "PT1S", "It must be more than `PT10S`, but received `PT1S`"),
    (declared("DURATION", max="PT20S"), "PT30S", "It must be less than `PT20S`, but received `PT30S`"),
    (declared("DURATION"), "5 min", "Expected `DURATION`"),
    (declared("FILE"), "/etc/passwd", "upload a file"),
    (declared("JSON"), "{", "Expected `JSON`"),
    (declared("YAML"), "a: [", "Expected `YAML`"),
    (declared("URI"), "http:/bla", "Invalid input for `x`, Expected `URI` but received `http:/bla`, but received `http:/bla`"),
    (declared("EMAIL"), "nobody", "The input must be a valid email"),
    (declared("SECRET", validator="A.*"), "hush", "it must match the pattern `A.*`, but received `******`"),
    (declared("NOPE"), "1", "`NOPE` is not a type of input"),
]


@pytest.mark.parametrize(("input", "given", "value"), ACCEPTED)
def test_a_value_is_coerced_to_its_type(input: Input, given: Any, value: Any) -> None:
    assert resolve(input, x=given) == {"x": value}


@pytest.mark.parametrize(("input", "given", "message"), REFUSED)
def test_a_wrong_value_is_refused_in_words(input: Input, given: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(input, x=given)
    assert message in caught.value.message
    assert caught.value.message.startswith("x: Invalid input for `x`, ")
    assert "hush" not in caught.value.message


def test_a_secret_needs_encryption() -> None:
    with pytest.raises(InputError, match="encryption is not configured"):
        resolve_inputs([declared("SECRET")], {"x": "hush"}, render=render_typed, store_file=store)


def test_defaults_stand_in_and_optional_inputs_are_null() -> None:
    values = resolve(declared("STRING", "a", defaults="A"), declared("STRING", "b", required=False), declared("STRING", "c", defaults=5), unknown="ignored")
    assert values == {"a": "A", "b": None, "c": "5"}


@pytest.mark.parametrize(
    ("input", "value"),
    [
        (declared("STRING", defaults="{{ flow.namespace }}/{{ 1 + 1 }}"), "company.team/2"),
        (declared("STRING", defaults="{{ 1 + 1 }}"), "2"),
        (declared("INT", defaults="{{ 1 + 1 }}"), 2),
        (declared("BOOL", defaults="{{ flow.namespace == 'company.team' }}"), True),
        (declared("MULTISELECT", values=["a", "company.team"], defaults=["a", "{{ flow.namespace }}"]), ["a", "company.team"]),
        (declared("JSON", defaults='{"a": {"b": 1}}'), {"a": {"b": 1}}),
        (declared("STRING", defaults="{{ outputs.later.value }}"), "{{ outputs.later.value }}"),
        (declared("STRING", defaults="{{ not closed"), "{{ not closed"),
    ],
)
def test_a_default_is_rendered_as_far_as_it_can_be(input: Input, value: Any) -> None:
    for given in ({}, {"x": input.defaults}):
        assert resolve_inputs([input], given, render=render_typed, store_file=store, variables={"flow": {"namespace": "company.team"}}) == {"x": value}


def test_a_default_sees_the_inputs_on_which_it_depends_and_what_is_given_is_never_rendered() -> None:
    mode = declared("STRING", "mode")
    keep = declared("BOOL", "keep", defaults="{{ inputs.mode == 'prod' }}", needs=("mode",))
    assert [resolve(keep, mode, mode=given)["keep"] for given in ("prod", "dev")] == [True, False]
    assert resolve(mode, mode="{{ 1 + 1 }}") == {"mode": "{{ 1 + 1 }}"}


def test_an_empty_default_is_a_value() -> None:
    assert resolve(declared("STRING", defaults="")) == {"x": ""}


def test_dotted_ids_become_maps() -> None:
    assert resolve(declared("STRING", "n.s"), declared("INT", "n.more.i"), n__s="a", n__more__i="1") == {"n": {"s": "a", "more": {"i": 1}}}


def test_an_input_that_another_disables_is_absent() -> None:
    inputs = (declared("BOOLEAN", "ask"), declared("STRING", "why", needs=("ask",), when="{{ inputs.ask == true }}"), declared("STRING", "deep", needs=("why",)))
    assert resolve(*inputs, ask="false") == {"ask": False}
    assert resolve(*inputs, ask="true", why="w", deep="d") == {"ask": True, "why": "w", "deep": "d"}


def test_a_condition_that_is_only_the_text_true_disables() -> None:
    assert resolve(declared("STRING", "a"), declared("STRING", "b", needs=("a",), when="{{ inputs.a }}"), a="true") == {"a": "true"}


def test_a_condition_that_cannot_be_rendered_disables_and_says_why() -> None:
    inputs = (declared("STRING", "a"), declared("STRING", "b", needs=("a",), when="{{ inputs.nope }}"))
    assert resolve(*inputs, a="x") == {"a": "x"}
    first, second = check(*inputs, a="x")
    assert first.error is None
    assert not second.enabled
    assert second.error is not None
    assert second.error.startswith("Invalid condition: ")


def test_inputs_that_wait_for_each_other_do_not_hang() -> None:
    results = check(declared("STRING", "a", needs=("b",)), declared("STRING", "b", needs=("a",)), a="1", b="2")
    assert any(result.error for result in results)


def test_values_of_a_select_come_from_an_expression() -> None:
    inputs = (declared("STRING", "kind"), declared("SELECT", "x", needs=("kind",), expression="{{ [inputs.kind ~ '1', inputs.kind ~ '2'] }}"))
    assert resolve(*inputs, kind="a", x="a2") == {"kind": "a", "x": "a2"}
    with pytest.raises(InputError, match=r"\[a1, a2\]"):
        resolve(*inputs, kind="a", x="b")
    with pytest.raises(InputError, match="Expected a list of strings"):
        resolve(declared("SELECT", expression="{{ 'text' }}"), x="b")
    with pytest.raises(InputError, match="Cannot render 'expression'"):
        resolve(declared("SELECT", expression="{{ nope }}"), x="b")


def test_every_error_is_told_when_validating() -> None:
    results = check(declared("INT", "a"), declared("STRING", "b"), declared("STRING", "c"), a="x", c="fine")
    assert [result.error is None for result in results] == [False, False, True]


def outputs(*declared_outputs: Output, **variables: Any) -> dict[str, Any]:
    return flow_outputs(declared_outputs, render_any=lambda value: render_any(value, variables), store_file=store, encrypt=encrypt)


def test_outputs_are_rendered_and_coerced() -> None:
    given = outputs(Output("n", "INT", "{{ a }}"), Output("s", "STRING", "{{ m }}"), Output("l", "ARRAY", ["{{ a }}", "b"]), Output("h", "SECRET", "hush"), a=3, m={"k": 1})
    assert given == {"n": 3, "s": '{"k":1}', "l": ["3", "b"], "h": {"type": "io.kestra.datatype:aes_encrypted", "value": "hsuh"}}


def test_an_output_that_does_not_fit_its_type_is_refused() -> None:
    with pytest.raises(InputError, match="Invalid output for `n`"):
        outputs(Output("n", "INT", "x"))
