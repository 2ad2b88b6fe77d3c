"""Names of months, days, halves of a day and time zones in the languages of the world; imported when a date first asks for one."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import get_timezone_name

from engine.errors import ExpressionError

WIDTHS = {1: "abbreviated", 2: "abbreviated", 3: "abbreviated", 4: "wide", 5: "narrow"}


@functools.lru_cache(maxsize=64)
def locale_of(tag: str) -> Locale:
    """A language by its tag: `fr`, `de-CH`, `pt_BR`; raises ExpressionError for one that nobody speaks."""
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError) as error:
        raise ExpressionError(f"`{tag[:50]}` is not a locale; write one as `fr` or `de-CH`") from error


def month(tag: str, number: int, count: int, alone: bool) -> str:
    """The name of a month (from 1), inside a date or standing alone."""
    return str(locale_of(tag).months["stand-alone" if alone else "format"][WIDTHS[min(count, 5)]][number])


def day(tag: str, weekday: int, count: int, alone: bool) -> str:
    """The name of a day, Monday is 0."""
    return str(locale_of(tag).days["stand-alone" if alone else "format"][WIDTHS[min(count, 5)]][weekday])


def half(tag: str, value: dt.datetime) -> str:
    """`AM` or `PM`."""
    return str(locale_of(tag).day_periods["format"]["abbreviated"]["am" if value.hour < 12 else "pm"])


def era(tag: str, count: int) -> str:
    return str(locale_of(tag).eras[WIDTHS[min(count, 5)]][1])


def quarter(tag: str, number: int, count: int) -> str:
    return str(locale_of(tag).quarters["format"][WIDTHS[min(count, 5)]][number])


def zone(tag: str, value: dt.datetime) -> str:
    """The long name of a time zone: `Central European Summer Time`."""
    return str(get_timezone_name(value, "long", locale=locale_of(tag)))


def pattern(tag: str, style: str) -> str:
    """The pattern of `full`, `long`, `medium` or `short`."""
    known: Any = locale_of(tag)
    joined = str(known.datetime_formats[style])
    return joined.replace("{0}", known.time_formats[style].pattern).replace("{1}", known.date_formats[style].pattern)
