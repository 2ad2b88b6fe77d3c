"""What values an execution takes: each declared input resolved, coerced, checked; and the same coercion for a flow's outputs.

Pure: files are stored, secrets encrypted and expressions rendered by what the caller gives. Source of rules and messages:
Kestra core, `FlowInputOutput` and `models/flows/input/*`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.document import Input, Output
from engine.errors import ExpressionError, InputError
from engine.expressions.patterns import matches_fully
from engine.expressions.values import java_class, to_text
from engine.input_types import EMAIL, READERS, TEXTUAL, as_text, bound, convert, shown, stored

Render = Callable[[str, Mapping[str, Any]], Any]
StoreFile = Callable[[Input, Any], str]
Encrypt = Callable[[str], Any]

MISSING = "missing required input"
NO_ENCRYPTION = "Unable to use a `SECRET` input/output as encryption is not configured"


@dataclass(frozen=True, slots=True)
class Resolved:
    """One input after resolution: its value (JSON), whether it takes part, and what is wrong with it."""

    input: Input
    value: Any = None
    enabled: bool = True
    error: str | None = None

    @property
    def message(self) -> str | None:
        """The error as Kestra words it, with the id before it."""
        return None if self.error is None else f"{self.input.id}: {self.error}"


@dataclass(frozen=True, slots=True)
class _World:
    """What the caller gives."""

    supplied: Mapping[str, Any]
    render: Render
    store_file: StoreFile
    encrypt: Encrypt | None
    variables: Mapping[str, Any]


def validate_inputs(
    inputs: Sequence[Input], supplied: Mapping[str, Any], *, render: Render, store_file: StoreFile, encrypt: Encrypt | None = None,
    variables: Mapping[str, Any] | None = None,
) -> list[Resolved]:
    """Every input resolved in its declared order, with its error where it has one; never raises for what a user gave.

    `supplied` holds values by input id: texts, JSON values, or for FILE whatever `store_file(input, value)` takes and answers a
    `kestra:` URI for. `render(template, variables)` keeps types. `encrypt(text)` gives what is stored for a SECRET.
    """
    world = _World(supplied, render, store_file, encrypt, variables or {})
    known = {declared.id: declared for declared in inputs}
    done: dict[str, Resolved] = {}
    for declared in inputs:
        _resolve(declared, known, done, world, ())
    return [done[declared.id] for declared in inputs]


def resolve_inputs(
    inputs: Sequence[Input], supplied: Mapping[str, Any], *, render: Render, store_file: StoreFile, encrypt: Encrypt | None = None,
    variables: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The values of an execution, dotted ids as nested maps, disabled inputs left out.

    A condition that cannot be rendered only disables its input; `validate_inputs` tells why.
    Raises InputError for the first input that is wrong, its message as `id: Invalid input for ...`.
    """
    resolved = validate_inputs(inputs, supplied, render=render, store_file=store_file, encrypt=encrypt, variables=variables)
    for item in resolved:
        if item.enabled and item.message is not None:
            raise InputError(item.input.id, item.message)
    return nested({item.input.id: item.value for item in resolved if item.enabled})


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as maps inside maps: `a.b` becomes `{"a": {"b": …}}`."""
    result: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, last = name.split(".")
        place = result
        for parent in parents:
            inner = place.get(parent)
            place[parent] = inner if isinstance(inner, dict) else {}
            place = place[parent]
        place[last] = value
    return result


def value_of(values: Mapping[str, Any], name: str) -> Any:
    """The value of a dotted name in maps inside maps; None where there is none."""
    found: Any = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _resolve(declared: Input, known: Mapping[str, Input], done: dict[str, Resolved], world: _World, above: tuple[str, ...]) -> Resolved:
    if declared.id in done:
        return done[declared.id]
    if declared.id in above:
        done[declared.id] = Resolved(declared, enabled=False, error=f"Cycle dependency detected for input with id '{declared.id}'")
        return done[declared.id]
    parents = [_resolve(known[name], known, done, world, (*above, declared.id)) for name in declared.depends_on if name in known]
    if declared.id not in done:  # a cycle has told of itself meanwhile
        done[declared.id] = _one(declared, parents, world)
    return done[declared.id]


def _one(declared: Input, parents: Sequence[Resolved], world: _World) -> Resolved:
    seen = {**world.variables, "inputs": nested({parent.input.id: parent.value for parent in parents if parent.enabled})}
    enabled, error = _enabled(declared, parents, seen, world.render)
    if not enabled:
        return Resolved(declared, enabled=False, error=error)
    raw = world.supplied.get(declared.id)
    if raw is None or raw == declared.defaults:  # a form sends the default back as it shows it
        raw = _default(declared, seen, world.render)
    try:
        typed = _with_values(declared, seen, world.render)
        if raw is None:
            if declared.required:
                raise ValueError(MISSING)
            return Resolved(typed)
        value = coerce(typed, raw, store_file=world.store_file, encrypt=world.encrypt)
        return Resolved(typed, value)
    except ValueError as mistake:
        given = "******" if declared.type == "SECRET" and raw is not None else "null" if raw is None else shown(raw)
        kept = raw if isinstance(raw, str) and declared.type != "SECRET" else None
        return Resolved(declared, kept, error=f"Invalid input for `{declared.id}`, {mistake}, but received `{given}`")


def _default(declared: Input, seen: Mapping[str, Any], render: Render) -> Any:
    """The default; a number or boolean is text where text is wanted.

    As since Kestra 0.24 its expressions are rendered. What cannot be, because it asks for what comes later, stays as it is written: a
    flow of before renders it where it is used.
    """
    try:
        value = _rendered(declared.defaults, seen, render)
    except ExpressionError:
        value = declared.defaults
    plain = isinstance(value, bool | int | float)
    return to_text(value) if plain and declared.type in TEXTUAL else value


def _rendered(value: Any, seen: Mapping[str, Any], render: Render) -> Any:
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        return render(value, seen)
    return [_rendered(item, seen, render) for item in value] if isinstance(value, list) else value


def _enabled(declared: Input, parents: Sequence[Resolved], seen: Mapping[str, Any], render: Render) -> tuple[bool, str | None]:
    if any(not parent.enabled for parent in parents):
        return False, None
    if declared.condition is None:
        return True, None
    try:
        return render(declared.condition, seen) is True, None
    except ExpressionError as error:
        return False, f"Invalid condition: {error.message}"


def _with_values(declared: Input, seen: Mapping[str, Any], render: Render) -> Input:
    """A SELECT or MULTISELECT whose `expression` has become its values."""
    expression = declared.properties.get("expression")
    if declared.type not in ("SELECT", "MULTISELECT") or not expression:
        return declared
    try:
        values = render(expression, seen)
    except ExpressionError as error:
        raise ValueError(f"Cannot render 'expression'. Cause: {error.message}") from error
    if not isinstance(values, list):
        raise ValueError(f"Invalid expression result. Expected a list of strings, but received {_kind(values)}")
    return replace(declared, properties={**declared.properties, "values": [to_text(value) for value in values]})


def _kind(value: Any) -> str:
    return "null" if value is None else java_class(value).rpartition(".")[2]


def coerce(declared: Input, raw: Any, *, store_file: StoreFile, encrypt: Encrypt | None) -> Any:
    """The value that is stored for what was given, checked by the rules of its type. Raises ValueError with Kestra's words."""
    if declared.type == "FILE":
        return _file(declared, raw, store_file)
    if declared.type == "SECRET":
        return _secret(declared, raw, encrypt)
    value = convert(declared.type, raw, declared.properties.get("itemType"))
    _check(declared, value)
    return stored(value)


def _file(declared: Input, raw: Any, store_file: StoreFile) -> str:
    if isinstance(raw, str):
        if raw.startswith("kestra:"):
            return raw
        raise ValueError("Expected `FILE`: upload a file or give a `kestra:///` URI")
    return store_file(declared, raw)


def _secret(declared: Input, raw: Any, encrypt: Encrypt | None) -> Any:
    if encrypt is None:
        raise ValueError(NO_ENCRYPTION)
    text = as_text(raw)
    _matches(declared.properties.get("validator"), text)
    return encrypt(text)


def _check(declared: Input, value: Any) -> None:
    own, kind = declared.properties, declared.type
    if kind == "STRING":
        _matches(own.get("validator"), value)
    elif kind == "EMAIL" and not EMAIL.fullmatch(value):
        raise ValueError("The input must be a valid email")
    elif kind in ("ENUM", "SELECT", "MULTISELECT"):
        _one_of(declared, value)
    elif kind in ("INT", "FLOAT", "DURATION"):
        _between(kind, value, own.get("min"), own.get("max"), ("it must be more than", "it must be less than"))
    elif kind in ("DATETIME", "DATE", "TIME"):
        _between(kind, value, own.get("after"), own.get("before"), ("it must be after", "it must be before"))


def _matches(pattern: str | None, value: str) -> None:
    if pattern is None:
        return
    try:
        fits = matches_fully(pattern, value)
    except ExpressionError as error:
        raise ValueError(error.message) from error
    if not fits:
        raise ValueError(f"it must match the pattern `{pattern}`")


def _one_of(declared: Input, value: Any) -> None:
    """Values outside the list are refused only when the input is required (as Kestra does)."""
    own = declared.properties
    values = [to_text(known) for known in own.get("values") or own.get("options") or []]
    if not declared.required or own.get("allowCustomValue"):
        return
    given = value if isinstance(value, list) else [value]
    if any(to_text(item) not in values for item in given):
        raise ValueError(f"it must match the values `[{', '.join(values)}]`")


def _between(kind: str, value: Any, least: Any, most: Any, words: tuple[str, str]) -> None:
    more, less = (word.capitalize() for word in words) if kind == "DURATION" else words
    low = None if least is None else READERS[kind](least)
    high = None if most is None else READERS[kind](most)
    if low is not None and value < low:
        raise ValueError(f"{more} `{bound(low)}`")
    if high is not None and value > high:
        raise ValueError(f"{less} `{bound(high)}`")


def flow_outputs(
    outputs: Sequence[Output], *, render_any: Callable[[Any], Any], store_file: StoreFile, encrypt: Encrypt | None = None
) -> dict[str, Any]:
    """The outputs of an execution: each value rendered through and through, then coerced as an input of its type.

    A rendered text stays a text for STRING. Raises InputError or ExpressionError; the caller fails the execution with
    `Failed to render output values: …`.
    """
    values: dict[str, Any] = {}
    for output in outputs:
        value = render_any(output.value)
        declared = Input(output.id, output.type)
        if output.type == "STRING" and value is not None and not isinstance(value, str):
            value = to_text(value)
        try:
            values[output.id] = None if value is None else coerce(declared, value, store_file=store_file, encrypt=encrypt)
        except ValueError as error:
            given = "******" if output.type == "SECRET" else shown(value)
            raise InputError(output.id, f"Invalid output for `{output.id}`, {error}, but received `{given}`") from error
    return nested(values)
