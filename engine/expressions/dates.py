"""Dates in expressions: Java's patterns, Kestra's named formats, and how a value becomes a date."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import regex

from engine.errors import ExpressionError
from engine.expressions.values import offset_text

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAMED = {
    "iso": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX", "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_seq": "yyyy-MM-dd HH:mm:ss", "iso_date": "yyyy-MM-ddXXX", "iso_local_date": "yyyy-MM-dd", "iso_ordinal_date": "yyyy-DDDXXX",
    "iso_week_date": "YYYY-'W'ww-eXXX", "rfc_1123_date_time": "EEE, d MMM yyyy HH:mm:ss 'GMT'", "basic_iso_date": "yyyyMMddXX",
    "full": "EEEE, MMMM d, yyyy 'at' h:mm:ss a z", "long": "MMMM d, yyyy 'at' h:mm:ss a z", "medium": "MMM d, yyyy, h:mm:ss a",
    "short": "M/d/yy, h:mm a",
}
PIECE = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'")
UNITS = {
    "NANOS": 0.001, "MICROS": 1, "MILLIS": 1_000, "SECONDS": 1_000_000, "MINUTES": 60_000_000, "HOURS": 3_600_000_000,
    "HALF_DAYS": 43_200_000_000, "DAYS": 86_400_000_000, "WEEKS": 604_800_000_000,
}
MONTH_UNITS = {"MONTHS": 1, "YEARS": 12, "DECADES": 120, "CENTURIES": 1200}
DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?"
    r"\s*(Z|[+-]\d\d:?\d\d(?::?\d\d)?|[+-]\d\d)?(?:\[([\w/+-]+)\])?"
)


def zone_of(name: str | None, default: str = "UTC") -> dt.tzinfo:
    """A time zone by its name (`Europe/Paris`, `UTC`, `+02:00`)."""
    wanted = name or default
    offset = re.fullmatch(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d\d))?", wanted)
    if offset:
        delta = dt.timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return dt.timezone(-delta if offset[1] == "-" else delta)
    if wanted in ("Z", "UTC", "GMT"):
        return dt.UTC
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ExpressionError(f"Unknown time-zone ID: {wanted}") from error


def parse_date(text: str) -> dt.datetime | dt.date:
    """A date from ISO text: with zone, without, or the day alone. Raises ValueError."""
    found = DATE_TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"Text '{text}' could not be parsed as a date")
    year, month, day = (int(found[index]) for index in (1, 2, 3))
    if found[4] is None:
        return dt.datetime(year, month, day)
    micro = int((found[7] or "0")[:6].ljust(6, "0"))
    value = dt.datetime(year, month, day, int(found[4]), int(found[5]), int(found[6] or 0), micro)
    if found[8] is None:
        return value
    offset = dt.UTC if found[8] == "Z" else zone_of(found[8])
    value = value.replace(tzinfo=offset)
    return value.astimezone(zone_of(found[9])) if found[9] else value


def to_date(value: Any, zone: str | None, existing: str | None, default_zone: str) -> dt.datetime:
    """The date with zone that a value means; a day given as a date (not as text) is taken at noon."""
    tz = zone_of(zone, default_zone)
    if isinstance(value, str):
        try:
            value = parse_pattern(value, existing) if existing else parse_date(value)
        except ValueError as error:
            raise ExpressionError(str(error)) from error
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        value = dt.datetime.fromtimestamp(value, dt.UTC)
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time(12))
    if not isinstance(value, dt.datetime):
        raise ExpressionError(f"a {type(value).__name__} is not a date")
    return value.replace(tzinfo=tz) if value.tzinfo is None else value.astimezone(tz)


def format_date(value: dt.datetime, pattern: str | None = None) -> str:
    """A date by a Java pattern or the name of a format (`iso`, `sql`, `full`…; default `iso`)."""
    name = pattern or "iso"
    if name in ("iso_instant", "rfc_1123_date_time"):
        value = value.astimezone(dt.UTC)
    if name in ISO_FORMATS:
        return ISO_FORMATS[name](value)
    return "".join(_field(piece, value) for piece in PIECE.finditer(NAMED.get(name, name)))


def _seconds(value: dt.datetime) -> str:
    text = value.strftime("%H:%M:%S")
    return f"{text}.{value.microsecond:06d}".rstrip("0") if value.microsecond else text


def _offset(value: dt.datetime) -> str:
    return offset_text(value.utcoffset())


def _zoned(value: dt.datetime) -> str:
    key = getattr(value.tzinfo, "key", None)
    return f"{value.date()}T{_seconds(value)}{_offset(value)}" + (f"[{key}]" if key else "")


ISO_FORMATS: dict[str, Callable[[dt.datetime], str]] = {
    "iso_date_time": _zoned,
    "iso_zoned_date_time": _zoned,
    "iso_instant": lambda value: f"{value.date()}T{_seconds(value)}Z",
    "iso_local_date_time": lambda value: f"{value.date()}T{_seconds(value)}",
    "iso_offset_date_time": lambda value: f"{value.date()}T{_seconds(value)}{_offset(value)}",
    "iso_local_time": _seconds,
    "iso_time": lambda value: _seconds(value) + _offset(value),
    "iso_offset_time": lambda value: _seconds(value) + _offset(value),
}


def _zone_text(letter: str, count: int, value: dt.datetime) -> str:
    if letter == "V":
        return str(getattr(value.tzinfo, "key", None) or _offset(value))
    if letter == "z":
        return value.tzname() or ""
    text = _offset(value)
    if letter in "xZO":
        text = "+00:00" if text == "Z" else text
    if letter == "O":
        return "GMT" + text
    if text == "Z":
        return text
    if letter == "Z":
        return text if count >= 5 else text.replace(":", "")
    if count == 1 and text.endswith(":00"):
        return text[:3]
    return text if count in (3, 5) else text.replace(":", "")


def _named(names: tuple[str, ...], number: int, count: int, plain: int) -> str:
    if count >= 5:
        return names[number][0]
    return names[number] if count == 4 else names[number][:3] if count == 3 else f"{plain:0{count}d}"


def _field(piece: re.Match[str], value: dt.datetime) -> str:
    letter, count = piece[2], len(piece[0])
    if letter is None:
        if piece[0] == "''":
            return "'"
        return piece[1].replace("''", "'") if piece[1] is not None else piece[0]
    iso_year, iso_week, iso_day = value.isocalendar()
    numbers = {
        "d": value.day, "D": value.timetuple().tm_yday,
        "H": value.hour, "h": value.hour % 12 or 12, "k": value.hour or 24, "K": value.hour % 12,
        "m": value.minute, "s": value.second, "e": iso_day, "w": iso_week, "n": value.microsecond * 1000, "N": 0,
        "A": (value.hour * 3600 + value.minute * 60 + value.second) * 1000 + value.microsecond // 1000,
        "F": (value.day - 1) // 7 + 1,
    }
    if letter in "yuY":
        year = iso_year if letter == "Y" else value.year
        return f"{year % 100:02d}" if count == 2 else f"{year:0{count}d}"
    if letter in "ML":
        return _named(MONTHS, value.month - 1, count, value.month)
    if letter in "Ec" and not (letter == "c" and count < 3):
        return _named(DAYS, value.weekday(), max(count, 3), iso_day)
    if letter == "S":
        return f"{value.microsecond:06d}".ljust(9, "0")[:count]
    if letter == "a":
        return "AM" if value.hour < 12 else "PM"
    if letter == "G":
        return "AD"
    if letter in "Qq":
        return f"{(value.month + 2) // 3:0{min(count, 2)}d}"
    if letter in "xXZzVO":
        return _zone_text(letter, count, value)
    if letter in numbers:
        return f"{numbers[letter]:0{count}d}"
    raise ExpressionError(f"Unknown pattern letter: {letter}")


READ = {
    "y": r"(?P<y>\d{4})", "u": r"(?P<y>\d{4})", "M": r"(?P<M>\d{1,2})", "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})", "h": r"(?P<h>\d{1,2})",
    "m": r"(?P<m>\d{1,2})", "s": r"(?P<s>\d{1,2})", "S": r"(?P<S>\d{1,9})", "a": r"(?P<a>[AaPp][Mm])", "D": r"(?P<D>\d{1,3})",
    "X": r"(?P<X>Z|[+-]\d\d:?\d{0,2})", "x": r"(?P<X>[+-]\d\d:?\d{0,2})", "Z": r"(?P<X>[+-]\d\d:?\d{0,2})",
    "z": r"(?P<z>[\w/+-]+)", "V": r"(?P<z>[\w/+-]+)",
    "E": r"\w+",
}


def parse_pattern(text: str, pattern: str) -> dt.datetime:
    """A date read by a Java pattern; raises ValueError."""
    source = ""
    for piece in PIECE.finditer(NAMED.get(pattern, pattern)):
        letter, count = piece[2], len(piece[0])
        if letter is None:
            source += re.escape(piece[1] if piece[1] is not None else piece[0])
        elif letter in "ML" and count >= 3:
            source += r"(?P<B>[A-Za-z]{3,9})"
        elif letter == "y" and count == 2:
            source += r"(?P<yy>\d\d)"
        elif letter in READ:
            source += READ[letter].replace(r"\d{1,2}", r"\d{2}" if count == 2 else r"\d{1,2}").replace(r"\d{1,9}", rf"\d{{{count}}}")
        else:
            raise ValueError(f"Unknown pattern letter: {letter}")
    try:
        found = regex.fullmatch(source, text, timeout=0.5)
    except (regex.error, TimeoutError) as error:
        raise ValueError(f"the pattern `{pattern}` is too intricate") from error
    if found is None:
        raise ValueError(f"Text '{text}' could not be parsed by the pattern `{pattern}`")
    return _assembled({key: value for key, value in found.groupdict().items() if value is not None})


def _assembled(parts: dict[str, str]) -> dt.datetime:
    month = int(parts.get("M", 1))
    if "B" in parts:
        month = next((number for number, name in enumerate(MONTHS, 1) if name[: len(parts["B"])].lower() == parts["B"].lower()), 0)
    year = int(parts["y"]) if "y" in parts else 2000 + int(parts["yy"]) if "yy" in parts else 1970
    hour = int(parts["H"]) if "H" in parts else int(parts.get("h", 0)) % 12 + (12 if parts.get("a", "").lower() == "pm" else 0)
    micro = int(parts.get("S", "0")[:6].ljust(6, "0"))
    value = dt.datetime(year, month, int(parts.get("d", 1)), hour, int(parts.get("m", 0)), int(parts.get("s", 0)), micro)
    if "D" in parts:
        value = value.replace(month=1, day=1) + dt.timedelta(days=int(parts["D"]) - 1)
    zone = parts.get("X") or parts.get("z")
    return value.replace(tzinfo=zone_of(zone)) if zone else value


def add_to_date(value: dt.datetime, amount: int, unit: str) -> dt.datetime:
    """`amount` of a Java ChronoUnit later."""
    if unit in MONTH_UNITS:
        months = value.year * 12 + value.month - 1 + amount * MONTH_UNITS[unit]
        year, month = divmod(months, 12)
        last = (dt.date(year + (month == 11), (month + 1) % 12 + 1, 1) - dt.timedelta(days=1)).day
        return value.replace(year=year, month=month + 1, day=min(value.day, last))
    if unit not in UNITS:
        raise ExpressionError(f"`{unit}` is not a unit of time; there are {', '.join([*UNITS, *MONTH_UNITS])}")
    return value + dt.timedelta(microseconds=amount * UNITS[unit])


def clock_function(clock: Callable[[], dt.datetime], default_zone: str = "UTC") -> Callable[..., str]:
    """`now()` over a clock that gives the time with its zone."""

    def now(format: str | None = None, timeZone: str | None = None, existingFormat: str | None = None, locale: str | None = None) -> str:
        return format_date(to_date(clock(), timeZone, existingFormat, default_zone), format)

    return now
