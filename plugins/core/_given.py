"""Properties of core tasks that may be expressions, rendered to what they stand for; TaskFailed tells what is wrong with one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from engine.errors import ExpressionError
from engine.expressions.dates import parse_date
from plugins.contract import RunContext, TaskFailed


def whole(context: RunContext, value: int | str | None, name: str) -> int | None:
    """A whole number."""
    if value is None or isinstance(value, int):
        return value
    text = context.render(value).strip()
    if not text.removeprefix("-").isdecimal():
        raise TaskFailed(f"`{name}` must be a whole number, found {text[:40]!r}", retryable=False)
    return int(text)


def moment(context: RunContext, text: str | None, name: str) -> datetime | None:
    """A date with zone; one without is taken as UTC."""
    if text is None:
        return None
    rendered = context.render_typed(text)
    try:
        found = parse_date(rendered) if isinstance(rendered, str) else rendered
    except (ValueError, ExpressionError):
        found = None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day)
    if not isinstance(found, datetime):
        raise TaskFailed(f"`{name}` must be a date such as 2026-11-27T06:00:00Z, found {str(rendered)[:60]!r}", retryable=False)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def structure(context: RunContext, value: Any, name: str) -> Any:
    """A list or map: written as such, with its texts rendered, or an expression that gives one, also as JSON text."""
    if not isinstance(value, str):
        return context.render_any(value)
    rendered = context.render_typed(value)
    if isinstance(rendered, str):
        try:
            rendered = json.loads(rendered)
        except ValueError:
            rendered = None
    if not isinstance(rendered, list | tuple | Mapping):
        raise TaskFailed(f"`{name}` must be a list or a map, or JSON text of one", retryable=False)
    return rendered
