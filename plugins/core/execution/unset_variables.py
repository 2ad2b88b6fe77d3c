"""Take variables away from the execution that `io.kestra.plugin.core.execution.SetVariables` gave it.

```yaml
id: forget_a_choice
namespace: company.team
tasks:
  - id: choose
    type: io.kestra.plugin.core.execution.SetVariables
    variables:
      table: orders
  - id: forget
    type: io.kestra.plugin.core.execution.UnsetVariables
    variables:
      - table
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, TaskFailed, Text
from plugins.scripts import _render


class UnsetVariables(RunnableTask):
    """Take variables away from the execution."""

    inline: ClassVar[bool] = True

    variables: list[Text] | Expression = Field(description="Names of the variables.")
    ignore_missing: bool | Expression = Field(False, description="A name that there is not is no failure.")

    def run(self, context: RunContext) -> Result:
        """Name them; whoever advances the execution takes them away."""
        names = _render.texts(context, self.variables)
        missing = sorted(set(names) - (context.render_typed("{{ vars ?? {} }}") or {}).keys())
        if missing and not _render.flag(context, self.ignore_missing):
            raise TaskFailed(f"There are no variables {', '.join(missing)} (`ignoreMissing`)", retryable=False)
        return Result(forgotten=names)
