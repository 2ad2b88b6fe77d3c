"""Rows of an Ion (or JSON lines) file, one value in a line, read one after another and asked by an expression."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.errors import ExpressionError
from engine.expressions.ion import from_ion
from plugins.contract import TaskFailed
from plugins.core.storage._splitting import rows_of


def rows(source: Path) -> Iterator[tuple[bytes, Any]]:
    """Each row as it stands, with its line end, and as a value; empty lines are left out. TaskFailed for one that is no Ion."""
    for number, line in enumerate(rows_of(source), start=1):
        if not line.strip():
            continue
        try:
            yield line, _value(line.decode())
        except (ExpressionError, ValueError, RecursionError) as error:
            reason = error.message if isinstance(error, ExpressionError) else "it is no text"
            raise TaskFailed(f"Line {number} of the file is no row of Ion or JSON: {reason}", retryable=False) from error


def _value(text: str) -> Any:
    """JSON, which is read many times faster, or else Ion."""
    try:
        return json.loads(text, parse_float=_number, parse_constant=_no_json)
    except ValueError:
        return from_ion(text)


def _number(text: str) -> float | Decimal:
    """As Ion has it: only what has an exponent is a double."""
    return float(text) if "e" in text.lower() else Decimal(text)


def _no_json(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def named(value: Any) -> Mapping[str, Any]:
    """What an expression may name of a row: its fields, or `value` where it has none; the whole row as `item` either way."""
    return {**value, "item": value} if isinstance(value, Mapping) else {"item": value, "value": value}
