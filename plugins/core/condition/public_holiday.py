"""Hold on the public holidays of a country, or of a part of it.

Inside Not it leaves them out. `country` is an ISO 3166 code such as `DE`, `subDivision` one of its parts such as `BY`.

```yaml
id: on_working_days
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
          - type: io.kestra.plugin.core.condition.PublicHoliday
            country: DE
            subDivision: BY
          - type: io.kestra.plugin.core.condition.Weekend
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from engine.errors import ExpressionError
from engine.expressions.calendars import is_holiday
from plugins.contract import ConditionFailed, Facts, Text
from plugins.core.condition._dates import DateCondition


class PublicHoliday(DateCondition):
    """Hold on the public holidays of a country, or of a part of it."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.PublicHolidayCondition",
        "io.kestra.plugin.core.condition.PublicHolidayCondition",
    )

    country: Text = Field("US", description="ISO 3166 code of the country, such as `FR`; an expression.")
    sub_division: Text | None = Field(None, description="A part of the country that has holidays of its own, such as `BY`; an expression.")

    def holds(self, facts: Facts) -> bool:
        """Whether the day is one of them, in the zone of the date."""
        country = facts.render(self.country, {})
        part = facts.render(self.sub_division, {}) if self.sub_division else None
        day = self.moment(facts).date()
        try:
            return is_holiday(day, country, part)
        except ExpressionError as error:
            raise ConditionFailed(error.message) from error
