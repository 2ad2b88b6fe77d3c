"""Keep a value under a key of a namespace.

A lone expression keeps its type: `value: "{{ outputs.query.rows }}"` keeps a list. A text becomes what `kvType` says. With `ttl` the value
ends after that time; with `overwrite: false` a key that is there already fails the task.

```yaml
id: remember_a_date
namespace: company.team
tasks:
  - id: remember
    type: io.kestra.plugin.core.kv.Set
    key: last_load
    value: "{{ execution.startDate }}"
    kvType: DATETIME
    ttl: P30D
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ kv('last_load') }}"
```
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, TaskFailed, Text
from plugins.core.kv._own import Keyed
from plugins.scripts import _render

Kind = Literal["STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON"]
KINDS = get_args(Kind)


class Set(Keyed):
    """Keep a value under a key."""

    inline: ClassVar[bool] = True
    acts: ClassVar[bool] = True

    key: Text = Field(description="The key: letters, digits, dots, - and _.")
    value: Any = Field(description="The value; a lone expression keeps its type.")
    overwrite: bool | Expression = Field(True, description="Replace a value that is there.")
    ttl: Text | None = Field(None, description="How long the value lives, ISO 8601; for ever where absent.")
    kv_type: Kind | Expression | None = Field(None, description="What a text becomes; where absent, the value says what it is.")
    kv_description: Text | None = Field(None, description="Accepted (of newer Kestra).")

    def run(self, context: RunContext) -> Result:
        """Render the value with its type, convert a text, keep it."""
        value = context.render_typed(self.value) if isinstance(self.value, str) else context.render_any(self.value)
        kind = self._kind(context) if isinstance(value, str) else None
        self.keys(context).set(
            context.render(self.key),
            value,
            kind=kind,
            ttl=_render.seconds(context, self.ttl),
            overwrite=_render.flag(context, self.overwrite),
        )
        return Result()

    def _kind(self, context: RunContext) -> str | None:
        kind = None if self.kv_type is None else context.render(self.kv_type)
        if kind is not None and kind not in KINDS:
            raise TaskFailed(f"Invalid kvType '{kind[:40]}': expected one of {', '.join(KINDS)}", retryable=False)
        return kind
