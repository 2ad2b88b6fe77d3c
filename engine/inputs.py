"""What values an execution takes: each declared input resolved, coerced, checked; and the same coercion for a flow's outputs.

Pure: files are stored, secrets encrypted and expressions rendered by what the caller gives. Source of rules and messages:
Kestra core, `FlowInputOutput` and `models/flows/input/*`.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from engine.document import Input, Output
from engine.errors import ExpressionError, InputError
from engine.expressions.dates import parse_date
from engine.expressions.text_filters import matches_fully
from engine.expressions.values import duration_text, parse_duration, to_float32, to_text
from engine.yaml_ import load_value

Render = Callable[[str, Mapping[str, Any]], Any]
StoreFile = Callable[[Input, Any], str]
Encrypt = Callable[[str], Any]

TYPES = (
    "STRING", "ENUM", "SELECT", "MULTISELECT", "ARRAY", "INT", "FLOAT", "BOOLEAN", "DATETIME", "DATE", "TIME", "DURATION",
    "FILE", "JSON", "YAML", "URI", "EMAIL", "SECRET",
)
TEXTUAL = frozenset({"STRING", "ENUM", "SELECT", "EMAIL", "URI", "SECRET"})
URI = re.compile(
    r"[a-z]+://(?:www\.)?[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]{1,6}\b(?:[-a-zA-Z0-9()@:%_+.~#?&/=]*)"
)
EMAIL = re.compile(r"|[a-zA-Z0-9_!#$%&\u2019*+/=?`{|}~^.-]+@[a-zA-Z0-9.-]+")
TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?")
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

    Raises InputError for the first input that is wrong, its message as `id: Invalid input for ...`.
    """
    resolved = validate_inputs(inputs, supplied, render=render, store_file=store_file, encrypt=encrypt, variables=variables)
    for item in resolved:
        if item.message is not None:
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
    if raw is None:
        raw = _default(declared)
    try:
        typed = _with_values(declared, seen, world.render)
        if raw is None:
            if declared.required:
                raise ValueError(MISSING)
            return Resolved(typed)
        value = coerce(typed, raw, store_file=world.store_file, encrypt=world.encrypt)
        return Resolved(typed, value)
    except ValueError as mistake:
        shown = "******" if declared.type == "SECRET" and raw is not None else "null" if raw is None else _shown(raw)
        kept = raw if isinstance(raw, str) and declared.type != "SECRET" else None
        return Resolved(declared, kept, error=f"Invalid input for `{declared.id}`, {mistake}, but received `{shown}`")


def _default(declared: Input) -> Any:
    """The default as written; a number or boolean written without quotes is text where text is wanted."""
    plain = isinstance(declared.defaults, bool | int | float)
    return to_text(declared.defaults) if plain and declared.type in TEXTUAL else declared.defaults


def _shown(raw: Any) -> str:
    try:
        return to_text(raw)
    except ExpressionError:
        return "a file"


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
        raise ValueError(f"Invalid expression result. Expected a list of strings, but received {type(values).__name__}")
    return replace(declared, properties={**declared.properties, "values": [to_text(value) for value in values]})


def coerce(declared: Input, raw: Any, *, store_file: StoreFile, encrypt: Encrypt | None) -> Any:
    """The value that is stored for what was given, checked by the rules of its type. Raises ValueError with Kestra's words."""
    if declared.type == "FILE":
        return _file(declared, raw, store_file)
    if declared.type == "SECRET":
        return _secret(declared, raw, encrypt)
    value = convert(declared.type, raw, declared.properties.get("itemType"))
    _check(declared, value)
    return _stored(value)


def _file(declared: Input, raw: Any, store_file: StoreFile) -> str:
    if isinstance(raw, str):
        if raw.startswith("kestra:"):
            return raw
        raise ValueError("Expected `FILE`: upload a file or give a `kestra:///` URI")
    return store_file(declared, raw)


def _secret(declared: Input, raw: Any, encrypt: Encrypt | None) -> Any:
    if encrypt is None:
        raise ValueError(NO_ENCRYPTION)
    text = _text(raw)
    _matches(declared.properties.get("validator"), text)
    return encrypt(text)


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"Expected a text, found {type(raw).__name__}")
    return raw


def convert(kind: str, raw: Any, item_type: str | None = None) -> Any:
    """Text (or a JSON value that already fits) to a Python value of an input type: dates to dates, the rest to JSON values."""
    reader = READERS.get(kind)
    if reader is not None:
        return reader(raw)
    if kind in ("ARRAY", "MULTISELECT"):
        return _list(raw, item_type or ("STRING" if kind == "MULTISELECT" else None))
    if kind in ("STRING", "ENUM", "SELECT", "EMAIL", "SECRET", "FILE"):
        return _text(raw)
    raise ValueError(f"`{kind}` is not a type of input; there are {', '.join(TYPES)}")


def _int(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError(f'For input string: "{to_text(raw)}"')
    if isinstance(raw, str) and not re.fullmatch(r"[+-]?\d{1,10}", raw):
        raise ValueError(f'For input string: "{raw}"')
    number = int(raw)
    if not -(2**31) <= number < 2**31:
        raise ValueError(f'For input string: "{raw}"')
    return number


def _float(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError(f'For input string: "{to_text(raw)}"')
    try:
        value = float(raw.strip()) if isinstance(raw, str) else float(raw)
    except ValueError as error:
        raise ValueError(f'For input string: "{raw}"') from error
    return float(to_text(to_float32(value))) if math.isfinite(value) else value


def _bool(raw: Any) -> bool:
    return raw if isinstance(raw, bool) else str(raw).lower() == "true"


def _expected(kind: str, raw: Any, cause: str) -> ValueError:
    return ValueError(f"Expected `{kind}` but received `{_shown(raw)}` with errors:\n```\n{cause}\n```")


def _datetime(raw: Any) -> dt.datetime:
    if isinstance(raw, dt.datetime) and raw.tzinfo:
        return raw.astimezone(dt.UTC)
    found = None
    if isinstance(raw, str) and "T" in raw:
        try:
            found = parse_date(raw)
        except (ValueError, ExpressionError) as error:
            raise _expected("DATETIME", raw, str(error)) from error
    if not isinstance(found, dt.datetime) or found.tzinfo is None:
        raise _expected("DATETIME", raw, f"Text '{_shown(raw)}' could not be parsed: an instant such as 2024-12-31T23:59:59Z is needed")
    return found.astimezone(dt.UTC)


def _date(raw: Any) -> dt.date:
    try:
        if isinstance(raw, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", raw):
            return dt.date.fromisoformat(raw)
    except ValueError as error:
        raise _expected("DATE", raw, str(error)) from error
    raise _expected("DATE", raw, f"Text '{_shown(raw)}' could not be parsed: a day such as 2024-12-31 is needed")


def _time(raw: Any) -> dt.time:
    found = TIME.fullmatch(raw) if isinstance(raw, str) else None
    try:
        if found:
            return dt.time(int(found[1]), int(found[2]), int(found[3] or 0), int((found[4] or "0")[:6].ljust(6, "0")))
    except ValueError as error:
        raise _expected("TIME", raw, str(error)) from error
    raise _expected("TIME", raw, f"Text '{_shown(raw)}' could not be parsed: a time such as 18:27:49 is needed")


def _duration(raw: Any) -> dt.timedelta:
    try:
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return dt.timedelta(seconds=raw)
        return parse_duration(_text(raw))
    except (ValueError, OverflowError) as error:
        raise _expected("DURATION", raw, str(error)) from error


def _json(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _expected("JSON", raw, str(error)) from error


def _yaml(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    try:
        return load_value(raw)
    except yaml.YAMLError as error:
        raise _expected("YAML", raw, str(error)) from error


def _uri(raw: Any) -> str:
    if not isinstance(raw, str) or not URI.fullmatch(raw):
        raise ValueError(f"Expected `URI` but received `{_shown(raw)}`")
    return raw


READERS: dict[str, Callable[[Any], Any]] = {
    "INT": _int, "FLOAT": _float, "BOOLEAN": _bool, "DATETIME": _datetime, "DATE": _date, "TIME": _time, "DURATION": _duration,
    "JSON": _json, "YAML": _yaml, "URI": _uri,
}


def _list(raw: Any, item_type: str | None) -> list[Any]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise _expected("ARRAY", raw, str(error)) from error
    if not isinstance(raw, list | tuple):
        raise _expected("ARRAY", raw, "a list is needed")
    return list(raw) if item_type is None else [_element(item, item_type) for item in raw]


def _element(item: Any, item_type: str) -> Any:
    try:
        plain = isinstance(item, str) or item_type in ("JSON", "YAML")
        return convert(item_type, item if plain else to_text(item))
    except ValueError as error:
        raise ValueError(f"Unable to parse array element as `{item_type}` on `{_shown(item)}`") from error


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
        raise ValueError(f"{more} `{_bound(low)}`")
    if high is not None and value > high:
        raise ValueError(f"{less} `{_bound(high)}`")


def _bound(value: Any) -> str:
    if isinstance(value, dt.timedelta):
        return duration_text(value)
    return _instant(value, millis=False) if isinstance(value, dt.datetime) else to_text(value)


def _instant(value: dt.datetime, *, millis: bool) -> str:
    """An instant as text, with milliseconds as Kestra stores it or without as it prints it."""
    text = value.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{value.microsecond // 1000:03d}Z" if millis or value.microsecond else f"{text}Z"


def _stored(value: Any) -> Any:
    """The JSON form: instants with milliseconds, durations in seconds, as expressions see them in Kestra."""
    if isinstance(value, dt.datetime):
        return _instant(value, millis=True)
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, dt.time | dt.date):
        return value.isoformat()
    return [_stored(item) for item in value] if isinstance(value, list) else value


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
            shown = "******" if output.type == "SECRET" else _shown(value)
            raise InputError(output.id, f"Invalid output for `{output.id}`, {error}, but received `{shown}`") from error
    return nested(values)
