"""Hold on Saturdays and Sundays.

```yaml
id: at_weekends
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
      - type: io.kestra.plugin.core.condition.Weekend
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.contract import Facts
from plugins.core.condition._dates import DateCondition

SATURDAY = 5


class Weekend(DateCondition):
    """Hold on Saturdays and Sundays."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.WeekendCondition",
        "io.kestra.plugin.core.condition.WeekendCondition",
    )

    def holds(self, facts: Facts) -> bool:
        """Whether it is one of the two, in the zone of the date."""
        return self.moment(facts).weekday() >= SATURDAY
