"""Write one or more lines into the log of the execution.

`message` is rendered; a list gives one line per item.

```yaml
id: hello
namespace: company.team
tasks:
  - id: greet
    type: io.kestra.plugin.core.log.Log
    message: "Hello from {{ flow.id }}"
    level: INFO
  - id: several
    type: io.kestra.plugin.core.log.Log
    message:
      - first line
      - "second line, written at {{ execution.startDate }}"
    level: WARN
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Level, Result, RunContext, RunnableTask, Text
from plugins.core._levels import level_of


class Log(RunnableTask):
    """Write lines into the log."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.log.Log",)
    inline: ClassVar[bool] = True

    message: Text | list[Text] = Field(
        description="What to write: one text or a list of texts, one log line each. Expressions are rendered."
    )
    level: Level | Expression = Field("INFO", description="Level of the lines: TRACE, DEBUG, INFO, WARN or ERROR.")

    def run(self, context: RunContext) -> Result:
        """Log each message; no outputs."""
        level = level_of(context, self.level)
        for message in [self.message] if isinstance(self.message, str) else self.message:
            context.log(level, context.render(message))
        return Result()
