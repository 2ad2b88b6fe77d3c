"""Hold between two times of the day.

`after` and `before` are times with an offset, of which one is enough; the times themselves lie outside. As in Kestra, times are compared by
what they are in UTC and never across midnight: for a span over midnight use Not.

```yaml
id: office_hours
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "It is {{ trigger.date }}"
triggers:
  - id: timed
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "*/15 * * * *"
    conditions:
      - type: io.kestra.plugin.core.condition.TimeBetween
        after: "07:59:59+01:00"
        before: "18:00:00+01:00"
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import ConditionFailed, Facts, Text
from plugins.core.condition._dates import DateCondition, read_time, since_midnight


class TimeBetween(DateCondition):
    """Hold between two times of the day."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.TimeBetweenCondition",
        "io.kestra.plugin.core.condition.TimeBetweenCondition",
    )

    after: Text | None = Field(None, description="Only later than this time, with its offset.")
    before: Text | None = Field(None, description="Only earlier than this time, with its offset.")

    def holds(self, facts: Facts) -> bool:
        """Strictly between."""
        if self.after is None and self.before is None:
            raise ConditionFailed("TimeBetween needs `after` or `before`")
        moment = since_midnight(self.moment(facts).timetz())
        late = self.after is None or moment > read_time(facts, self.after)
        return late and (self.before is None or moment < read_time(facts, self.before))

    def by_day(self, facts: Facts) -> bool:
        """It is all about the hour."""
        return False
