"""Report one more task run, under a random id, below this one.

```yaml
id: example
namespace: company.team
tasks:
  - id: more
    type: io.kestra.core.tasks.test.DynamicTask
```
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, StepReport, TaskFailed


class DynamicTask(RunnableTask):
    """Report one more task run."""

    fail: bool = Field(False, description="Whether both fail.")

    def run(self, context: RunContext) -> Result:
        """Report it, and end as it did."""
        now, state = datetime.now(UTC), "FAILED" if self.fail else "SUCCESS"
        context.step(StepReport(uuid.uuid4().hex[:22], state, started=now, ended=now))
        if self.fail:
            raise TaskFailed("It was to fail")
        return Result()
