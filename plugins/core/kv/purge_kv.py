"""Delete many keys: those that have expired, or all, in one namespace or several.

```yaml
id: tidy_keys
namespace: company.team
tasks:
  - id: tidy
    type: io.kestra.plugin.core.kv.PurgeKV
    keyPattern: "tmp_*"
    expiredOnly: false
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, Text
from plugins.scripts import _render


class PurgeKV(RunnableTask):
    """Delete many keys."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"size": "How many keys were deleted."}

    namespaces: list[Text] | Expression | None = Field(None, description="Namespaces whose keys are meant; that of the flow where absent.")
    key_pattern: Text = Field("*", description="Which keys, with `*` and `?`.")
    expired_only: bool | Expression = Field(True, description="Only keys that have expired.")

    def run(self, context: RunContext) -> Result:
        """Delete in one namespace after another."""
        names = _render.texts(context, self.namespaces) or [context.flow.namespace]
        pattern, expired = context.render(self.key_pattern), _render.flag(context, self.expired_only)
        return Result({"size": sum(context.namespace(name).kv.purge(pattern, expired=expired) for name in names)})
