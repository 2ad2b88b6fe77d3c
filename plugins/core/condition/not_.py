"""Hold where none of its conditions does.

```yaml
id: on_weekdays
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
      - type: io.kestra.plugin.core.condition.Not
        conditions:
          - type: io.kestra.plugin.core.condition.Weekend
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.contract import Facts
from plugins.core.condition._inside import Combined


class Not(Combined):
    """Hold where none of its conditions does."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.NotCondition",
        "io.kestra.plugin.core.condition.NotCondition",
    )

    def holds(self, facts: Facts) -> bool:
        """Whether none does."""
        return not any(self.inside(facts))
