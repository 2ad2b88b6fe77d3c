"""List the keys of a namespace, all or those with a prefix.

```yaml
id: list_keys
namespace: company.team
tasks:
  - id: list
    type: io.kestra.plugin.core.kv.GetKeys
    prefix: load_
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{ outputs.list.keys }}"
    tasks:
      - id: tell
        type: io.kestra.plugin.core.log.Log
        message: "{{ kv(taskrun.value) }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, Text
from plugins.core.kv._own import Keyed


class GetKeys(Keyed):
    """List the keys of a namespace."""

    inline: ClassVar[bool] = True
    outputs_schema: ClassVar[Mapping[str, str]] = {"keys": "The keys, in alphabetical order."}

    prefix: Text | None = Field(None, description="Only keys that begin with this.")

    def run(self, context: RunContext) -> Result:
        """Those that have not expired."""
        return Result({"keys": self.keys(context).keys(context.render(self.prefix) if self.prefix else "")})
