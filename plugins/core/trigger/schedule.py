"""Start the flow at the dates of a cron expression.

`cron` has five fields (minute, hour, day of month, month, day of week), six with `withSeconds: true`, or is one of `@yearly`, `@monthly`,
`@weekly`, `@daily`, `@hourly`. The dates are those of `timezone`; without one, of the server. A date waits until the execution of the
one before has ended. What was missed while the server was away is made up for as `recoverMissedSchedules` says.

`conditions` leave dates out: each is judged with `{{ trigger.date }}`, and the neighbours of a date are those that pass too. Where one
cannot be rendered, an execution FAILED says why.

Inside the execution `{{ trigger.date }}` is the date that was due, `{{ trigger.next }}` and `{{ trigger.previous }}` its neighbours.

```yaml
id: every_morning
namespace: company.team
tasks:
  - id: greet
    type: io.kestra.plugin.core.log.Log
    message: "The data of {{ trigger.date ?? execution.startDate }}"
triggers:
  - id: at_six
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 6 * * MON-FRI"
    timezone: Europe/Berlin
    recoverMissedSchedules: LAST
```
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Text, WrittenCondition
from plugins.core.trigger import _cron
from plugins.core.trigger._dates import Dated


class Schedule(Dated):
    """Start the flow at the dates of a cron expression."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Schedule",)

    cron: Text = Field(description="When: five fields, six with `withSeconds`, or a name such as `@daily`.")
    with_seconds: bool = Field(False, description="The first of six fields counts seconds.")
    schedule_conditions: list[WrittenCondition] | None = Field(
        None, description="The older name of conditions.", json_schema_extra={"deprecated": True}
    )
    backfill: Any = Field(None, description="Kept and ignored: past dates are made up for from the page of the triggers.", deprecated=True)

    def next_date(self, after: datetime, server: tzinfo = UTC) -> datetime | None:
        """The first date later than `after`; None where the expression never comes again."""
        return _cron.next_date(self.cron, self.zone(server), after)

    def previous_date(self, before: datetime, server: tzinfo = UTC) -> datetime | None:
        """The last date earlier than `before`; None where there is none."""
        return _cron.previous_date(self.cron, self.zone(server), before)
