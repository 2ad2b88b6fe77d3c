"""Give the execution variables of its own: `vars.<name>`, over those that the flow declares.

A lone expression keeps its type. With `overwrite: false` a name that the execution has already fails the task.

```yaml
id: remember_a_choice
namespace: company.team
tasks:
  - id: choose
    type: io.kestra.plugin.core.execution.SetVariables
    variables:
      table: "raw_{{ flow.id }}"
      sizes: "{{ [1, 2] }}"
  - id: use
    type: io.kestra.plugin.core.log.Log
    message: "{{ vars.table }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, TaskFailed
from plugins.scripts import _render


class SetVariables(RunnableTask):
    """Give the execution variables of its own."""

    inline: ClassVar[bool] = True

    variables: dict[str, Any] | Expression = Field(description="Values by name.")
    overwrite: bool | Expression = Field(True, description="Replace variables that the execution has already.")

    def run(self, context: RunContext) -> Result:
        """Render them; whoever advances the execution gives them to it."""
        given = self.variables
        if isinstance(given, str):
            found = context.render_typed(given)
        else:
            found = {context.render(name): _typed(context, value) for name, value in given.items()}
        if not isinstance(found, Mapping):
            raise TaskFailed("`variables` must be a map of names to values", retryable=False)
        taken = sorted(found.keys() & (context.render_typed("{{ vars ?? {} }}") or {}).keys())
        if taken and not _render.flag(context, self.overwrite):
            raise TaskFailed(
                f"You are trying to overwrite existing execution variables ({', '.join(taken)}), but `overwrite` is set to false",
                retryable=False,
            )
        return Result(variables=dict(found))


def _typed(context: RunContext, value: Any) -> Any:
    return context.render_typed(value) if isinstance(value, str) else context.render_any(value)
