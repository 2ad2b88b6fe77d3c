"""Properties that may be written as expressions, rendered to what they stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import isodate

from engine.expressions.truth import truthy
from plugins.contract import RunContext, TaskFailed


def flag(context: RunContext, value: bool | str | None, default: bool = False) -> bool:
    """A boolean property."""
    if value is None or isinstance(value, bool):
        return default if value is None else value
    return truthy(context.render(value))


def texts(context: RunContext, value: str | Sequence[str] | None, extra: Mapping[str, Any] | None = None) -> list[str]:
    """A list of texts, or one text: an expression that renders to a list, a JSON list, or a single item."""
    if value is None:
        return []
    if isinstance(value, str):
        rendered = context.render_typed(value, extra)
        if isinstance(rendered, str) and rendered.lstrip().startswith("["):
            rendered = _json(rendered)
        return [str(item) for item in rendered] if isinstance(rendered, list | tuple) else ([] if rendered is None else [str(rendered)])
    return [context.render(item, extra) for item in value]


def mapping(
    context: RunContext, value: Mapping[str, Any] | str | None, name: str, extra: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """A map of texts, or an expression that renders to one (as a value or as JSON); keys and values rendered once, nulls dropped."""
    if value is None:
        return {}
    if isinstance(value, str):
        rendered = context.render_typed(value, extra)
        if isinstance(rendered, str):
            rendered = _json(rendered) if rendered.strip() else {}
        if not isinstance(rendered, Mapping):
            raise TaskFailed(f"`{name}` must be a map, or an expression that gives one", retryable=False)
        return {str(key): as_text(item) for key, item in rendered.items() if item is not None}
    return {
        context.render(str(key), extra): context.render(item, extra) if isinstance(item, str) else as_text(context.render_any(item, extra))
        for key, item in value.items()
        if item is not None
    }


def seconds(context: RunContext, value: str | None) -> float | None:
    """An ISO 8601 duration (`PT1M30S`) in seconds; TaskFailed where it is none."""
    if value is None:
        return None
    rendered = context.render(value).strip()
    try:
        duration = isodate.parse_duration(rendered.upper())
        if isinstance(duration, isodate.Duration):
            duration = duration.totimedelta(start=datetime(2000, 1, 1))
    except (isodate.ISO8601Error, OverflowError) as error:
        raise TaskFailed(f"Invalid duration '{rendered}': expected ISO 8601, for example PT30S", retryable=False) from error
    return float(duration.total_seconds())


def as_text(value: Any) -> str:
    """A value as text: JSON for what has parts, `true` and `false` for booleans."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise TaskFailed(f"Expected JSON, found '{text[:80]}': {error}", retryable=False) from error
