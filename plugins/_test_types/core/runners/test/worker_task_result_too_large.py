"""Answer an output that is too large to be kept.

```yaml
id: example
namespace: company.team
tasks:
  - id: large
    type: io.kestra.core.runners.test.WorkerTaskResultTooLarge
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from plugins.contract import Result, RunContext, RunnableTask

SIZE = 1_100_000


class WorkerTaskResultTooLarge(RunnableTask):
    """Answer too much."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"value": "A text of 1,100,000 characters."}

    def run(self, context: RunContext) -> Result:
        """A text of 1,100,000 characters."""
        return Result({"value": "a" * SIZE})
