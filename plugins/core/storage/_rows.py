"""Rows of an Ion (or JSON lines) file, one value in a line, read one after another and asked by an expression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
            yield line, from_ion(line.decode())
        except (ExpressionError, ValueError, RecursionError) as error:
            reason = error.message if isinstance(error, ExpressionError) else "it is no text"
            raise TaskFailed(f"Line {number} of the file is no row of Ion or JSON: {reason}", retryable=False) from error


def named(value: Any) -> Mapping[str, Any]:
    """What an expression may name of a row: its fields, or `value` where it has none; the whole row as `item` either way."""
    return {**value, "item": value} if isinstance(value, Mapping) else {"item": value, "value": value}
