"""Hold where any of its conditions does.

```yaml
id: mondays_and_weekends
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
      - type: io.kestra.plugin.core.condition.Or
        conditions:
          - type: io.kestra.plugin.core.condition.DayWeek
            dayOfWeek: MONDAY
          - type: io.kestra.plugin.core.condition.Weekend
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.contract import Facts
from plugins.core.condition._inside import Combined


class Or(Combined):
    """Hold where any of its conditions does."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.OrCondition",
        "io.kestra.plugin.core.condition.OrCondition",
    )

    def holds(self, facts: Facts) -> bool:
        """Whether one does."""
        return any(self.inside(facts))
