"""Return a rendered value as the output `value`: handy to look at an expression or to hand a value on.

```yaml
id: give_a_value
namespace: company.team
tasks:
  - id: value
    type: io.kestra.plugin.core.debug.Return
    format: "{{ flow.id }} > {{ taskrun.startDate }}"
  - id: use_it
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.value.value }}"
```
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, Text

LONGEST_TAG = 1000  # characters of the text that its metrics are told apart by


class Return(RunnableTask):
    """Give a rendered text back as an output."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.debugs.Return",)
    inline: ClassVar[bool] = True
    outputs_schema: ClassVar[Mapping[str, str]] = {"value": "The rendered text; null where `format` is absent."}

    format: Text | None = Field(None, description="The text to render and return.")

    def run(self, context: RunContext) -> Result:
        """Render `format`, log it at DEBUG, count its length and time under the tag `format`, which is what came of it."""
        began = time.perf_counter()
        value = None if self.format is None else context.render(self.format)
        if value is not None:
            context.log("DEBUG", value)
        tags = {"format": (value or "")[:LONGEST_TAG]}
        context.metric("length", len(value or ""), tags=tags)
        context.metric("duration", time.perf_counter() - began, kind="timer", tags=tags)
        return Result({"value": value})
