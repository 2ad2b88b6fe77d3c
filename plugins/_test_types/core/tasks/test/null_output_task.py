"""Answer an output that is null.

```yaml
id: example
namespace: company.team
tasks:
  - id: nothing
    type: io.kestra.core.tasks.test.NullOutputTask
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from plugins.contract import Result, RunContext, RunnableTask


class NullOutputTask(RunnableTask):
    """Answer null."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"value": "null"}

    def run(self, context: RunContext) -> Result:
        """`value`, which is null."""
        return Result({"value": None})
