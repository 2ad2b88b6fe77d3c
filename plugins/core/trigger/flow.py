"""Start the flow when executions of other flows reach a state.

Without more, the trigger listens to every execution of every other flow that its people may see, and starts when one ends. `states` says
which states count, `conditions` which executions. `preconditions` waits for several: each of its `flows` and each of its `where` must
have matched an execution within the time window.

`inputs` may use the outputs of the execution that was listened to, as `outputs` (of its tasks) and `trigger.outputs` (of its flow). In the
new execution `{{ trigger.executionId }}`, `{{ trigger.namespace }}`, `{{ trigger.flowId }}`, `{{ trigger.flowRevision }}` and
`{{ trigger.state }}` say what happened. As in Kestra, these inputs are not checked against those that the flow declares. The flow never
listens to itself.

```yaml
id: publish
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ trigger.flowId }} ended with {{ trigger.state }}"
triggers:
  - id: after_both
    type: io.kestra.plugin.core.trigger.Flow
    states: [SUCCESS, WARNING]
    preconditions:
      id: both
      timeWindow:
        type: DAILY_TIME_DEADLINE
        deadline: "09:00:00"
      flows:
        - namespace: company.team
          flowId: load_orders
        - namespace: company.team
          flowId: load_customers
          states: [SUCCESS]
```
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from engine import states
from plugins.contract import BaseTrigger
from plugins.core.condition._states import StateName
from plugins.core.trigger._preconditions import Preconditions


class Flow(BaseTrigger):
    """Start the flow when executions of other flows reach a state."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Flow",)

    states: list[StateName] = Field(
        sorted(states.TERMINATED), description="Which new states of an execution count; every one that ends it where left out."
    )
    inputs: dict[str, Any] | None = Field(None, description="Values for the flow's inputs; texts in them are rendered.")
    preconditions: Preconditions | None = Field(None, description="Executions that must have come together within a window of time.")
