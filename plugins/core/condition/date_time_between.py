"""Hold between two dates.

`after` and `before` are dates with a zone, of which one is enough; the dates themselves lie outside.

```yaml
id: in_winter
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
      - type: io.kestra.plugin.core.condition.DateTimeBetween
        after: "2026-12-01T00:00:00Z"
        before: "2027-03-01T00:00:00Z"
```
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from plugins.contract import Facts
from plugins.core.condition._dates import Between, read_date


class DateTimeBetween(Between):
    """Hold between two dates."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.DateTimeBetweenCondition",
        "io.kestra.plugin.core.condition.DateTimeBetweenCondition",
    )

    def holds(self, facts: Facts) -> bool:
        """Strictly between."""
        return self.lies(self.moment(facts), partial(read_date, facts))
