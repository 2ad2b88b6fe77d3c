"""Hold for executions that have all of these labels.

```yaml
id: after_production
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.ExecutionLabels
        labels:
          stage: production
```
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from plugins.contract import Condition, Facts
from plugins.core.condition._labels import pairs


class ExecutionLabels(Condition):
    """Hold for executions that have all of these labels."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionLabelsCondition",
        "io.kestra.plugin.core.condition.ExecutionLabelsCondition",
    )
    judges: ClassVar[Literal["date", "execution", "any"]] = "execution"

    labels: dict[str, Any] | list[dict[str, Any]] = Field(description="A map, or a list of `{key, value}`.")

    def holds(self, facts: Facts) -> bool:
        """Whether the execution has all of them."""
        return set(pairs(self.labels)) <= set(facts.judged().labels)
