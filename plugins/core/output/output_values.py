"""Give several rendered values as the output `values`.

```yaml
id: give_values
namespace: company.team
tasks:
  - id: give
    type: io.kestra.plugin.core.output.OutputValues
    values:
      table: "raw_{{ flow.id }}"
      started: "{{ execution.startDate }}"
  - id: use
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.give.values.table }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, TaskFailed


class OutputValues(RunnableTask):
    """Give rendered values as outputs."""

    inline: ClassVar[bool] = True
    outputs_schema: ClassVar[Mapping[str, str]] = {"values": "The rendered values by name."}

    values: dict[str, Any] | Expression = Field(description="Values by name; texts in them are rendered.")

    def run(self, context: RunContext) -> Result:
        """Render every text in `values`, at any depth."""
        values = context.render_typed(self.values) if isinstance(self.values, str) else context.render_any(self.values)
        if not isinstance(values, Mapping):
            raise TaskFailed("`values` must be a map of names to values", retryable=False)
        return Result({"values": dict(values)})
