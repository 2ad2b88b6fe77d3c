"""What the values of the store are: which type a value has, how a text becomes a value of a type, and how it is shown."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import isodate

from engine.texts import storable
from kv.models import ValueType
from ui.errors import Invalid

DURATION = re.compile(r"[+-]?P(?=[\dT])(\d+(\.\d+)?[YMWD])*(T(\d+(\.\d+)?[HMS])+)?", re.IGNORECASE | re.ASCII)
LONGEST = 64_000_000  # bytes of JSON: the manifest of a dbt project of some thousand models
MOST_DIGITS = 400


class WrongValue(Invalid):
    """This value does not have the type that was given."""


def type_of(value: Any) -> ValueType:
    """The type that Kestra would see in a value; a text that is an ISO 8601 duration is one."""
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    if isinstance(value, int | float | Decimal):
        return ValueType.NUMBER
    if isinstance(value, datetime):
        return ValueType.DATETIME
    if isinstance(value, date):
        return ValueType.DATE
    if isinstance(value, timedelta):
        return ValueType.DURATION
    if isinstance(value, str):
        return ValueType.DURATION if DURATION.fullmatch(value) else ValueType.STRING
    return ValueType.JSON


def plain(value: Any) -> Any:
    """A JSON value: dates and durations as ISO 8601 text. Raises `WrongValue` for what JSON cannot hold."""
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return isodate.duration_isoformat(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > MOST_DIGITS:  # `1e9999999` as an integer would take minutes and all memory
            raise WrongValue(f"A number has at most {MOST_DIGITS} digits.")
        return int(value) if value == value.to_integral_value() else float(value)
    try:
        text = json.dumps(value, allow_nan=False, default=_plain_default)
    except (TypeError, ValueError, RecursionError) as error:
        raise WrongValue("This value cannot be kept as JSON.") from error
    if len(text) > LONGEST:
        raise WrongValue(f"A value has at most {LONGEST // 1_000_000} MB.")
    return storable(json.loads(text))


def _plain_default(value: Any) -> Any:
    if isinstance(value, date | timedelta | Decimal):
        return plain(value)
    raise TypeError


def _instant(value: datetime) -> str:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    text = aware.astimezone(UTC).isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def convert(value: Any, type: str) -> Any:
    """`value`, often a text, as the JSON value that is kept for `type`; raises `WrongValue`."""
    try:
        return plain(_READERS[ValueType(type)](value))
    except (ValueError, TypeError, InvalidOperation, RecursionError, isodate.ISO8601Error, OverflowError) as error:
        shown = str(value)
        raise WrongValue(f"{shown[:60]}{'…' if len(shown) > 60 else ''} is not {_ARTICLES[ValueType(type)]}.") from error


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, int | float):
        number: Any = value
    else:
        found = Decimal(str(value).strip())
        number = int(found) if found == found.to_integral_value() and abs(found) < 10**30 else float(found)
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}[str(value).strip().lower()] if str(value).strip().lower() in ("true", "false") else _refuse()


def _refuse() -> bool:
    raise ValueError


def _datetime(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value).strip()[:10])


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    text = str(value).strip()
    if not DURATION.fullmatch(text):
        raise ValueError
    isodate.parse_duration(text)
    return text


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


_READERS = {
    ValueType.STRING: lambda value: value if isinstance(value, str) else json.dumps(plain(value)),
    ValueType.NUMBER: _number,
    ValueType.BOOLEAN: _boolean,
    ValueType.DATETIME: _datetime,
    ValueType.DATE: _date,
    ValueType.DURATION: _duration,
    ValueType.JSON: _json,
}
_ARTICLES = {
    ValueType.STRING: "a text",
    ValueType.NUMBER: "a number",
    ValueType.BOOLEAN: "true or false",
    ValueType.DATETIME: "a date and time such as 2026-11-27T06:00:00Z",
    ValueType.DATE: "a date such as 2026-11-27",
    ValueType.DURATION: "an ISO 8601 duration such as PT1H30M",
    ValueType.JSON: "valid JSON",
}


def as_text(type: str, value: Any, *, pretty: bool = False) -> str:
    """A stored value as a person edits it."""
    if isinstance(value, str) and type != ValueType.JSON:
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, indent=2 if pretty and isinstance(value, dict | list) else None)
