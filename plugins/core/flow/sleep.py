"""Wait for a time.

A kill ends the wait at once.

```yaml
id: wait_a_little
namespace: company.team
tasks:
  - id: nap
    type: io.kestra.plugin.core.flow.Sleep
    duration: PT2S
```
"""

from __future__ import annotations

import threading

from pydantic import Field

from engine.expressions.values import duration_of, duration_text
from plugins.contract import Duration, Result, RunContext, RunnableTask, TaskFailed


class Sleep(RunnableTask):
    """Wait for a time."""

    duration: Duration = Field(description="How long, ISO 8601.")

    def run(self, context: RunContext) -> Result:
        """Wait; TaskFailed with KILLED where the attempt is stopped meanwhile."""
        try:
            duration = duration_of(context.render(self.duration))
        except ValueError as error:
            raise TaskFailed(str(error), retryable=False) from error
        context.log("INFO", f"Waiting for {duration_text(duration)}")
        stopped = threading.Event()
        with context.on_cancel(stopped.set):
            if context.cancelled() or stopped.wait(max(duration.total_seconds(), 0)):
                raise TaskFailed("Stopped while it slept", state="KILLED")
        return Result()
