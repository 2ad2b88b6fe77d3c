"""Hold for the executions of one flow.

```yaml
id: after_load
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.ExecutionFlow
        namespace: company.team
        flowId: load
```
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from plugins.contract import Condition, Facts, Text


class ExecutionFlow(Condition):
    """Hold for the executions of one flow."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionFlowCondition",
        "io.kestra.plugin.core.condition.ExecutionFlowCondition",
    )
    judges: ClassVar[Literal["date", "execution", "any"]] = "execution"

    namespace: Text = Field(description="Namespace of the flow.")
    flow_id: Text = Field(description="Id of the flow.")

    def holds(self, facts: Facts) -> bool:
        """Whether the execution is of that flow."""
        execution = facts.judged()
        return (execution.namespace, execution.flow_id) == (self.namespace, self.flow_id)
