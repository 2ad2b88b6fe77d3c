"""Log lines as the Logs tab asks for them: windows of 500, the next match, where warnings and errors are.

A million lines behave like a hundred, because every question is answered from an index or from one pass that stops early."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, IntegerField, Max, Min, QuerySet
from django.db.models.functions import Cast

from executions.logbook import LEVELS
from executions.models import Execution, LogLine

WINDOW = 500
RAIL = 400  # places on the rail beside the lines


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are shown: from a level (0 TRACE to 4 ERROR) up, of a task run, of a step, with a text."""

    level: int = 0
    task_run: str = ""
    step: str = ""
    text: str = ""

    def apply(self, execution: Execution) -> QuerySet[LogLine]:
        lines = LogLine.objects.filter(execution=execution)
        if self.task_run:
            lines = lines.filter(task_run_id=self.task_run)
        if self.step:
            lines = lines.filter(step=self.step)
        if self.text:
            lines = lines.filter(message__icontains=self.text)
        return lines.filter(level__gte=self.level) if self.level else lines

    @property
    def everything(self) -> bool:
        return not (self.level or self.task_run or self.step or self.text)


@dataclass(frozen=True, slots=True)
class Window:
    """Lines in order; `before` and `after` tell whether there are more, `offset` how many stand before the first of `total`."""

    lines: list[LogLine]
    before: bool
    after: bool
    offset: int
    total: int

    @property
    def first(self) -> int:
        return self.lines[0].number if self.lines else 0

    @property
    def last(self) -> int:
        return self.lines[-1].number if self.lines else 0


def _take(
    execution: Execution, wanted: Filter, *, above: int | None = None, below: int | None = None, limit: int = WINDOW
) -> list[LogLine]:
    """Up to `limit` lines with a number above (ascending) or below (descending) the given one."""
    if wanted.level and not wanted.text:
        parts = [_take_level(execution, wanted, level, above, below, limit) for level in range(wanted.level, 5)]
        merged: Iterable[LogLine] = heapq.merge(*parts, key=lambda line: line.number, reverse=below is not None)
        return [line for _, line in zip(range(limit), merged, strict=False)]
    return list(_side(wanted.apply(execution), above, below)[:limit])


def _take_level(execution: Execution, wanted: Filter, level: int, above: int | None, below: int | None, limit: int) -> list[LogLine]:
    # One level at a time comes ordered from the index (execution, level, number); a range of levels would have to be sorted.
    lines = Filter(task_run=wanted.task_run, step=wanted.step).apply(execution).filter(level=level)
    return list(_side(lines, above, below)[:limit])


def _side(lines: QuerySet[LogLine], above: int | None, below: int | None) -> QuerySet[LogLine]:
    if below is not None:
        return lines.filter(number__lt=below).order_by("-number")
    return lines.filter(number__gt=above or 0).order_by("number")


def after(execution: Execution, wanted: Filter, number: int, limit: int = WINDOW) -> list[LogLine]:
    """The lines that follow line `number`."""
    return _take(execution, wanted, above=number, limit=limit)


def before(execution: Execution, wanted: Filter, number: int, limit: int = WINDOW) -> list[LogLine]:
    """The lines that come before line `number`, oldest first."""
    return _take(execution, wanted, below=number, limit=limit)[::-1]


def around(execution: Execution, wanted: Filter, number: int, size: int = WINDOW) -> list[LogLine]:
    """A window with line `number` in its middle."""
    later = after(execution, wanted, number - 1, size)
    earlier = before(execution, wanted, number, max(size // 2, size - len(later)))
    return [*earlier, *later][: max(size, len(earlier) + size // 2)]


def last(execution: Execution, wanted: Filter, size: int = WINDOW) -> list[LogLine]:
    """The newest lines."""
    return before(execution, wanted, execution.log_count + 1, size)


def at_offset(execution: Execution, wanted: Filter, offset: int, size: int = WINDOW) -> list[LogLine]:
    """The window that begins after `offset` lines of those that are shown."""
    if wanted.everything:
        first = LogLine.objects.filter(execution=execution).aggregate(first=Min("number"))["first"] or 1
        return after(execution, wanted, first + offset - 1, size)
    return list(wanted.apply(execution).order_by("number")[offset : offset + size])


def window(execution: Execution, wanted: Filter, lines: list[LogLine], total: int | None = None) -> Window:
    """The lines with their place among all that are shown."""
    count = total if total is not None else count_of(execution, wanted)
    if not lines:
        return Window([], False, False, 0, count)
    offset = count_before(execution, wanted, lines[0].number)
    return Window(lines, offset > 0, offset + len(lines) < count, offset, count)


def count_of(execution: Execution, wanted: Filter) -> int:
    """How many lines are shown."""
    return wanted.apply(execution).count()


def count_before(execution: Execution, wanted: Filter, number: int) -> int:
    return wanted.apply(execution).filter(number__lt=number).count()


def find(
    execution: Execution, wanted: Filter, number: int, *, level: int | None = None, text: str = "", forward: bool = True
) -> int | None:
    """The number of the next (or previous) shown line of exactly this level, or with this text; from the other end where there is none."""
    lines = wanted.apply(execution)
    if level is not None:
        lines = lines.filter(level=level)
    if text:
        lines = lines.filter(message__icontains=text)
    lines = lines.order_by("number" if forward else "-number").values_list("number", flat=True)
    following = lines.filter(number__gt=number) if forward else lines.filter(number__lt=number)
    return following.first() or lines.first()


def rank(execution: Execution, wanted: Filter, number: int, *, level: int | None = None, text: str = "") -> tuple[int, int]:
    """Which of how many such lines line `number` is, counted from 1."""
    lines = wanted.apply(execution)
    if level is not None:
        lines = lines.filter(level=level)
    if text:
        lines = lines.filter(message__icontains=text)
    return lines.filter(number__lte=number).count(), lines.count()


def level_counts(execution: Execution, wanted: Filter | None = None) -> dict[int, int]:
    """How many lines there are of each level."""
    lines = (wanted or Filter()).apply(execution).order_by().values_list("level").annotate(count=Count("id"))
    return dict(lines)


def rail(execution: Execution, wanted: Filter, text: str = "") -> list[tuple[float, int]]:
    """Where WARN and ERROR lines (and matches, as level -1) are: `[(share of all lines, level), …]`, at most RAIL places for each."""
    end = LogLine.objects.filter(execution=execution).aggregate(last=Max("number"))["last"] or 1
    marks: list[tuple[float, int]] = []
    for level in (3, 4):
        marks.extend((place / RAIL, level) for place in _places(wanted.apply(execution).filter(level=level), end))
    if text:
        marks.extend((place / RAIL, -1) for place in _places(wanted.apply(execution).filter(message__icontains=text), end))
    return marks


def _places(lines: QuerySet[LogLine], end: int) -> list[int]:
    place: Any = Cast(F("number") * RAIL / (end + 1), IntegerField())
    return sorted(set(lines.order_by().annotate(place=place).values_list("place", flat=True).distinct()))


def by_source(execution: Execution) -> dict[tuple[str, str], tuple[int, int]]:
    """(task run id, step name) → (lines, lines that are WARN or ERROR)."""
    made: dict[tuple[str, str], tuple[int, int]] = {}
    rows = LogLine.objects.filter(execution=execution).order_by().values_list("task_run_id", "step").annotate(count=Count("id"))
    for run_id, step, count in rows:
        made[(run_id, step)] = (count, 0)
    loud = (
        LogLine.objects.filter(execution=execution, level__gte=3).order_by().values_list("task_run_id", "step").annotate(count=Count("id"))
    )
    for run_id, step, count in loud:
        made[(run_id, step)] = (made.get((run_id, step), (count, 0))[0], count)
    return made


def everything(execution: Execution, wanted: Filter) -> Iterable[LogLine]:
    """All shown lines, oldest first, read in pieces."""
    return wanted.apply(execution).order_by("number").iterator(chunk_size=2000)


# --- as pages ask and show ---------------------------------------------------------------------------------------------------------

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Shown:
    """A line as a page shows it."""

    number: int
    level: int
    timestamp: datetime
    text: str
    source: str
    step: str
    task_run_id: str


def source_of(line: LogLine) -> str:
    """What wrote a line, shortly: the name within dbt's unique id (`test.shop.unique_id.1a2b` is `unique_id`), else the task."""
    parts = line.step.split(".")
    return parts[2] if len(parts) > 2 else line.step or line.task_id


def shown(lines: Iterable[LogLine]) -> list[Shown]:
    """Lines without terminal colours, with the short name of what wrote them."""
    return [
        Shown(line.number, line.level, line.timestamp, ANSI.sub("", line.message), source_of(line), line.step, line.task_run_id)
        for line in lines
    ]


def filter_of(query: Mapping[str, str]) -> Filter:
    """The filter of a query string: `level` (a name or 0 to 4), `q`, `run`, `step`; nonsense means everything."""
    level = query.get("level", "").upper()
    number = LEVELS.index(level) if level in LEVELS else int(level) if level in ("0", "1", "2", "3", "4") else 0
    return Filter(number, query.get("run", "")[:40], query.get("step", "")[:500], query.get("q", "")[:200])
