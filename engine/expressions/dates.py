"""Dates in expressions: Java's patterns, Kestra's named formats, and how a value becomes a date."""

from __future__ import annotations

import calendar
import datetime as dt
import functools
import importlib
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import regex

from engine.errors import ExpressionError
from engine.expressions.values import java_class, offset_text

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAMED = {
    "iso": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX", "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_seq": "yyyy-MM-dd HH:mm:ss", "iso_date": "yyyy-MM-ddXXX", "iso_local_date": "yyyy-MM-dd", "iso_ordinal_date": "yyyy-DDDXXX",
    "iso_week_date": "YYYY-'W'ww-eXXX", "basic_iso_date": "yyyyMMddXX",
    "full": "EEEE, MMMM d, yyyy 'at' h:mm:ss a zzzz", "long": "MMMM d, yyyy 'at' h:mm:ss a z", "medium": "MMM d, yyyy, h:mm:ss a",
    "short": "M/d/yy, h:mm a",
}
PIECE = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[\[\]]|[^A-Za-z'\[\]]+|'")
OPTIONAL = {"[": "(?:", "]": ")?"}  # around what a text may leave out
UNITS = {
    "NANOS": 0.001, "MICROS": 1, "MILLIS": 1_000, "SECONDS": 1_000_000, "MINUTES": 60_000_000, "HOURS": 3_600_000_000,
    "HALF_DAYS": 43_200_000_000, "DAYS": 86_400_000_000, "WEEKS": 604_800_000_000,
}
DAY_UNITS = frozenset({"DAYS", "WEEKS"})  # counted by the calendar, the shorter ones by the clock
MONTH_UNITS = {"MONTHS": 1, "YEARS": 12, "DECADES": 120, "CENTURIES": 1200, "MILLENNIA": 12_000}
LONGEST = 500  # characters of a pattern
STYLES = frozenset({"full", "long", "medium", "short"})
ENGLISH = "en"
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
    if wanted == "Z":
        return dt.UTC
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ExpressionError(f"Unknown time-zone ID: {wanted[:100]}") from error


def parse_date(text: str) -> dt.datetime | dt.date:
    """A date from ISO text: with zone, without, or the day alone. Raises ValueError."""
    found = DATE_TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"Text '{text[:100]}' could not be parsed as a date")
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


def to_date(value: Any, zone: str | None, existing: str | None, default_zone: str, locale: str | None = None) -> dt.datetime:
    """The date with zone that a value means; a day given as a date (not as text) is taken at noon."""
    tz = zone_of(zone, default_zone)
    if isinstance(value, str):
        try:
            value = parse_pattern(value, existing, locale) if existing else parse_date(value)
        except ValueError as error:
            raise ExpressionError(str(error)) from error
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        value = dt.datetime.fromtimestamp(value, dt.UTC)
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time(12))
    if not isinstance(value, dt.datetime):
        raise ExpressionError(f"a {java_class(value)} is not a date")
    return value.replace(tzinfo=tz) if value.tzinfo is None else value.astimezone(tz)


def format_date(value: dt.datetime, pattern: str | None = None, locale: str | None = None) -> str:
    """A date by a Java pattern or the name of a format (`iso`, `sql`, `full`…; default `iso`), in English unless there is a `locale`."""
    name = pattern or "iso"
    if name in ISO_FORMATS:
        return ISO_FORMATS[name](value)
    tag = locale or ENGLISH
    if name in STYLES and not tag.startswith(ENGLISH):
        name = _locales().pattern(tag, name)
    pieces = _pieces(NAMED.get(name, name))
    return "".join([piece if not count else _field(letter or "", count, value, tag) for letter, count, piece in pieces])


def _locales() -> ModuleType:
    """The names in other languages, which take 8 MB and a tenth of a second to load: nobody pays for them who does not ask."""
    return importlib.import_module("engine.expressions.locales")


@functools.lru_cache(maxsize=512)
def _pieces(pattern: str) -> tuple[tuple[str | None, int, str], ...]:
    """A pattern cut up: (letter, how many, "") for a field, (None, 0, text) for text that stands for itself."""
    if len(pattern) > LONGEST:
        raise ExpressionError(f"a pattern for dates has at most {LONGEST} characters")
    pieces: list[tuple[str | None, int, str]] = []
    for found in PIECE.finditer(pattern):
        text, letter = found[0], found[2]
        if letter is not None:
            pieces.append((letter, len(text), ""))
        elif text in OPTIONAL:
            pieces.append((text, 0, ""))
        elif text == "''":
            pieces.append((None, 0, "'"))
        elif text == "'":
            raise ExpressionError(f"Pattern ends with an incomplete string literal: {pattern}")
        else:
            pieces.append((None, 0, text if found[1] is None else found[1].replace("''", "'")))
    return tuple(pieces)


def _seconds(value: dt.datetime) -> str:
    text = value.strftime("%H:%M:%S")
    return f"{text}.{value.microsecond:06d}".rstrip("0") if value.microsecond else text


def _offset(value: dt.datetime) -> str:
    return offset_text(value.utcoffset())


def _zoned(value: dt.datetime) -> str:
    key = getattr(value.tzinfo, "key", None)
    return f"{value.date()}T{_seconds(value)}{_offset(value)}" + (f"[{key}]" if key else "")


def _instant(value: dt.datetime) -> str:
    text = value.astimezone(dt.UTC)
    fraction = text.microsecond
    digits = "" if not fraction else f".{fraction // 1000:03d}" if fraction % 1000 == 0 else f".{fraction:06d}"
    return f"{text:%Y-%m-%dT%H:%M:%S}{digits}Z"


def _rfc_1123(value: dt.datetime) -> str:
    zone = _offset(value).replace(":", "")
    return f"{DAYS[value.weekday()][:3]}, {value.day} {MONTHS[value.month - 1][:3]} {value.year:04d} {value:%H:%M:%S} " + (
        "GMT" if zone == "Z" else zone
    )


ISO_FORMATS: dict[str, Callable[[dt.datetime], str]] = {
    "iso_date_time": _zoned,
    "iso_zoned_date_time": _zoned,
    "iso_instant": _instant,
    "iso_local_date_time": lambda value: f"{value.date()}T{_seconds(value)}",
    "iso_offset_date_time": lambda value: f"{value.date()}T{_seconds(value)}{_offset(value)}",
    "iso_local_time": _seconds,
    "iso_time": lambda value: _seconds(value) + _offset(value),
    "iso_offset_time": lambda value: _seconds(value) + _offset(value),
    "rfc_1123_date_time": _rfc_1123,
}


def _zone_text(letter: str, count: int, value: dt.datetime, tag: str) -> str:
    text = _offset(value)
    if letter == "V":
        return str(getattr(value.tzinfo, "key", None) or text)
    if letter in "zv":
        named = getattr(value.tzinfo, "key", None) is not None
        return text if not named else _locales().zone(tag, value) if count >= 4 else value.tzname() or text
    if letter == "O":
        hours = text[:-3] if text.endswith(":00") else text
        return "GMT" if text == "Z" else "GMT" + (text if count == 4 else hours[0] + hours[1:].lstrip("0"))
    if letter == "Z" and count == 4:
        return "GMT" if text == "Z" else f"GMT{text}"
    if text == "Z":
        if letter == "X" or (letter == "Z" and count == 5):
            return text
        text = "+00:00"
    if letter == "Z":
        return text if count == 5 else text.replace(":", "")
    if count == 1 and text.endswith(":00"):
        return text[:3]
    return text if count in (3, 5) else text.replace(":", "")


def _month(value: dt.datetime, count: int, tag: str, alone: bool) -> str:
    if count < 3:
        return f"{value.month:0{count}d}"
    if tag != ENGLISH:
        return str(_locales().month(tag, value.month, count, alone))
    name = MONTHS[value.month - 1]
    return name[:3] if count == 3 else name if count == 4 else name[0]


def _day(value: dt.datetime, count: int, tag: str, alone: bool) -> str:
    if tag != ENGLISH:
        return str(_locales().day(tag, value.weekday(), count, alone))
    name = DAYS[value.weekday()]
    return name[:3] if count <= 3 else name if count == 4 else name[0]


def _quarter(value: dt.datetime, count: int, tag: str) -> str:
    number = (value.month + 2) // 3
    if count < 3:
        return f"{number:0{count}d}"
    return f"Q{number}" if count == 3 and tag == ENGLISH else str(_locales().quarter(tag, number, count))


NUMBERS: dict[str, Callable[[dt.datetime], int]] = {
    "d": lambda value: value.day,
    "D": lambda value: value.timetuple().tm_yday,
    "H": lambda value: value.hour,
    "h": lambda value: value.hour % 12 or 12,
    "k": lambda value: value.hour or 24,
    "K": lambda value: value.hour % 12,
    "m": lambda value: value.minute,
    "s": lambda value: value.second,
    "n": lambda value: value.microsecond * 1000,
    "A": lambda value: _of_day(value) // 1000,
    "N": lambda value: _of_day(value) * 1000,
    "F": lambda value: (value.day - 1) // 7 + 1,
    "W": lambda value: (value.day + value.replace(day=1).weekday() - 1) // 7 + 1,
    "w": lambda value: value.isocalendar()[1],
    "e": lambda value: value.isoweekday(),
    "c": lambda value: value.isoweekday(),
}


def _of_day(value: dt.datetime) -> int:
    """Microseconds since midnight, as the clock on the wall counts them."""
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


def _field(letter: str, count: int, value: dt.datetime, tag: str) -> str:
    """One field of a pattern. Weeks are those of ISO 8601, whatever the locale."""
    if letter in "yuY":
        year = value.isocalendar()[0] if letter == "Y" else value.year
        return f"{year % 100:02d}" if count == 2 else f"{year:0{count}d}"
    if letter in "ML":
        return _month(value, count, tag, letter == "L")
    if letter == "E" or (letter in "ec" and count >= 3):
        return _day(value, count, tag, letter == "c")
    if letter == "S":
        return f"{value.microsecond:06d}".ljust(9, "0")[:count]
    if letter == "a":
        return ("AM" if value.hour < 12 else "PM") if tag == ENGLISH else str(_locales().half(tag, value))
    if letter == "G":
        return str(_locales().era(tag, count)) if tag != ENGLISH else "Anno Domini" if count == 4 else "A" if count == 5 else "AD"
    if letter in "Qq":
        return _quarter(value, count, tag)
    if letter in "xXZzVvO":
        return _zone_text(letter, count, value, tag)
    if letter in NUMBERS:
        return f"{NUMBERS[letter](value):0{count}d}"
    raise ExpressionError(f"Unknown pattern letter: {letter}")


READ = {
    "y": r"(?P<y>\d{4})", "u": r"(?P<y>\d{4})", "M": r"(?P<M>\d{1,2})", "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})", "h": r"(?P<h>\d{1,2})",
    "m": r"(?P<m>\d{1,2})", "s": r"(?P<s>\d{1,2})", "S": r"(?P<S>\d{1,9})", "a": r"(?P<a>[AaPp][Mm])", "D": r"(?P<D>\d{1,3})",
    "X": r"(?P<X>Z|[+-]\d\d:?\d{0,2})", "x": r"(?P<X>[+-]\d\d:?\d{0,2})", "Z": r"(?P<X>[+-]\d\d:?\d{0,2})",
    "z": r"(?P<z>[\w/+-]+)", "V": r"(?P<z>[\w/+-]+)",
    "E": r"\w+",
}


def parse_pattern(text: str, pattern: str, locale: str | None = None) -> dt.datetime:
    """A date read by a Java pattern, names of months in English unless `locale` says otherwise; raises ValueError."""
    source = ""
    for letter, count, piece in _pieces(NAMED.get(pattern, pattern)):
        if letter is None:
            source += re.escape(piece)
        elif letter in OPTIONAL:
            source += OPTIONAL[letter]
        elif letter in "ML" and count >= 3:
            source += r"(?P<B>[^\W\d_]+\.?)"
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
        raise ValueError(f"Text '{text[:100]}' could not be parsed by the pattern `{pattern[:100]}`")
    return _assembled({key: value for key, value in found.groupdict().items() if value is not None}, locale or ENGLISH)


def _month_number(name: str, tag: str) -> int:
    """The number of a month by its name, whole or short; 0, which no date takes, where there is none."""
    for number in range(1, 13):
        names = (MONTHS[number - 1], MONTHS[number - 1][:3])
        if tag != ENGLISH:
            names = tuple(_locales().month(tag, number, count, alone=False) for count in (4, 3))
        if name.casefold() in (known.casefold() for known in names):
            return number
    return 0


def _assembled(parts: dict[str, str], tag: str) -> dt.datetime:
    month = int(parts.get("M", 1))
    if "B" in parts:
        month = _month_number(parts["B"], tag)
    year = int(parts["y"]) if "y" in parts else 2000 + int(parts["yy"]) if "yy" in parts else 1970
    hour = int(parts["H"]) if "H" in parts else int(parts.get("h", 0)) % 12 + (12 if parts.get("a", "").lower() == "pm" else 0)
    micro = int(parts.get("S", "0")[:6].ljust(6, "0"))
    value = dt.datetime(year, month, int(parts.get("d", 1)), hour, int(parts.get("m", 0)), int(parts.get("s", 0)), micro)
    if "D" in parts:
        value = value.replace(month=1, day=1) + dt.timedelta(days=int(parts["D"]) - 1)
    zone = parts.get("X") or parts.get("z")
    return value.replace(tzinfo=zone_of(zone)) if zone else value


def add_to_date(value: dt.datetime, amount: int, unit: str) -> dt.datetime:
    """`amount` of a Java ChronoUnit later: days and longer by the calendar of the zone, hours and shorter by the clock that never jumps."""
    if unit in MONTH_UNITS:
        year, month = divmod(value.year * 12 + value.month - 1 + amount * MONTH_UNITS[unit], 12)
        if not dt.MINYEAR <= year <= dt.MAXYEAR:
            raise ExpressionError(f"the year {year} is beyond what dates reach")
        return _settled(value.replace(year=year, month=month + 1, day=min(value.day, calendar.monthrange(year, month + 1)[1])))
    if unit not in UNITS:
        raise ExpressionError(f"`{unit}` is not a unit of time; there are {', '.join([*UNITS, *MONTH_UNITS])}")
    step = dt.timedelta(microseconds=amount * UNITS[unit])
    if unit in DAY_UNITS:
        return _settled(value + step)
    return (value.astimezone(dt.UTC) + step).astimezone(value.tzinfo)


def _settled(value: dt.datetime) -> dt.datetime:
    """The same moment as the clock on the wall shows it: what falls into the hour that spring skips comes after it."""
    return value.astimezone(dt.UTC).astimezone(value.tzinfo)


def clock_function(clock: Callable[[], dt.datetime], default_zone: str = "UTC") -> Callable[..., str]:
    """`now()` over a clock that gives the time with its zone."""

    def now(format: str | None = None, timeZone: str | None = None, existingFormat: str | None = None, locale: str | None = None) -> str:
        return format_date(to_date(clock(), timeZone, existingFormat, default_zone), format, locale)

    return now
