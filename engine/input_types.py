"""The types that inputs and outputs have: text to value, value to what is stored, in Kestra's words where it does not fit."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable
from typing import Any

import yaml

from engine.errors import ExpressionError
from engine.expressions.dates import parse_date
from engine.expressions.values import duration_text, java_class, parse_duration, to_float32, to_text
from engine.yaml_ import load_value

TYPES = (
    "STRING", "ENUM", "SELECT", "MULTISELECT", "ARRAY", "INT", "FLOAT", "BOOLEAN", "BOOL", "DATETIME", "DATE", "TIME", "DURATION",
    "FILE", "JSON", "YAML", "URI", "EMAIL", "SECRET",
)
TEXTUAL = frozenset({"STRING", "ENUM", "SELECT", "EMAIL", "URI", "SECRET"})
URI = re.compile(r"[a-z]+://(?:www\.)?[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]{1,6}\b(?:[-a-zA-Z0-9()@:%_+.~#?&/=]*)")
EMAIL = re.compile(r"|[a-zA-Z0-9_!#$%&\u2019*+/=?`{|}~^.-]+@[a-zA-Z0-9.-]+")
TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?")


def shown(raw: Any) -> str:
    """A value as a message shows it."""
    try:
        return to_text(raw)
    except ExpressionError:
        return "a file"


def as_text(raw: Any) -> str:
    """A text; raises ValueError for anything else."""
    if not isinstance(raw, str):
        raise ValueError(f"Expected a text, found {java_class(raw).rpartition('.')[2]}")
    return raw


def convert(kind: str, raw: Any, item_type: str | None = None) -> Any:
    """Text (or a JSON value that already fits) to a Python value of an input type: dates to dates, the rest to JSON values."""
    reader = READERS.get(kind)
    if reader is not None:
        return reader(raw)
    if kind in ("ARRAY", "MULTISELECT"):
        return _list(raw, item_type or ("STRING" if kind == "MULTISELECT" else None))
    if kind in ("STRING", "ENUM", "SELECT", "EMAIL", "SECRET", "FILE"):
        return as_text(raw)
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
    return ValueError(f"Expected `{kind}` but received `{shown(raw)}` with errors:\n```\n{cause}\n```")


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
        raise _expected("DATETIME", raw, f"Text '{shown(raw)}' could not be parsed: an instant such as 2024-12-31T23:59:59Z is needed")
    try:
        return found.astimezone(dt.UTC)
    except OverflowError as error:
        raise _expected("DATETIME", raw, "an instant between the years 1 and 9999 is needed") from error


def _date(raw: Any) -> dt.date:
    try:
        if isinstance(raw, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", raw):
            return dt.date.fromisoformat(raw)
    except ValueError as error:
        raise _expected("DATE", raw, str(error)) from error
    raise _expected("DATE", raw, f"Text '{shown(raw)}' could not be parsed: a day such as 2024-12-31 is needed")


def _time(raw: Any) -> dt.time:
    found = TIME.fullmatch(raw) if isinstance(raw, str) else None
    try:
        if found:
            return dt.time(int(found[1]), int(found[2]), int(found[3] or 0), int((found[4] or "0")[:6].ljust(6, "0")))
    except ValueError as error:
        raise _expected("TIME", raw, str(error)) from error
    raise _expected("TIME", raw, f"Text '{shown(raw)}' could not be parsed: a time such as 18:27:49 is needed")


def _duration(raw: Any) -> dt.timedelta:
    try:
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return dt.timedelta(seconds=raw)
        return parse_duration(as_text(raw))
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
        raise ValueError(f"Expected `URI` but received `{shown(raw)}`")
    return raw


READERS: dict[str, Callable[[Any], Any]] = {
    "INT": _int, "FLOAT": _float, "BOOLEAN": _bool, "BOOL": _bool, "DATETIME": _datetime, "DATE": _date, "TIME": _time,
    "DURATION": _duration, "JSON": _json, "YAML": _yaml, "URI": _uri,
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
        raise ValueError(f"Unable to parse array element as `{item_type}` on `{shown(item)}`") from error


def bound(value: Any) -> str:
    """A limit as a message names it."""
    if isinstance(value, dt.timedelta):
        return duration_text(value)
    return _instant(value, millis=False) if isinstance(value, dt.datetime) else to_text(value)


def _instant(value: dt.datetime, *, millis: bool) -> str:
    """An instant as text, with milliseconds as Kestra stores it or without as it prints it."""
    text = value.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{value.microsecond // 1000:03d}Z" if millis or value.microsecond else f"{text}Z"


def stored(value: Any) -> Any:
    """The JSON form: instants with milliseconds, durations in seconds, as expressions see them in Kestra."""
    if isinstance(value, dt.datetime):
        return _instant(value, millis=True)
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, dt.time):
        text = value.isoformat()
        return text.rstrip("0") if value.microsecond else text
    if isinstance(value, dt.date):
        return value.isoformat()
    return [stored(item) for item in value] if isinstance(value, list) else value
