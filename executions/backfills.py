"""Backfills: past dates of a schedule that are made up for, from a start to an end, while its normal dates wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from executions.models import TriggerState
from executions.schedule_dates import Dates

CURRENT, RESUME = "currentDate", "previousNextExecutionDate"
INSTANT = timedelta(microseconds=1)
Backfill = Mapping[str, Any]


def active(backfill: Backfill | None) -> bool:
    """Whether the trigger walks through past dates just now."""
    return bool(backfill) and not (backfill or {}).get("paused")


def moment(backfill: Backfill | None, name: str) -> datetime | None:
    """One of its dates."""
    text = (backfill or {}).get(name)
    return datetime.fromisoformat(text) if text else None


def current(backfill: Backfill | None) -> datetime | None:
    """The date that comes next in it."""
    return moment(backfill, CURRENT)


def begun(dates: Dates, *, start: datetime, end: datetime, resume: datetime | None, inputs: Any, labels: Any) -> dict[str, Any] | None:
    """A new backfill at its first date; None where no date lies between start and end."""
    first = dates.next(start - INSTANT)
    if first is None or first > end:
        return None
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        CURRENT: first.isoformat(),
        "paused": False,
        "inputs": inputs or {},
        "labels": labels or [],
        RESUME: resume.isoformat() if resume else None,
    }


def after(state: TriggerState, dates: Dates, date: datetime, now: datetime) -> dict[str, Any]:
    """How the row changes when a date of its backfill was fired: the next one, or back to the normal dates."""
    backfill = state.backfill or {}
    following, end = dates.next(date), moment(backfill, "end")
    if following is None or end is None or following > end:
        return {"backfill": None, "next_date": moment(backfill, RESUME) or dates.next(now)}
    return {"backfill": {**backfill, CURRENT: following.isoformat()}, "next_date": following}


def share(backfill: Backfill | None) -> float:
    """How much of it is done, from 0 to 1."""
    start, end, at = (moment(backfill, name) for name in ("start", "end", CURRENT))
    if start is None or end is None or at is None or end <= start:
        return 0.0
    return min(max((at - start) / (end - start), 0.0), 1.0)
