"""Lists that are too long for one page: a window of rows and the links to the windows beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

SIZE = 50
LARGEST = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Rows `first`..`last` (counted from 1) of `total`; `total` is None when nobody counted."""

    rows: Sequence[Any]
    number: int
    size: int
    total: int | None
    more: bool

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.number - 1) * self.size + len(self.rows)

    @property
    def previous_number(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next_number(self) -> int | None:
        return self.number + 1 if self.more else None


def paginate(request: HttpRequest, rows: QuerySet[Any] | Sequence[Any], *, size: int = SIZE, count: bool = True) -> Page:
    """The window that `?page=` and `?size=` ask for; nonsense means the first page. `count=False` spares a COUNT on huge tables."""
    number = _whole(request.GET.get("page"), 1, 1_000_000)
    size = _whole(request.GET.get("size"), size, LARGEST)
    start = (number - 1) * size
    window = list(rows[start : start + size + 1])
    total = (rows.count() if isinstance(rows, QuerySet) else len(rows)) if count else None
    return Page(rows=window[:size], number=number, size=size, total=total, more=len(window) > size)


def _whole(text: str | None, default: int, largest: int) -> int:
    try:
        value = int(text or default)
    except ValueError:
        return default
    return value if 1 <= value <= largest else default
