"""Read the value of a key as the output `value`.

A key that is not there gives null, or fails the task with `errorOnMissing`; one that has expired always fails it.

```yaml
id: read_a_value
namespace: company.team
tasks:
  - id: read
    type: io.kestra.plugin.core.kv.Get
    key: last_load
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.read.value ?? 'never' }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, Text
from plugins.core.kv._own import Keyed
from plugins.scripts import _render


class Get(Keyed):
    """Read the value of a key."""

    inline: ClassVar[bool] = True
    outputs_schema: ClassVar[Mapping[str, str]] = {"value": "The value; null where there is none."}

    key: Text = Field(description="The key.")
    error_on_missing: bool | Expression = Field(False, description="Fail where there is no such key.")

    def run(self, context: RunContext) -> Result:
        """Look the key up."""
        key, keys = context.render(self.key), self.keys(context)
        value = keys.get(key)
        if value is None and _render.flag(context, self.error_on_missing) and key not in keys.keys(key):
            raise self.missing(context, key)
        return Result({"value": value})
