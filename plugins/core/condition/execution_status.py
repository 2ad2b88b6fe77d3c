"""Hold for executions in certain states.

A Flow trigger looks at ended executions only, unless its own `states` name others.

```yaml
id: after_failures
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.ExecutionStatus
        in:
          - FAILED
          - WARNING
```
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from plugins.contract import Condition, Facts
from plugins.core.condition._states import StateName, allows


class ExecutionStatus(Condition):
    """Hold for executions in certain states."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionStatusCondition",
        "io.kestra.plugin.core.condition.ExecutionStatusCondition",
    )
    judges: ClassVar[Literal["date", "execution", "any"]] = "execution"

    in_: list[StateName] | None = Field(None, alias="in", description="Only these states.")
    not_in: list[StateName] | None = Field(None, description="None of these states.")

    def holds(self, facts: Facts) -> bool:
        """Whether the execution's state is allowed."""
        return allows(facts.judged().state.current, self.in_, self.not_in)
