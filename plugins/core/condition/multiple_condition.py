"""Hold when all of its conditions were true within a window of time, each for an execution of its own. For Flow triggers only.

What was true is remembered until the window ends. `timeWindow` says how long it is; without one, a day from midnight on. When all came
together the flow starts and all of it is forgotten, unless `resetOnSuccess` is false: then each further match starts it again.

```yaml
id: after_both
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - id: both
        type: io.kestra.plugin.core.condition.MultipleCondition
        timeWindow:
          type: DURATION_WINDOW
          window: PT12H
        conditions:
          orders:
            type: io.kestra.plugin.core.condition.ExecutionFlow
            namespace: company.team
            flowId: load_orders
          customers:
            type: io.kestra.plugin.core.condition.ExecutionFlow
            namespace: company.team
            flowId: load_customers
```
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import ClassVar, Literal

from pydantic import Field
from pydantic.config import JsonDict

from plugins.contract import Condition, ConditionFailed, Facts, Text, Window, WrittenCondition
from plugins.core.condition._windows import DurationText, TimeWindow

OLD: JsonDict = {"deprecated": True}


class MultipleCondition(Condition):
    """Hold when all of its conditions were true within a window of time."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.conditions.types.MultipleCondition",)
    judges: ClassVar[Literal["date", "execution", "any"]] = "execution"

    id: Text = Field(description="Unique within the trigger: what was true is remembered under it.", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$")
    description: Text | None = Field(None, description="What the conditions are about.")
    conditions: dict[str, WrittenCondition] = Field(description="The conditions, each by a name.", min_length=1)
    time_window: TimeWindow | None = Field(None, description="How long what was true is remembered.")
    reset_on_success: bool = Field(True, description="Forget everything when the flow starts.")
    window: DurationText | None = Field(None, description="The older spelling of `timeWindow.window`.", json_schema_extra=OLD)
    window_advance: DurationText | None = Field(
        None, description="The older spelling of `timeWindow.windowAdvance`.", json_schema_extra=OLD
    )

    def names(self) -> tuple[str, ...]:
        """The names of what must come together."""
        return tuple(self.conditions)

    def judge(self, name: str, facts: Facts) -> bool:
        """Whether one of the conditions holds. Raises ConditionFailed."""
        return facts.build(self.conditions[name]).holds(facts)

    def window_at(self, now: datetime, server: tzinfo) -> Window:
        """The window that is open now."""
        older = {"window": self.window, "windowAdvance": self.window_advance}
        return (self.time_window or TimeWindow.model_validate(older)).at(now, server)

    def holds(self, facts: Facts) -> bool:
        """Only what remembers can tell."""
        raise ConditionFailed("A MultipleCondition stands directly among the conditions of a Flow trigger")
