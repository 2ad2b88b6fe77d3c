"""How the product writes durations, sizes, counts and moments: pure functions that pages and plain texts share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

THIN = "\u202f"  # narrow no-break space
SPACE = "\u00a0"


def duration(value: timedelta | float | int | None) -> str:
    """A timedelta or seconds as people say it: `36 ms`, `9.1 s`, `24 s`, `1 m 04 s`, `2 h 05 m`, `3 d 04 h`; nothing for None."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 0:
        seconds = 0.0
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f}{SPACE}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}{SPACE}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{SPACE}m{SPACE}{whole % 60:02d}{SPACE}s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60}{SPACE}h{SPACE}{minutes % 60:02d}{SPACE}m"
    hours = round(seconds / 3600)
    return f"{hours // 24}{SPACE}d{SPACE}{hours % 24:02d}{SPACE}h"


def span(value: timedelta | float | int) -> str:
    """One rough figure, for `… ago` and `in …`: `9 s`, `6 min`, `5 h`, `1 day`, `12 days`."""
    seconds = abs(value.total_seconds() if isinstance(value, timedelta) else value)
    if seconds < 60:
        return f"{int(seconds)}{SPACE}s"
    if seconds < 3600:
        return f"{int(seconds // 60)}{SPACE}min"
    if seconds < 86400:
        return f"{int(seconds // 3600)}{SPACE}h"
    days = int(seconds // 86400)
    return f"{days}{SPACE}day{'' if days == 1 else 's'}"


def moment(value: datetime, now: datetime) -> str:
    """Within 24 hours of `now` relative (`5 h ago`, `in 6 min`), else day and hour (`21 Nov 11:30`), with the year if it is another one."""
    distance = now - value
    if abs(distance) < timedelta(hours=24):
        if abs(distance) < timedelta(seconds=1):
            return "now"
        return f"in {span(distance)}" if distance < timedelta(0) else f"{span(distance)} ago"
    year = "" if value.year == now.year else f"{SPACE}{value.year}"
    return f"{value.day}{SPACE}{value:%b}{year}{SPACE}{value:%H:%M}"


def precise(value: datetime) -> str:
    """Date, time and zone: `2026-11-22 11:22:53 UTC`."""
    return f"{value:%Y-%m-%d %H:%M:%S} {value.tzname() or 'UTC'}"


def iso(value: datetime) -> str:
    """UTC ISO 8601 with a Z, as `<time datetime>` wants it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(value: float | int | None) -> str:
    """Thousands apart by a narrow space, at most two decimals: `17 903`, `2.5`; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.2f}".replace(",", THIN).rstrip("0").rstrip(".")
    return f"{int(value):,}".replace(",", THIN)


def size(value: int | float | None) -> str:
    """Bytes in decimal units: `94 B`, `1.1 kB`, `84 kB`, `2.1 MB`; nothing for None."""
    if value is None:
        return ""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.1f}{SPACE}{unit}" if unit != "B" and amount < 9.95 else f"{amount:.0f}{SPACE}{unit}"
        amount /= 1000
    return f"{amount:.1f}{SPACE}TB"


def percent(value: float | None) -> str:
    """A share of 1 in percent, one decimal below 100: `98.0 %`; nothing for None."""
    if value is None:
        return ""
    return f"{value * 100:.0f}{SPACE}%" if value in (0, 1) else f"{value * 100:.1f}{SPACE}%"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 flow`, `5 flows`."""
    return f"{number(count)}{SPACE}{one if count == 1 else many or one + 's'}"
