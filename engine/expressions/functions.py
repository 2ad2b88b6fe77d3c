"""Functions of the expression language: the pure ones, and the names of those that need the world."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import jq as jq_library
import yaml
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jinja2.runtime import Context

from engine.errors import ExpressionError
from engine.expressions.date_filters import DATE_FUNCTIONS
from engine.expressions.ion import from_ion
from engine.expressions.run import Run, run_of
from engine.expressions.runtime import block, make_range
from engine.expressions.values import Double, Missing, is_list, is_number, java_class, to_json, to_text
from engine.yaml_ import load_value

NONCE = 12


def from_json(json: str | None) -> Any:
    """A value from JSON text; null stays null.

    {{ fromJson('{"a": [1, 2]}').a[1] }} → 2
    """
    return None if json is None else parse_json(json)


def older_from_json(json: str | None) -> Any:
    """The older name of `fromJson`."""
    return from_json(json)


def parse_json(text: Any) -> Any:
    if not isinstance(text, str):
        raise ExpressionError(f"The 'fromJson' function expects an argument 'json' with type string, found {java_class(text)}")
    try:
        return json.loads(text, parse_float=Double)
    except (ValueError, RecursionError) as error:
        raise ExpressionError(f"Invalid JSON: {error}") from error


def read_ion(context: Context, ion: str | None) -> Any:
    """A value from text of Amazon Ion.

    {{ fromIon('{a: 1}').a }} → 1
    """
    return None if ion is None else from_ion(_weighed(context, ion, 30))


def read_yaml(context: Context, yaml: str | None) -> Any:
    """A value from YAML text.

    {{ yaml('a: 1').a }} → 1
    """
    return None if yaml is None else parse_yaml(_weighed(context, yaml, 50))


def _weighed(context: Context, value: Any, cost: int) -> str:
    """The text to read, counted as so many times its length: reading it takes long."""
    text = to_text(value)
    run_of(context).charge(cost * len(text))
    return text


def parse_yaml(text: str) -> Any:
    try:
        return load_value(text)
    except yaml.YAMLError as error:
        raise ExpressionError(f"Invalid YAML: {_place_in(error)}") from error


def _place_in(error: yaml.YAMLError) -> str:
    """What is wrong with a YAML text and where, without the text: it may hold a secret."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or ("it is too large or too deep" if mark is None else "it cannot be read")
    return f"{problem} at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else str(problem)


def _key(text: str) -> AESGCM:
    """Kestra takes a key in base64 of 16, 24 or 32 bytes."""
    try:
        return AESGCM(base64.b64decode(text))
    except (ValueError, binascii.Error) as error:
        raise ExpressionError("the key must be base64 of 16, 24 or 32 bytes") from error


def encrypt(key: str, plaintext: str) -> str:
    """A text encrypted with AES-GCM under a key in base64 of 16, 24 or 32 bytes.

    {{ decrypt('MDEyMzQ1Njc4OWFiY2RlZg==', encrypt('MDEyMzQ1Njc4OWFiY2RlZg==', 'hush')) }} → hush
    """
    nonce = os.urandom(NONCE)
    return base64.b64encode(nonce + _key(key).encrypt(nonce, to_text(plaintext).encode(), None)).decode()


def decrypt(key: str, encrypted: str) -> str:
    """What `encrypt` encrypted under the same key.
    """
    try:
        whole = base64.b64decode(encrypted)
        return _key(key).decrypt(whole[:NONCE], whole[NONCE:], None).decode()
    except (InvalidTag, ValueError) as error:
        raise ExpressionError("the text cannot be decrypted with this key") from error


def run_jq(value: Any, expression: str) -> list[Any]:
    """Every result of a jq program over a value, in this process and without a limit: for callers that trust the program."""
    try:
        return [_typed(item) for item in jq_library.compile(expression).input_text(to_json(value)).all()]
    except (ValueError, StopIteration) as error:
        raise ExpressionError(f"Unable to process jq expression '{expression}': {error}") from error


def _typed(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 and not isinstance(value, bool) else value


def random_int_function(pick: Callable[[int, int], int]) -> Callable[..., int]:
    """`randomInt(lower, upper)` over `pick(lower, upper)`, which gives a number from lower to below upper."""

    def random_int(lower: int, upper: int) -> int:
        for name, value in (("lower", lower), ("upper", upper)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise ExpressionError(f"The 'randomInt' function expects an argument '{name}' that is a whole number")
        if upper < lower:
            raise ExpressionError(f"The 'randomInt' function needs `lower` ({lower}) not above `upper` ({upper})")
        return lower if lower == upper else pick(lower, upper)

    return random_int


def _extreme(choose: Callable[[Any], Any], doc: str) -> Callable[..., Any]:
    def apply(context: Context, *numbers: Any) -> Any:
        if not numbers or not all(is_number(value) for value in numbers):
            raise ExpressionError("`max` and `min` compare numbers")
        return choose(numbers)

    apply.__doc__ = doc
    return apply


def _render(context: Context, toRender: Any, recursive: Any = True) -> Any:
    """A text rendered as an expression of its own, again and again until nothing changes; once where `recursive` is false.

    {{ render('{{ 1 + 1 }}') }} → 2
    """
    return rendered(run_of(context), toRender, recursive is not False)


def _render_once(context: Context, toRender: Any) -> Any:
    """A text rendered once as an expression of its own.

    {{ renderOnce('{{ 1 + 1 }}') }} → 2
    """
    return rendered(run_of(context), toRender, False)


def rendered(run: Run, value: Any, again: bool) -> Any:
    """Text rendered as a template of its own with the same variables; maps and lists through and through."""
    if isinstance(value, Missing):
        raise value.error()
    if isinstance(value, str):
        if run.caller is None:
            raise ExpressionError("Function or Macro [render] does not exist")
        return run.caller(value, again)
    if isinstance(value, Mapping):
        return {rendered(run, key, again): rendered(run, item, again) for key, item in value.items()}
    return [rendered(run, item, again) for item in value] if is_list(value) else value


def _print_context(context: Context) -> str:
    """All variables as JSON, to look at.
    """
    run = run_of(context)
    return to_json({key: value for key, value in run.variables.items() if key != "$run"}, run.options.max_output)


def _current_each_output(context: Context, outputs: Any) -> Any:
    """The output of a looped task for the values that this task run is under: `{{ currentEachOutput(outputs.first).value }}`.
    """
    if isinstance(outputs, Missing):
        raise outputs.error()
    run = run_of(context)
    parents = [item.get("taskrun") or {} for item in run.variables.get("parents") or []]
    above = [parent["value"] for parent in parents if parent.get("value") is not None]
    own = (run.variables.get("taskrun") or {}).get("value")
    for value in [*reversed(above), *([own] if own is not None else [])]:
        if not isinstance(outputs, Mapping) or value not in outputs:
            raise ExpressionError(f"there is no output for the value `{value}`")
        outputs = outputs[value]
    return outputs


def _parent_output(context: Context, index: int = 0) -> Any:
    """The outputs of a task around this one: the closest, or `index` further out. Null where it has none."""
    parents = [item for item in run_of(context).variables.get("parents") or [] if isinstance(item, Mapping)]
    return parents[index].get("outputs") if 0 <= index < len(parents) else None


def _block(context: Context, name: str) -> str:
    """The text of a block of this template, once more.

    {% block b %}x{% endblock %}{{ block('b') }} → xx
    """
    key = f"block_{to_text(name).encode().hex()}"
    if key not in context.vars:
        raise ExpressionError(f"there is no block `{name}`")
    return block(context, key)


def _range(context: Context, start: Any, end: Any, increment: Any = None) -> list[Any]:
    """The numbers, or letters, from one to another, both included.

    {{ range(0, 6, 2) }} → [0,2,4,6]
    """
    return make_range(run_of(context), start, end, increment)


def _parent(context: Context) -> str:
    """What a block stood for in the template that this one extends, which Kestra switched off.
    """
    raise ExpressionError("parent() needs a template that extends another, which is not available")


PURE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "fromJson": from_json, "json": older_from_json,     "encrypt": encrypt, "decrypt": decrypt, "jq": run_jq, **DATE_FUNCTIONS,
}
CONTEXT_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "max": _extreme(max, "The largest of some numbers.\n\n{{ max(1, 3, 2) }} → 3"),
    "min": _extreme(min, "The smallest of some numbers.\n\n{{ min(1, 3, 2) }} → 1"),
    "range": _range, "block": _block, "parent": _parent,
    "fromIon": read_ion, "yaml": read_yaml,
    "render": _render, "renderOnce": _render_once,
    "printContext": _print_context, "fetchContext": _print_context, "currentEachOutput": _current_each_output,
    "parentOutput": _parent_output,
}
