"""Put values into a state that outlives the execution. Deprecated: `io.kestra.plugin.core.kv.Set` does more.

```yaml
id: count_up
namespace: company.team
tasks:
  - id: before
    type: io.kestra.plugin.core.state.Get
  - id: after
    type: io.kestra.plugin.core.state.Set
    data:
      runs: "{{ (outputs.before.data.runs ?? '0') | number + 1 }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext
from plugins.core.state._own import Stateful


class Set(Stateful):
    """Put values into a state."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.states.Set",)
    inline: ClassVar[bool] = True
    acts: ClassVar[bool] = True
    deprecated: ClassVar[str] = "Use io.kestra.plugin.core.kv.Set."
    outputs_schema: ClassVar[Mapping[str, str]] = {"count": "How many values the state has.", "key": "The key that it is kept under."}

    data: dict[str, Any] | None = Field(None, description="Values by name, put over those that are there. Rendered twice, as in Kestra.")

    def run(self, context: RunContext) -> Result:
        """Merge the values into the state."""
        fresh = context.render_any(context.render_any(self.data or {}))
        merged = {**(self.read(context) or {}), **fresh}
        key = self.key(context)
        context.namespace().kv.set(key, merged, kind="JSON")
        return Result({"count": len(merged), "key": key})
