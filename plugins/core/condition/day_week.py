"""Hold on one day of the week.

```yaml
id: on_mondays
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
      - type: io.kestra.plugin.core.condition.DayWeek
        dayOfWeek: MONDAY
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Facts
from plugins.core.condition._dates import DAYS, DateCondition, DayName


class DayWeek(DateCondition):
    """Hold on one day of the week."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.DayWeekCondition",
        "io.kestra.plugin.core.condition.DayWeekCondition",
    )

    day_of_week: DayName = Field(description="The day: MONDAY to SUNDAY.")

    def holds(self, facts: Facts) -> bool:
        """Whether it is that day, in the zone of the date."""
        return DAYS[self.moment(facts).weekday()] == self.day_of_week
