"""Fail on purpose: always, or only where a condition holds.

Without `condition` the task fails with `errorMessage`. With one, it fails where the condition renders to anything but
an empty text, `false`, `0` or `-0`.

```yaml
id: stop_when_empty
namespace: company.team
inputs:
  - id: rows
    type: INT
    defaults: 0
tasks:
  - id: check
    type: io.kestra.plugin.core.execution.Fail
    condition: "{{ inputs.rows == 0 }}"
    errorMessage: There is nothing to load
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from engine.expressions.truth import truthy
from plugins.contract import Result, RunContext, RunnableTask, TaskFailed, Text


class Fail(RunnableTask):
    """Fail, always or on a condition."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Fail",)
    inline: ClassVar[bool] = True

    condition: Text | None = Field(None, description="Expression; the task fails only where it holds. Absent: it always fails.")
    error_message: Text = Field("Task failure", description="What to say. Expressions are rendered.")

    def run(self, context: RunContext) -> Result:
        """Raise TaskFailed, or succeed where the condition does not hold."""
        if self.condition is None:
            raise TaskFailed(context.render(self.error_message))
        if not truthy(context.render(self.condition)):
            return Result()
        context.log("ERROR", context.render(self.error_message))
        raise TaskFailed("Fail on a condition")
