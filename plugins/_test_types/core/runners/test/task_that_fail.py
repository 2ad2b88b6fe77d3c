"""Fail with an output that is kept.

```yaml
id: example
namespace: company.team
tasks:
  - id: fail
    type: io.kestra.core.runners.test.TaskThatFail
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, TaskFailed, Text


class TaskThatFail(RunnableTask):
    """Fail and keep an output."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"message": "The message."}

    message: Text = Field("This is a failing task", description="What it fails with.")

    def run(self, context: RunContext) -> Result:
        """Fail."""
        message = context.render(self.message)
        raise TaskFailed(message, outputs={"message": message})
