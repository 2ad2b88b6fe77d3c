"""Rows that a preview shows, with the type of each column and what the rows say of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

LONGEST_CELL = 5_000
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")


def table(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Columns with their types, rows as lists, and a profile by column."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    values = {name: [_cell(row.get(name)) for row in rows] for name in names}
    return {
        "columns": [{"name": name, "type": _type(values[name])} for name in names],
        "rows": [list(row) for row in zip(*values.values(), strict=True)],
        "profile": {name: _profile(values[name]) for name in names},
    }


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_CELL else f"{value[:LONGEST_CELL]}…"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # no JSON
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return str(value)  # a browser would round it
    return value


def _type(values: Iterable[Any]) -> str:
    """What all values are: boolean, number, date, timestamp, json or text; empty where there is none."""
    kinds = {_kind(value) for value in values if value is not None}
    if len(kinds) == 1:
        return kinds.pop()
    return "" if not kinds else "timestamp" if kinds == {"date", "timestamp"} else "text"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "date" if _DATE.fullmatch(value) else "timestamp" if _MOMENT.fullmatch(value) else "text"
    return "json"


def _profile(values: Sequence[Any]) -> dict[str, Any]:
    """Of the rows that were fetched: the percentage without a value, how many differ, the least and the greatest."""
    there = [value for value in values if value is not None]
    distinct = {repr(value) for value in there}
    found: dict[str, Any] = {
        "nulls": round(100 * (len(values) - len(there)) / len(values), 1) if values else 0.0,
        "distinct": len(distinct),
        "min": None,
        "max": None,
    }
    if there and len({_kind(value) for value in there}) == 1 and _kind(there[0]) != "json":
        found |= {"min": min(there), "max": max(there)}
    return found
