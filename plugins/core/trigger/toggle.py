"""Switch a trigger off or on, without touching its flow.

```yaml
id: pause_the_schedule
namespace: company.team
tasks:
  - id: off
    type: io.kestra.plugin.core.trigger.Toggle
    trigger: every_hour
    flowId: load_orders
    namespace: company.team
    enabled: false
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, Text
from plugins.scripts import _render


class Toggle(RunnableTask):
    """Switch a trigger off or on."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.trigger.Toggle",)

    trigger: Text = Field(description="Id of the trigger.")
    flow_id: Text | None = Field(None, description="The flow that declares it; this one where absent.")
    namespace: Text | None = Field(None, description="The namespace of that flow; that of this one where absent.")
    enabled: bool | Expression = Field(False, description="Switch it on.")

    def run(self, context: RunContext) -> Result:
        """Switch it; fails where there is no such trigger."""
        context.triggers.set_disabled(
            namespace=context.flow.namespace if self.namespace is None else context.render(self.namespace),
            flow_id=context.flow.id if self.flow_id is None else context.render(self.flow_id),
            trigger_id=context.render(self.trigger),
            disabled=not _render.flag(context, self.enabled),
        )
        return Result()
