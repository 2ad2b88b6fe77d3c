"""What pydantic finds wrong, in the words that Kestra's users know, at the path where they wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.fields import unrecognized
from engine.yaml_ import dotted
from plugins.contract import Schema

Path = tuple[str | int, ...]
NEEDED = " is needed here"
NO_EXPRESSION = r'must match "\{[{%]"'
WORDS = {
    "missing": "must not be null",
    "string_type": "a text is needed here",
    "bool_type": "`true` or `false` is needed here",
    "bool_parsing": "`true` or `false` is needed here",
    "int_type": "a whole number is needed here",
    "int_parsing": "a whole number is needed here",
    "int_from_float": "a whole number is needed here",
    "float_type": "a number is needed here",
    "float_parsing": "a number is needed here",
    "list_type": "a list is needed here",
    "dict_type": "a map is needed here",
    "mapping_type": "a map is needed here",
    "model_type": "a map is needed here",
    "model_attributes_type": "a map is needed here",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


@cache
def property_names(found: type[Schema]) -> tuple[str, ...]:
    """The names that are written in YAML."""
    return tuple(field.alias or name for name, field in found.model_fields.items())


def of(error: ValidationError, found: type[Schema], mapping: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """One message for each place that is wrong, with the path of what was written."""
    found_at: dict[Path, list[str]] = {}
    for detail in error.errors(include_url=False, include_context=True):
        path = written(detail["loc"], mapping)
        message = _message(detail, path, found)
        if message not in found_at.setdefault(path, []):
            found_at[path].append(message)
    return [(_joined(messages), path) for path, messages in found_at.items()]


def _joined(messages: Sequence[str]) -> str:
    """What the sides of a union say of one value: the kinds it may have, or what its first side says."""
    messages = [message for message in messages if message != NO_EXPRESSION] or messages
    needed = [message.removesuffix(NEEDED) for message in messages if message.endswith(NEEDED)]
    return " or ".join(needed) + NEEDED if len(needed) == len(messages) else next(m for m in messages if not m.endswith(NEEDED))


def written(place: Sequence[str | int], mapping: Any) -> Path:
    """The path in what was written: without the names that pydantic gives to the sides of a union."""
    path: list[str | int] = []
    value = mapping
    for number, part in enumerate(place):
        inside = isinstance(value, Mapping) and part in value
        if inside or (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            value = value[part]
            path.append(part)
        elif number == len(place) - 1 and isinstance(value, Mapping) and isinstance(part, str) and part.isidentifier():
            path.append(part)
    return tuple(path)


def _message(detail: ErrorDetails, path: Path, found: type[Schema]) -> str:
    kind, context = detail["type"], detail.get("ctx") or {}
    if detail["input"] is None and kind in WORDS:
        return WORDS["missing"]
    if kind == "extra_forbidden":
        known = property_names(found) if len(path) == 1 else ()
        return unrecognized(str(path[-1]) if path else "", dotted(path[:-1]) or found.__name__, known)
    if kind in ("literal_error", "enum"):
        given = detail["input"]
        if path and path[-1] == "type":
            return f"Invalid type: {given}"
        expected = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        return f"`{given}` is not one of {expected}" if isinstance(given, str | int | float) else f"one of {expected} is needed here"
    if kind == "string_pattern_mismatch":
        return f'must match "{context.get("pattern", "")}"'
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        word = kind.replace("_", " ").replace(" equal", " or equal")
        return f"must be {word} to {next(iter(context.values()), '')}"
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    return WORDS.get(kind, detail["msg"])
