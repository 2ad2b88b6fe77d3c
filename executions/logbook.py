"""The log lines of executions: numbered, split, limited and written in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from engine.texts import storable
from executions import models, publish
from executions.batches import Batch

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
NUMBERS = {name: number for number, name in enumerate(LEVELS)}
LONGEST = 10_240  # characters; Kestra splits there


@dataclass(frozen=True, slots=True)
class Line:
    """One log line before it has its number; `level` is 0 TRACE to 4 ERROR, `timestamp` an aware datetime."""

    execution_id: str
    level: int
    message: str
    timestamp: datetime
    task_run_id: str = ""
    task_id: str = ""
    attempt: int = 0
    step: str = ""


def write(line: Line) -> None:
    """Write a line soon, within a fifth of a second."""
    _batch.add(line)


def flush() -> None:
    """Return when everything written so far is in the database."""
    _batch.flush()


def insert(execution_id: str, lines: Sequence[Line]) -> None:
    """Write lines of one execution within the caller's transaction; beyond the limit of lines per execution they are dropped, which a last
    line says."""
    pieces = [piece for line in lines for piece in _split(line)]
    rows = models.Execution.objects.filter(id=execution_id)
    if not pieces or not rows.update(log_count=F("log_count") + len(pieces)):
        return
    last = rows.values_list("log_count", flat=True).get()
    first, limit = last - len(pieces) + 1, settings.KESTRA_LIMITS["log_lines"]
    if last > limit:
        pieces = _limited(pieces, first, limit)
        rows.update(log_count=max(first - 1, limit))
        last = first + len(pieces) - 1
    if pieces:
        models.LogLine.objects.bulk_create([_row(line, first + place) for place, line in enumerate(pieces)], batch_size=500)
        publish.logs_appended(execution_id, first, last)


def _limited(pieces: list[Line], first: int, limit: int) -> list[Line]:
    kept = pieces[: max(0, limit - first + 1)]
    if kept:
        kept[-1] = replace(
            kept[-1],
            level=NUMBERS["WARN"],
            step="",
            message=f"This execution has written {limit} log lines, the limit: the rest is dropped",
        )
    return kept


def _split(line: Line) -> Iterable[Line]:
    message = storable(line.message)
    if len(message) <= LONGEST:
        return [line if message == line.message else replace(line, message=message)]
    pieces = [message[start : start + LONGEST] for start in range(0, len(message), LONGEST)]
    return [replace(line, message=text, timestamp=line.timestamp + timedelta(milliseconds=place)) for place, text in enumerate(pieces)]


def _row(line: Line, number: int) -> models.LogLine:
    return models.LogLine(
        execution_id=line.execution_id,
        task_run_id=line.task_run_id,
        task_id=line.task_id,
        step=storable(line.step)[:500],
        attempt=line.attempt,
        level=line.level,
        timestamp=line.timestamp,
        message=line.message,
        number=number,
    )


def _write(lines: list[Line]) -> None:
    by_execution: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_execution[line.execution_id].append(line)
    with transaction.atomic():
        for execution_id, own in by_execution.items():
            insert(execution_id, own)


_batch: Batch[Line] = Batch("log lines", _write, period=0.05, size=500, full=20_000)
