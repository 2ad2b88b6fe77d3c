"""Log lines of all executions as the search page shows them: a page after a line, and how many there are of each level over time.

Every question stops early: a page is read from the index of times, and the bars count the newest lines only, however many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware

from executions.logbook import LEVELS
from executions.models import LogLine

PAGE = 200
COUNTED = 20_000  # newest lines that the bars count
BARS = 48
WHOLE = 20  # characters from which on an id is taken as a whole one


@dataclass(frozen=True, slots=True)
class Cursor:
    """The line after which a page begins: older ones follow."""

    timestamp: datetime
    id: int

    @classmethod
    def of(cls, text: str) -> Cursor | None:
        """From `<instant>~<id>`; None for anything else."""
        moment, _, number = text.replace(" ", "+").rpartition("~")
        try:
            timestamp = parse_datetime(moment)
        except ValueError:
            return None
        known = timestamp is not None and is_aware(timestamp) and number.isdigit() and len(number) < 19
        return cls(timestamp, int(number)) if known and timestamp is not None else None

    def __str__(self) -> str:
        return f"{self.timestamp.isoformat()}~{self.id}"

    def after(self, lines: QuerySet[LogLine]) -> QuerySet[LogLine]:
        """The older lines."""
        older = Q(timestamp__lt=self.timestamp) | Q(timestamp=self.timestamp, id__lt=self.id)
        return lines.filter(timestamp__lte=self.timestamp).filter(older)


def page(lines: QuerySet[LogLine], cursor: Cursor | None) -> tuple[list[LogLine], Cursor | None]:
    """Up to PAGE lines, newest first, and where the next page begins; None where there is none."""
    found = list((cursor.after(lines) if cursor else lines)[: PAGE + 1])
    if len(found) <= PAGE:
        return found, None
    last = found[PAGE - 1]
    return found[:PAGE], Cursor(last.timestamp, last.id)


@dataclass(frozen=True, slots=True)
class Part:
    """The lines of one level in a bar, in percent of the picture."""

    level: str
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Bar:
    x: str
    width: str
    start: datetime
    text: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from `start` to `end`; `cut` tells that older lines of the period were not counted."""

    bars: tuple[Bar, ...]
    start: datetime
    end: datetime
    total: int
    cut: bool


def chart(lines: QuerySet[LogLine] | list[LogLine], start: datetime, end: datetime) -> Chart:
    """How many lines of each level there are over time; given as a list they are all that there are."""
    if isinstance(lines, list):
        newest = [(line.timestamp, line.level) for line in lines]
    else:
        newest = list(lines.select_related(None).values_list("timestamp", "level")[: COUNTED + 1])
    cut = len(newest) > COUNTED
    if cut:
        newest = newest[:COUNTED]
        start = newest[-1][0]
    return Chart(tuple(_bars(newest, start, end)), start, end, len(newest), cut)


def _bars(lines: Iterable[tuple[datetime, int]], start: datetime, end: datetime) -> Iterable[Bar]:
    width = max((end - start) / BARS, timedelta(microseconds=1))
    counts: list[Counter[int]] = [Counter() for _ in range(BARS)]
    for timestamp, level in lines:
        counts[min(BARS - 1, max(0, int((timestamp - start) / width)))][level] += 1
    most = max((sum(one.values()) for one in counts), default=0) or 1
    for number, one in enumerate(counts):
        parts, top = [], 100.0
        for level in sorted(one):
            height = 100 * one[level] / most
            top -= height
            parts.append(Part(LEVELS[level], f"{top:.2f}%", f"{height:.2f}%"))
        text = ", ".join(f"{one[level]} {LEVELS[level]}" for level in sorted(one, reverse=True)) or "none"
        yield Bar(f"{100 * number / BARS:.3f}%", f"{100 / BARS * 0.8:.3f}%", start + number * width, text, tuple(parts))


def in_execution(lines: QuerySet[LogLine], execution_id: str) -> QuerySet[Any]:
    """Only those of one execution, given by its id or the beginning of it."""
    if len(execution_id) < WHOLE:
        return lines.filter(execution__id__startswith=execution_id) if execution_id else lines
    return lines.filter(execution_id=execution_id)
