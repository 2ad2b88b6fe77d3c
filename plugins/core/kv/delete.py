"""Delete a key.

```yaml
id: forget
namespace: company.team
tasks:
  - id: forget
    type: io.kestra.plugin.core.kv.Delete
    key: last_load
    errorOnMissing: false
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, Text
from plugins.core.kv._own import Keyed
from plugins.scripts import _render


class Delete(Keyed):
    """Delete a key."""

    inline: ClassVar[bool] = True
    acts: ClassVar[bool] = True
    outputs_schema: ClassVar[Mapping[str, str]] = {"deleted": "Whether there was such a key."}

    key: Text = Field(description="The key.")
    error_on_missing: bool | Expression = Field(False, description="Fail where there is no such key.")

    def run(self, context: RunContext) -> Result:
        """Delete it, if it is there."""
        key = context.render(self.key)
        deleted = self.keys(context).delete(key)
        if not deleted and _render.flag(context, self.error_on_missing):
            raise self.missing(context, key)
        return Result({"deleted": deleted})
