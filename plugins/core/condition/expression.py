"""Hold where an expression does.

It does unless its rendering is blank or `false`: unlike in `runIf`, `0` counts as true.

```yaml
id: only_bronze
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.Expression
        expression: "{{ labels.layer == 'bronze' }}"
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Condition, Facts, Text
from plugins.core.condition._truth import truthy


class Expression(Condition):
    """Hold where an expression does."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.VariableCondition",
        "io.kestra.plugin.core.condition.ExpressionCondition",
    )

    expression: Text = Field(description="Rendered with what the trigger knows; blank and `false` do not hold.")

    def holds(self, facts: Facts) -> bool:
        """Whether the rendering is neither blank nor `false`."""
        return truthy(facts.render(self.expression, {}))
