"""Read a state that an execution before left. Deprecated: `io.kestra.plugin.core.kv.Get` does more.

```yaml
id: look_back
namespace: company.team
tasks:
  - id: state
    type: io.kestra.plugin.core.state.Get
    name: progress
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.state.data.last ?? 'nothing yet' }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, TaskFailed
from plugins.core.state._own import Stateful
from plugins.scripts import _render


class Get(Stateful):
    """Read a state."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.states.Get",)
    inline: ClassVar[bool] = True
    deprecated: ClassVar[str] = "Use io.kestra.plugin.core.kv.Get."
    outputs_schema: ClassVar[Mapping[str, str]] = {"count": "How many values it has.", "data": "The values by name."}

    error_on_missing: bool | Expression = Field(False, description="Fail where there is no such state.")

    def run(self, context: RunContext) -> Result:
        """An empty map where there is none."""
        found = self.read(context)
        if found is None and _render.flag(context, self.error_on_missing):
            raise TaskFailed(f"There is no state '{context.render(self.name)}' and `errorOnMissing` is set to true", retryable=False)
        return Result({"count": len(found or {}), "data": found or {}})
