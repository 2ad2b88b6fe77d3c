"""What conditions on dates share: the date that they judge, and how dates and times are read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine.errors import ExpressionError
from engine.expressions.dates import to_date
from plugins.contract import Condition, ConditionFailed, Facts, Text

DATE = "{{ trigger.date }}"
DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
DayName = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


class DateCondition(Condition):
    """A condition on a date: that of the trigger, or the one that an expression gives."""

    judges: ClassVar[Literal["date", "execution", "any"]] = "date"

    date: Text = Field(DATE, description="The date to look at, with its zone; an expression.")

    def moment(self, facts: Facts) -> datetime:
        """The date to look at."""
        return read_date(facts, self.date)

    def by_day(self, facts: Facts) -> bool:
        """The hour does not matter, where the date is the trigger's own."""
        return self.date == DATE


class Between(DateCondition):
    """A condition that holds strictly between two bounds, of which one is enough."""

    after: Text | None = Field(None, description="Only later than this, written with its zone or offset.")
    before: Text | None = Field(None, description="Only earlier than this, written with its zone or offset.")

    def lies(self, moment: Any, read: Callable[[str], Any]) -> bool:
        """Whether a moment lies between the bounds as `read` reads them."""
        if self.after is None and self.before is None:
            raise ConditionFailed(f"{type(self).__name__} needs `after` or `before`")
        late = self.after is None or moment > read(self.after)
        return bool(late and (self.before is None or moment < read(self.before)))

    def by_day(self, facts: Facts) -> bool:
        """The bounds may lie within a day."""
        return False


def read_date(facts: Facts, written: str) -> datetime:
    """A date with its zone; UTC where it names none."""
    text = facts.render(written, {})
    try:
        return to_date(text, None, None, "UTC") if "T" not in text else _zoned(text)
    except (ExpressionError, ValueError) as error:
        raise ConditionFailed(f"`{text}` is not a date such as 2026-11-24T06:00:00+01:00") from error


def _zoned(text: str) -> datetime:
    """ISO text keeps the offset that it was written with: the weekday depends on it."""
    found = datetime.fromisoformat(text.partition("[")[0].strip())
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def read_time(facts: Facts, written: str) -> timedelta:
    """A time of day with its offset, `06:00:00+01:00`, as what Java compares: the time since midnight less the offset."""
    text = facts.render(written, {})
    try:
        return since_midnight(time.fromisoformat(text.strip()))
    except ValueError as error:
        raise ConditionFailed(f"`{text}` is not a time such as 06:00:00+01:00") from error


def since_midnight(moment: time) -> timedelta:
    """The time since midnight less the offset."""
    passed = timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
    return passed - (moment.utcoffset() or timedelta(0))
