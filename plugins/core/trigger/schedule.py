"""Start the flow at the times of a cron expression.

Five fields (minute, hour, day of month, month, day of week), six with seconds first when `withSeconds` is true, or one of `@yearly`,
`@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`. In expressions `trigger.date`, `trigger.next` and
`trigger.previous` are the time of this execution and of those beside it.

```yaml
id: every_morning
namespace: company.team
inputs:
  - id: kind
    type: STRING
    defaults: none
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "the {{ inputs.kind }} of {{ trigger.date ?? 'today' }}"
triggers:
  - id: weekdays
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 9 * * 1-5"
    timezone: Europe/Paris
    inputs:
      kind: morning report
```
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from plugins.contract import BaseTrigger, Text


class Schedule(BaseTrigger):
    """Start the flow at the times of a cron expression."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Schedule",)

    cron: Text = Field(description="When: a cron expression such as `0 9 * * 1-5`, or a name such as `@daily`.")
    with_seconds: bool = Field(False, description="Whether the cron expression has six fields, seconds first.")
    timezone: Text | None = Field(None, description="Time zone of the cron expression; the server's where absent.")
    late_maximum_delay: str | None = Field(None, description="Do not make up for a time that is longer ago than this, for example PT10M.")
    recover_missed_schedules: Literal["ALL", "LAST", "NONE"] | None = Field(
        None, description="What to make up for after the scheduler was away: every time, only the last, or nothing."
    )
    schedule_conditions: list[dict[str, Any]] | None = Field(None, description="Deprecated: use conditions.", deprecated=True)
    backfill: Any = Field(None, description="Deprecated and without effect: a backfill is started on the triggers page.", deprecated=True)
