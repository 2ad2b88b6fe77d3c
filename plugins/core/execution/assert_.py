"""Fail unless every condition holds.

```yaml
id: check_a_result
namespace: company.team
tasks:
  - id: rows
    type: io.kestra.plugin.core.debug.Return
    format: "3"
  - id: check
    type: io.kestra.plugin.core.execution.Assert
    errorMessage: Too few rows
    conditions:
      - "{{ outputs.rows.value | number > 0 }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from engine.expressions.truth import truthy
from plugins.contract import Result, RunContext, RunnableTask, TaskFailed, Text


class Assert(RunnableTask):
    """Fail unless every condition holds."""

    inline: ClassVar[bool] = True
    outputs_schema: ClassVar[Mapping[str, str]] = {"success": "How many conditions hold.", "failed": "How many do not."}

    conditions: list[Text] = Field(description="Expressions that must hold.")
    error_message: Text | None = Field(None, description="What is logged where one does not.")

    def run(self, context: RunContext) -> Result:
        """Look at all of them, then fail or not."""
        broken = [condition for condition in self.conditions if not truthy(context.render(condition))]
        outputs = {"success": len(self.conditions) - len(broken), "failed": len(broken)}
        if not broken:
            return Result(outputs)
        for condition in broken:
            context.log("ERROR", f"Assertion `{condition}` failed")
        raise TaskFailed(context.render(self.error_message or f"{len(broken)} assertion(s) failed"), outputs=outputs)
