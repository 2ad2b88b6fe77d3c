"""Hold where an expression over the flow outputs of the execution does.

They stand under `trigger.outputs`. An execution without flow outputs does not pass.

```yaml
id: on_large_loads
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.ExecutionOutputs
        expression: "{{ trigger.outputs.rows > 1000 }}"
```
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from plugins.contract import Condition, Facts, Text
from plugins.core.condition._truth import truthy


class ExecutionOutputs(Condition):
    """Hold where an expression over the flow outputs of the execution does."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionOutputsCondition",
        "io.kestra.plugin.core.condition.ExecutionOutputsCondition",
    )
    judges: ClassVar[Literal["date", "execution", "any"]] = "execution"

    expression: Text = Field(description="Rendered with `trigger.outputs`; blank and `false` do not hold.")

    def holds(self, facts: Facts) -> bool:
        """Whether there are outputs and the rendering is neither blank nor `false`."""
        outputs = facts.judged().outputs
        return bool(outputs) and truthy(facts.render(self.expression, {"trigger": {"outputs": outputs}}))
