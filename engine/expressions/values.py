"""Values as an expression sees them: how they print, what Java calls them, how they compare."""

from __future__ import annotations

import datetime as dt
import difflib
import enum
import itertools
import math
import struct
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, NoReturn

import isodate

from engine.errors import ExpressionError

SHOWN_NAMES = 8
MOST_NAMES = 1000
MOST_PAIRS = 300_000  # comparisons that one operation may take


class Float32(float):
    """A 32-bit float: prints short, widens to its exact value."""


class Double(float):
    """A float known to be 64 bits wide."""


class Long(int):
    """A whole number known to be 64 bits wide, as those written in an expression are."""


class BigInteger(int):
    """A whole number known to be of Java's kind without bounds."""


Place = tuple[int, int]  # line and column, from 1
NOWHERE: Place = (1, 0)


class Missing:
    """What a name that is not there gives: harmless until it is used, then an error that says what there is."""

    __slots__ = ("name", "path", "place", "there")

    def __init__(self, name: str, path: str, there: Iterable[Any] = (), place: Place = NOWHERE) -> None:
        self.name = name
        self.path = path
        self.there = there
        self.place = place

    def error(self) -> ExpressionError:
        """The error of using this."""
        line, column = self.place
        failure = MissingValue(f"no `{self.path}`{_there(self.name, self.there)}", line=line, column=column)
        failure.name = self.name
        return failure

    def _used(self, *_: object) -> NoReturn:
        raise self.error()

    __bool__ = __str__ = __iter__ = __len__ = __hash__ = __eq__ = __getitem__ = __int__ = __float__ = _used


def _there(name: str, there: Iterable[Any]) -> str:
    """What could have been meant by a name: `; there are …`, the closest first."""
    names = list(dict.fromkeys(str(key) for key in itertools.islice(there, MOST_NAMES)))
    close = difflib.get_close_matches(name, names, 1)
    shown = [*close, *(other for other in names if other not in close)][:SHOWN_NAMES]
    if not shown:
        return ""
    listed = ", ".join(f"`{other}`" for other in shown) + (" and more" if len(names) > SHOWN_NAMES else "")
    meant = f"; did you mean `{close[0]}`?" if close and len(names) > 1 else ""
    return f"; there {'is' if len(names) == 1 else 'are'} {listed}{meant}"


def meant(name: str, known: Iterable[str]) -> str:
    """`, did you mean …?` where a known name resembles this one."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f", did you mean `{close[0]}`?" if close else ""


class MissingValue(ExpressionError):
    """A name is used that is not there; `name` is the part that was not found."""

    name: str = ""


def is_number(value: object) -> bool:
    """Numbers as Java has them: a boolean is none."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def is_list(value: object) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def to_float32(value: float) -> Float32:
    """The nearest 32-bit float."""
    try:
        return Float32(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return Float32(math.inf if value > 0 else -math.inf)


def short_float32(value: float) -> str:
    """The fewest digits that name this 32-bit float."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if to_float32(float(text)) == value:
            return text
    return repr(float(value))


def fits_float32(value: float) -> bool:
    """Whether a 32-bit float prints as this one does, so that nothing is lost by calling it one."""
    if isinstance(value, Double) or not math.isfinite(value):
        return False
    return isinstance(value, Float32) or float(short_float32(to_float32(value))) == value


def java_float(value: float) -> str:
    """A float as Java prints it: `1.0`, `1.0E10`, `NaN`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    number = Decimal(short_float32(value) if isinstance(value, Float32) else repr(float(value)))
    if Decimal("0.001") <= abs(number) < Decimal(10_000_000):
        text = format(number, "f")
        return text if "." in text else text + ".0"
    sign, digits, _ = number.as_tuple()
    significant = "".join(map(str, digits)).rstrip("0")
    return f"{'-' if sign else ''}{significant[0]}.{significant[1:] or '0'}E{number.adjusted()}"


def _fraction(microsecond: int) -> str:
    if not microsecond:
        return ""
    return f".{microsecond // 1000:03d}" if microsecond % 1000 == 0 else f".{microsecond:06d}"


def _clock(value: dt.datetime | dt.time, always_seconds: bool) -> str:
    text = f"{value.hour:02d}:{value.minute:02d}"
    if always_seconds or value.second or value.microsecond:
        text += f":{value.second:02d}{_fraction(value.microsecond)}"
    return text


def offset_text(offset: dt.timedelta | None) -> str:
    """An offset from UTC as `+02:00`, zero as `Z`."""
    if offset is None:
        return ""
    if not offset:
        return "Z"
    total = int(offset.total_seconds())
    sign, total = ("-", -total) if total < 0 else ("+", total)
    return f"{sign}{total // 3600:02d}:{total % 3600 // 60:02d}"


def java_date(value: dt.datetime, *, always_seconds: bool = False) -> str:
    """A date and time as Java's `toString` gives it, without seconds that are zero unless asked."""
    text = f"{value.date().isoformat()}T{_clock(value, always_seconds)}{offset_text(value.utcoffset())}"
    zone = getattr(value.tzinfo, "key", None)
    return text if zone in (None, "UTC") or always_seconds else f"{text}[{zone}]"


def duration_text(value: dt.timedelta) -> str:
    """A duration in ISO 8601 as Java writes it: `PT36H5M`, `PT1.5S`, never days."""
    if not value:
        return "PT0S"
    sign = "-" if value < dt.timedelta(0) else ""
    seconds, micro = divmod(abs(value) // dt.timedelta(microseconds=1), 1_000_000)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{sign}{hours}H" if hours else ""
    text += f"{sign}{minutes}M" if minutes else ""
    if seconds or micro:
        text += f"{sign}{seconds}" + (f".{micro:06d}".rstrip("0") if micro else "") + "S"
    return "PT" + text


def parse_duration(text: str) -> dt.timedelta:
    """A duration from ISO 8601 (`P1D`, `PT1H30M`); raises ValueError for months and years, whose length nobody knows."""
    try:
        found = isodate.parse_duration(text.upper())  # Java reads `PT5m` too
    except (isodate.ISO8601Error, OverflowError) as error:
        raise ValueError(f"`{text}` is not a duration like PT30S or P1D") from error
    if not isinstance(found, dt.timedelta):
        raise ValueError(f"`{text}` counts months or years, whose length is not fixed")
    return found


def duration_of(value: Any) -> dt.timedelta:
    """A duration from what a property rendered to: ISO 8601, or seconds as a DURATION input prints (`300.0`). Raises ValueError."""
    if isinstance(value, dt.timedelta):
        return value
    text = to_text(value).strip()
    try:
        return dt.timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        return parse_duration(text)


def to_text(value: Any) -> str:
    """What `{{ value }}` prints: null as nothing, lists and maps as compact JSON, the rest as Java prints it."""
    if isinstance(value, str):
        return value.value if isinstance(value, enum.Enum) else str(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return java_float(value)
    if isinstance(value, dt.datetime):
        return java_date(value)
    if isinstance(value, dt.time):
        return _clock(value, always_seconds=False)
    if isinstance(value, dt.timedelta):
        return duration_text(value)
    if isinstance(value, (Decimal, dt.date, uuid.UUID)):
        return str(value)
    return to_json(value)


def to_json(value: Any, limit: int | None = None) -> str:
    """Compact JSON with Java's numbers. Raises ExpressionError past `limit` characters and for what JSON has no form for."""
    pieces: list[str] = []
    _write_json(value, pieces, [0, limit if limit is not None else 1 << 40])
    return "".join(pieces)


def _write_json(value: Any, out: list[str], budget: list[int]) -> None:
    if isinstance(value, Mapping):
        out.append("{")
        for number, (key, item) in enumerate(value.items()):
            out.append(("," if number else "") + encode_basestring(to_text(key)) + ":")
            _write_json(item, out, budget)
        out.append("}")
    elif is_list(value):
        out.append("[")
        for number, item in enumerate(value):
            if number:
                out.append(",")
            _write_json(item, out, budget)
        out.append("]")
    else:
        out.append(_json_scalar(value))
    budget[0] += len(out[-1]) + 2
    if budget[0] > budget[1]:
        raise ExpressionError(f"what is printed is longer than {budget[1]} characters")


def _json_scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return encode_basestring(to_text(value))
    if isinstance(value, Missing):
        raise value.error()
    if isinstance(value, dt.datetime):
        return f'"{java_date(value, always_seconds=True)}"'
    if isinstance(value, dt.time):
        return f'"{_clock(value, always_seconds=True)}"'
    if isinstance(value, (bool, int, float, Decimal)):
        return to_text(value)
    if isinstance(value, (dt.date, dt.timedelta, uuid.UUID)):
        return f'"{to_text(value)}"'
    raise ExpressionError(f"a {type(value).__name__} cannot be printed")


JAVA_CLASSES: tuple[tuple[type, str], ...] = (
    (bool, "java.lang.Boolean"),
    (str, "java.lang.String"),
    (dt.date, "java.time.LocalDate"),
    (dt.time, "java.time.LocalTime"),
    (dt.timedelta, "java.time.Duration"),
    (Decimal, "java.math.BigDecimal"),
    (list, "java.util.ArrayList"),
    (tuple, "java.util.ArrayList"),
    (set, "java.util.LinkedHashSet"),
    (frozenset, "java.util.LinkedHashSet"),
    (Mapping, "java.util.LinkedHashMap"),
    (uuid.UUID, "java.util.UUID"),
)


def java_text(value: Any) -> str:
    """A value as Java's `toString` gives it: `[1, null, {key=x}]`."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{to_text(key)}={java_text(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(java_text, value)) + "]" if is_list(value) else to_text(value)


def java_class(value: Any) -> str:
    """The name Java gives to the class of a value."""
    if isinstance(value, dt.datetime):
        return "java.time.ZonedDateTime" if value.tzinfo else "java.time.LocalDateTime"
    if isinstance(value, Long):
        return "java.lang.Long"
    if isinstance(value, BigInteger):
        return "java.math.BigInteger"
    if isinstance(value, int) and not isinstance(value, bool):
        size = "Integer" if -(2**31) <= value < 2**31 else "Long"
        return f"java.lang.{size}" if -(2**63) <= value < 2**63 else "java.math.BigInteger"
    if isinstance(value, float):
        return "java.lang.Float" if fits_float32(value) else "java.lang.Double"
    return next((name for kind, name in JAVA_CLASSES if isinstance(value, kind)), "java.lang.Object")


def equal(left: Any, right: Any) -> bool:
    """Pebble's `==`: numbers by value, a boolean is no number, everything else as it is."""
    if isinstance(left, Missing) or isinstance(right, Missing):
        raise (left if isinstance(left, Missing) else right).error()
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if is_number(left) and is_number(right):
        return same_kind(left) == same_kind(right) if type(left) is not type(right) else bool(left == right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(item, right[key]) for key, item in left.items())
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def same_kind(number: Any) -> Any:
    """A number so that it compares with one of another class: by the digits that it prints, not by its bits."""
    if isinstance(number, Float32):
        number = float(short_float32(number))
    return Decimal(repr(float(number))) if isinstance(number, float) and math.isfinite(number) else number


def index_of(items: Iterable[Any]) -> Callable[[Any], bool]:
    """Asks whether a value is among these, as `equal` compares; raises ExpressionError where that takes too many comparisons."""
    return growing_index(list(items))


def growing_index(items: list[Any]) -> Callable[[Any], bool]:
    """The same for a list that grows between two questions."""
    found: set[Any] = set()
    others: list[Any] = []
    read = asked = 0

    def among(value: Any) -> bool:
        nonlocal read, asked
        for item in items[read:]:
            key = _key(item)
            if key is None:
                others.append(item)
            else:
                found.add(key)
        read = len(items)
        key = _key(value)
        if key is not None:
            return key in found
        asked += len(others)
        if asked > MOST_PAIRS:
            raise ExpressionError(f"the expression compares more than {MOST_PAIRS} lists and maps with each other")
        return any(equal(item, value) for item in others)

    return among


def _key(value: Any) -> Any:
    """Something that hashes, the same for equal values; None for lists and maps."""
    if isinstance(value, Missing):
        raise value.error()
    if isinstance(value, bool):
        return ("bool", value)
    if is_number(value):
        return ("number", same_kind(value))
    if is_list(value) or isinstance(value, Mapping):
        return None
    return ("other", type(value) if not isinstance(value, str) else str, value)


def text_of(value: Any, name: str) -> str:
    """The text that flows into a filter; anything else is refused by the filter's name."""
    if isinstance(value, str):
        return value
    raise ExpressionError(f"The '{name}' filter needs text, found {java_class(value)}")
