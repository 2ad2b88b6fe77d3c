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

from functools import partial
from typing import ClassVar

from plugins.contract import Facts
from plugins.core.condition._dates import Between, read_time, since_midnight


class TimeBetween(Between):
    """Hold between two times of the day."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.TimeBetweenCondition",
        "io.kestra.plugin.core.condition.TimeBetweenCondition",
    )

    def holds(self, facts: Facts) -> bool:
        """Strictly between."""
        return self.lies(since_midnight(self.moment(facts).timetz()), partial(read_time, facts))
