"""Forget a state. Deprecated: `io.kestra.plugin.core.kv.Delete` does more.

```yaml
id: start_over
namespace: company.team
tasks:
  - id: forget
    type: io.kestra.plugin.core.state.Delete
    name: progress
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, TaskFailed
from plugins.core.state._own import Stateful
from plugins.scripts import _render


class Delete(Stateful):
    """Forget a state."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.states.Delete",)
    inline: ClassVar[bool] = True
    acts: ClassVar[bool] = True
    deprecated: ClassVar[str] = "Use io.kestra.plugin.core.kv.Delete."
    outputs_schema: ClassVar[Mapping[str, str]] = {"deleted": "Whether there was one."}

    error_on_missing: bool | Expression = Field(False, description="Fail where there is no such state.")

    def run(self, context: RunContext) -> Result:
        """Forget it, if it is there."""
        deleted = context.namespace().kv.delete(self.key(context))
        if not deleted and _render.flag(context, self.error_on_missing):
            raise TaskFailed(f"There is no state '{context.render(self.name)}' and `errorOnMissing` is set to true", retryable=False)
        return Result({"deleted": deleted})
