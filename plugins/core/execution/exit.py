"""End the execution early, in the state that `state` names.

Nothing that follows is started, `errors` and `finally` neither. What runs beside it is waited for; with `KILLED` it is stopped, as
is everything that the execution started. What waits (a pause, a retry, another execution) is cancelled.

```yaml
id: nothing_to_do
namespace: company.team
inputs:
  - id: rows
    type: INT
    defaults: 0
tasks:
  - id: look
    type: io.kestra.plugin.core.flow.If
    condition: "{{ inputs.rows == 0 }}"
    then:
      - id: leave
        type: io.kestra.plugin.core.execution.Exit
        state: WARNING
  - id: load
    type: io.kestra.plugin.core.log.Log
    message: "loading {{ inputs.rows }} rows"
```
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from engine import states
from plugins.contract import Expression, Result, RunContext, RunnableTask, TaskFailed

ENDS = {
    "SUCCESS": states.SUCCESS,
    "WARNING": states.WARNING,
    "FAILED": states.FAILED,
    "KILLED": states.KILLED,
    "CANCELED": states.CANCELLED,
    "CANCELLED": states.CANCELLED,
}


class Exit(RunnableTask):
    """End the execution early."""

    inline: ClassVar[bool] = True

    state: Literal["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELED", "CANCELLED"] | Expression = Field(
        "SUCCESS", description="The state that the execution ends in."
    )

    def run(self, context: RunContext) -> Result:
        """Say so; whoever advances the execution ends it."""
        state = ENDS.get(context.render(self.state))
        if state is None:
            raise TaskFailed(f"`state` is one of {', '.join(ENDS)}, found {context.render(self.state)}", retryable=False)
        return Result(ends=state)
