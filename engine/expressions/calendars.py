"""Public holidays of countries; imported when an expression first asks for one."""

from __future__ import annotations

import datetime as dt
import functools

import holidays

from engine.errors import ExpressionError


def is_holiday(day: dt.date, country: str, part: str | None) -> bool:
    """Whether a day is a public holiday of a country (ISO 3166, `DE`) or of a part of it (`BY` or `DE-BY`)."""
    code = country.strip().upper()
    return day in _calendar(code, (part or "").strip().upper().removeprefix(f"{code}-"))


@functools.lru_cache(maxsize=50)
def _calendar(country: str, part: str) -> holidays.HolidayBase:
    try:
        return holidays.country_holidays(country, subdiv=part or None)
    except NotImplementedError as error:
        place = f"{country}-{part}" if part else country
        raise ExpressionError(f"No public holidays are known of `{place[:50]}`: a code such as DE or DE-BY is needed") from error
