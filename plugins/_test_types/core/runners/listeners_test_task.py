"""Answer the execution that has ended, as text; for listeners.

```yaml
id: example
namespace: company.team
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: hello
listeners:
  - tasks:
      - id: heard
        type: io.kestra.core.runners.ListenersTestTask
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from plugins.contract import Result, RunContext, RunnableTask


class ListenersTestTask(RunnableTask):
    """Answer the execution as text."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"value": "The execution as text."}

    def run(self, context: RunContext) -> Result:
        """The execution with its states; it has ended, or no listener would run."""
        flow, execution = context.flow, context.variables["execution"]
        runs = ", ".join(f"TaskRun(taskId={id_}, state={entry.get('state')})" for id_, entry in context.variables["tasks"].items())
        about = f"id={context.execution_id}, namespace={flow.namespace}, flowId={flow.id}, flowRevision={flow.revision}"
        return Result({"value": f"Execution({about}, taskRunList=[{runs}], state=State(current={execution['state']}))"})
