"""Hold where the trigger belongs to a flow of one namespace.

It looks at the flow that declares the trigger, not at the execution.

```yaml
id: only_in_team
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.FlowNamespaceCondition
        namespace: company
        prefix: true
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Condition, Facts, Text


class FlowNamespaceCondition(Condition):
    """Hold where the trigger belongs to a flow of one namespace."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.conditions.types.FlowNamespaceCondition",)

    namespace: Text = Field(description="The namespace.")
    prefix: bool = Field(False, description="Every namespace whose name begins like this one.")

    def holds(self, facts: Facts) -> bool:
        """Whether the trigger's flow is there."""
        name = facts.flow.namespace
        return name.startswith(self.namespace) if self.prefix else name == self.namespace
