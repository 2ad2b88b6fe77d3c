"""Hold on the first, second, third, fourth or last such day of the month.

```yaml
id: first_monday
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "It is {{ trigger.date }}"
triggers:
  - id: timed
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 6 * * *"
    conditions:
      - type: io.kestra.plugin.core.condition.DayWeekInMonth
        dayOfWeek: MONDAY
        dayInMonth: FIRST
```
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from plugins.contract import Facts
from plugins.core.condition._dates import DAYS, DateCondition, DayName

PLACES = ("FIRST", "SECOND", "THIRD", "FOURTH")


class DayWeekInMonth(DateCondition):
    """Hold on the first, second, third, fourth or last such day of the month."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.DayWeekInMonthCondition",
        "io.kestra.plugin.core.condition.DayWeekInMonthCondition",
    )

    day_of_week: DayName = Field(description="The day: MONDAY to SUNDAY.")
    day_in_month: Literal["FIRST", "SECOND", "THIRD", "FOURTH", "LAST"] = Field(description="Which of the month's such days.")

    def holds(self, facts: Facts) -> bool:
        """Whether it is that day, in the zone of the date."""
        date = self.moment(facts)
        if DAYS[date.weekday()] != self.day_of_week:
            return False
        if self.day_in_month == "LAST":
            return (date + timedelta(days=7)).month != date.month
        return (date.day - 1) // 7 == PLACES.index(self.day_in_month)
