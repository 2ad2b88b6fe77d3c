"""Hold where the trigger belongs to one flow.

It looks at the flow that declares the trigger, not at the execution.

```yaml
id: only_here
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.FlowCondition
        namespace: company.team
        flowId: only_here
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Condition, Facts, Text


class FlowCondition(Condition):
    """Hold where the trigger belongs to one flow."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.conditions.types.FlowCondition",)

    namespace: Text = Field(description="Namespace of the flow.")
    flow_id: Text = Field(description="Id of the flow.")

    def holds(self, facts: Facts) -> bool:
        """Whether the trigger's flow is that one."""
        return (facts.flow.namespace, facts.flow.id) == (self.namespace, self.flow_id)
