"""Go on with a paused execution, with values for what its Pause task asks.

```yaml
id: approve
namespace: company.team
inputs:
  - id: execution
    type: STRING
tasks:
  - id: go_on
    type: io.kestra.plugin.core.execution.Resume
    executionId: "{{ inputs.execution }}"
    inputs:
      approved: true
```
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, TaskFailed, Text


class Resume(RunnableTask):
    """Go on with a paused execution."""

    outputs_schema: ClassVar[dict[str, str]] = {}

    execution_id: Text | None = Field(None, description="The execution; this one where absent.")
    namespace: Text | None = Field(None, description="Its namespace, together with `flowId`.")
    flow_id: Text | None = Field(None, description="Its flow, together with `namespace`.")
    inputs: dict[str, Any] | Text | None = Field(None, description="Values for `onResume` of the Pause task.")

    def run(self, context: RunContext) -> Result:
        """Resume it."""
        inputs = context.render_typed(self.inputs) if isinstance(self.inputs, str) else context.render_any(self.inputs or {})
        if not isinstance(inputs, dict):
            raise TaskFailed("`inputs` must be a map", retryable=False)
        names = (self.execution_id, self.namespace, self.flow_id)
        execution_id, namespace, flow_id = (None if text is None else context.render(text) for text in names)
        context.executions.resume(execution_id, namespace=namespace, flow_id=flow_id, inputs=inputs)
        return Result()
