"""Filters over dates, and functions that ask the calendar."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable
from typing import Any

from engine.errors import ExpressionError
from engine.expressions.dates import DAYS, add_to_date, format_date, parse_date, to_date
from engine.expressions.run import Run
from engine.expressions.values import to_text

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
POSITIONS = {"FIRST": 1, "SECOND": 2, "THIRD": 3, "FOURTH": 4, "LAST": -1}


def date(
    run: Run,
    value: Any,
    format: str | None = None,
    timeZone: str | None = None,
    existingFormat: str | None = None,
    locale: str | None = None,
) -> Any:
    """A date as text: by a pattern of Java, or `iso`, `iso_sec`, `sql`, `sql_seq`, `iso_date`, `iso_local_date_time`, `full`, `short`…

    A text is read as ISO 8601, or by `existingFormat`; a number counts seconds since 1970. Names are English unless there is a `locale`.

    {{ '2024-02-03T04:05:06Z' | date('dd/MM/yyyy HH:mm', timeZone='Europe/Paris') }} → 03/02/2024 05:05
    {{ 'July 24, 2001' | date('iso_local_date', existingFormat='MMMM d, yyyy') }} → 2001-07-24
    {{ '2024-02-03' | date('EEEE d MMMM', locale='fr') }} → samedi 3 février
    """
    if value is None:
        return None
    return format_date(to_date(value, timeZone, existingFormat, run.options.time_zone, locale), format, locale)


def date_add(
    run: Run,
    value: Any,
    amount: int,
    unit: str,
    format: str | None = None,
    timeZone: str | None = None,
    existingFormat: str | None = None,
    locale: str | None = None,
) -> Any:
    """A date so many units later, or earlier: NANOS, MICROS, MILLIS, SECONDS, MINUTES, HOURS, HALF_DAYS, DAYS, WEEKS, MONTHS, YEARS….

    {{ '2024-01-31' | dateAdd(1, 'MONTHS', format='iso_local_date') }} → 2024-02-29
    """
    if value is None:
        return None
    moved = add_to_date(to_date(value, timeZone, existingFormat, run.options.time_zone, locale), int(amount), unit)
    return format_date(moved, format, locale)


def _stamp(value: Any, run: Run, zone: str | None, existing: str | None) -> int:
    """Microseconds since 1970."""
    return (to_date(value, zone, existing, run.options.time_zone) - EPOCH) // MICROSECOND


def timestamp(run: Run, value: Any, timeZone: str | None = None, existingFormat: str | None = None) -> Any:
    """Seconds since 1970.

    {{ '1970-01-01T00:01:00Z' | timestamp }} → 60
    """
    return None if value is None else _stamp(value, run, timeZone, existingFormat) // 1_000_000


def timestamp_milli(run: Run, value: Any, timeZone: str | None = None, existingFormat: str | None = None) -> Any:
    """Milliseconds since 1970.

    {{ '1970-01-01T00:01:00Z' | timestampMilli }} → 60000
    """
    return None if value is None else _stamp(value, run, timeZone, existingFormat) // 1000


def timestamp_micro(run: Run, value: Any, timeZone: str | None = None, existingFormat: str | None = None) -> Any:
    """Microseconds since 1970. (Kestra gives seconds times a thousand million plus microseconds, which nobody can use.)

    {{ '1970-01-01T00:00:01.5Z' | timestampMicro }} → 1500000
    """
    return None if value is None else _stamp(value, run, timeZone, existingFormat)


def timestamp_nano(run: Run, value: Any, timeZone: str | None = None, existingFormat: str | None = None) -> Any:
    """Nanoseconds since 1970.

    {{ '1970-01-01T00:00:01Z' | timestampNano }} → 1000000000
    """
    return None if value is None else _stamp(value, run, timeZone, existingFormat) * 1000


def _day(date: Any) -> dt.datetime:
    """The date and time that a value shows, in the zone that it is written in."""
    if isinstance(date, dt.datetime):
        return date
    if isinstance(date, dt.date):
        return dt.datetime.combine(date, dt.time())
    try:
        found = parse_date(to_text(date))
    except ValueError as error:
        raise ExpressionError(str(error)) from error
    return found if isinstance(found, dt.datetime) else dt.datetime.combine(found, dt.time())


def is_weekend(date: Any) -> bool:
    """Whether a date is a Saturday or a Sunday.

    {{ isWeekend('2024-02-03') }} → true
    """
    return _day(date).weekday() >= 5


def is_day_week_in_month(date: Any, dayOfWeek: str, position: str) -> bool:
    """Whether a date is the FIRST, SECOND, THIRD, FOURTH or LAST such day of the week in its month.

    {{ isDayWeekInMonth('2024-02-05', 'MONDAY', 'FIRST') }} → true
    """
    day, place = _day(date), POSITIONS.get(position)
    if place is None or dayOfWeek not in NAMES:
        raise ExpressionError(f"a day is one of {', '.join(NAMES)}, its position one of {', '.join(POSITIONS)}")
    if day.weekday() != NAMES.index(dayOfWeek):
        return False
    return (day + dt.timedelta(days=7)).month != day.month if place == -1 else (day.day - 1) // 7 + 1 == place


def is_public_holiday(date: Any, countryCode: str = "US", subDivision: str | None = None) -> bool:
    """Whether a date is a public holiday of a country, or of a part of it.

    {{ isPublicHoliday('2024-11-01', 'DE', 'DE-BY') }} → true
    """
    calendars = importlib.import_module("engine.expressions.calendars")  # it knows all countries, which takes its time
    return bool(calendars.is_holiday(_day(date).date(), countryCode, subDivision))


NAMES = tuple(name.upper() for name in DAYS)


def day_of_week(date: Any) -> str:
    """The day of the week.

    {{ dayOfWeek('2024-02-05') }} → MONDAY
    """
    return NAMES[_day(date).weekday()]


def day_of_month(date: Any) -> int:
    """The day of the month, from 1.

    {{ dayOfMonth('2024-02-05') }} → 5
    """
    return _day(date).day


def month_of_year(date: Any) -> int:
    """The month, from 1.

    {{ monthOfYear('2024-02-05') }} → 2
    """
    return _day(date).month


def hour_of_day(date: Any) -> int:
    """The hour, from 0.

    {{ hourOfDay('2024-02-05T17:30:00Z') }} → 17
    """
    return _day(date).hour


DATE_FILTERS: dict[str, Callable[..., Any]] = {
    "date": date,
    "dateAdd": date_add,
    "timestamp": timestamp,
    "timestampMilli": timestamp_milli,
    "timestampMicro": timestamp_micro,
    "timestampNano": timestamp_nano,
}
DATE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "isWeekend": is_weekend,
    "isDayWeekInMonth": is_day_week_in_month,
    "isPublicHoliday": is_public_holiday,
    "dayOfWeek": day_of_week,
    "dayOfMonth": day_of_month,
    "monthOfYear": month_of_year,
    "hourOfDay": hour_of_day,
}
