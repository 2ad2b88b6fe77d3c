"""Log levels that may be written as expressions."""

from __future__ import annotations

from typing import cast, get_args

from plugins.contract import Level, RunContext, TaskFailed


def level_of(context: RunContext, level: str) -> Level:
    """The level that a property stands for once rendered; TaskFailed where it is none of the five."""
    rendered = (context.render(level) if "{" in level else level).strip().upper()
    if rendered not in get_args(Level):
        raise TaskFailed(f"Invalid log level '{rendered}': expected one of {', '.join(get_args(Level))}", retryable=False)
    return cast(Level, rendered)
