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

from typing import ClassVar

from pydantic import Field

from plugins.contract import ConditionFailed, Facts, Text
from plugins.core.condition._dates import DateCondition, read_date


class DateTimeBetween(DateCondition):
    """Hold between two dates."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.DateTimeBetweenCondition",
        "io.kestra.plugin.core.condition.DateTimeBetweenCondition",
    )

    after: Text | None = Field(None, description="Only later than this date, with its zone.")
    before: Text | None = Field(None, description="Only earlier than this date, with its zone.")

    def holds(self, facts: Facts) -> bool:
        """Strictly between."""
        if self.after is None and self.before is None:
            raise ConditionFailed("DateTimeBetween needs `after` or `before`")
        date = self.moment(facts)
        late = self.after is None or date > read_date(facts, self.after)
        return late and (self.before is None or date < read_date(facts, self.before))

    def by_day(self, facts: Facts) -> bool:
        """Its bounds may lie within a day."""
        return False
