"""Log a message; a type that has another name.

```yaml
id: example
namespace: company.team
tasks:
  - id: say
    type: io.kestra.core.runners.test.TaskWithAlias
    message: hello
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, Text


class TaskWithAlias(RunnableTask):
    """Log a message."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.runners.test.task.Alias",)

    message: Text | None = Field(None, description="What to log.")

    def run(self, context: RunContext) -> Result:
        """Log it; no outputs."""
        if self.message is not None:
            context.log("INFO", context.render(self.message))
        return Result()
