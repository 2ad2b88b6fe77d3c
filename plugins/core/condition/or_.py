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

from pydantic import Field

from plugins.contract import Condition, Facts, WrittenCondition


class Or(Condition):
    """Hold where any of its conditions does."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.OrCondition",
        "io.kestra.plugin.core.condition.OrCondition",
    )

    conditions: list[WrittenCondition] = Field(description="Conditions of which one must hold.", min_length=1)

    def holds(self, facts: Facts) -> bool:
        """Whether one does."""
        return any(facts.build(one).holds(facts) for one in self.conditions)

    def by_day(self, facts: Facts) -> bool:
        """As all of those inside."""
        return all(facts.build(one).by_day(facts) for one in self.conditions)
