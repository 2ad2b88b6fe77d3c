"""Write a line into the log. Deprecated: `io.kestra.plugin.core.log.Log` does the same and more.

```yaml
id: echo
namespace: company.team
tasks:
  - id: echo
    type: io.kestra.plugin.core.debug.Echo
    format: "Hello from {{ flow.id }}"
    level: INFO
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Level, Result, RunContext, RunnableTask, Text
from plugins.core._levels import level_of


class Echo(RunnableTask):
    """Write a line into the log (deprecated: use Log)."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.debugs.Echo",)
    deprecated: ClassVar[str] = "Use io.kestra.plugin.core.log.Log."
    inline: ClassVar[bool] = True

    format: Text = Field(description="The text to render and write.")
    level: Level | Expression = Field("INFO", description="Level of the line: TRACE, DEBUG, INFO, WARN or ERROR.")

    def run(self, context: RunContext) -> Result:
        """Log the rendered text; no outputs."""
        context.log(level_of(context, self.level), context.render(self.format))
        return Result()
