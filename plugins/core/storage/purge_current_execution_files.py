"""Delete every file that this execution keeps: those of its inputs and those that its tasks made.

```yaml
id: leave_nothing
namespace: company.team
inputs:
  - id: file
    type: FILE
tasks:
  - id: size
    type: io.kestra.plugin.core.storage.Size
    uri: "{{ inputs.file }}"
  - id: purge
    type: io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from plugins.contract import Result, RunContext, RunnableTask


class PurgeCurrentExecutionFiles(RunnableTask):
    """Delete every file of this execution."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.tasks.storages.PurgeExecution",
        "io.kestra.plugin.core.storage.PurgeExecution",
    )
    outputs_schema: ClassVar[Mapping[str, str]] = {"uris": "The files that were deleted."}

    def run(self, context: RunContext) -> Result:
        """Delete them."""
        return Result({"uris": context.storage.purge()})
