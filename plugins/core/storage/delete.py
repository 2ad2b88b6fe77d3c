"""Delete a stored file of this execution.

```yaml
id: delete_a_file
namespace: company.team
inputs:
  - id: file
    type: FILE
tasks:
  - id: delete
    type: io.kestra.plugin.core.storage.Delete
    uri: "{{ inputs.file }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, TaskFailed, Text
from plugins.scripts import _render


class Delete(RunnableTask):
    """Delete a stored file."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Delete",)
    outputs_schema: ClassVar[Mapping[str, str]] = {"uri": "The file.", "deleted": "Whether there was one."}

    uri: Text = Field(description="URI of the file.")
    error_on_missing: bool | Expression = Field(False, description="Fail where there is no such file.")

    def run(self, context: RunContext) -> Result:
        """Delete it, if it is there."""
        uri = context.render(self.uri)
        deleted = context.storage.delete(uri)
        if not deleted and _render.flag(context, self.error_on_missing):
            raise TaskFailed(f"Unable to find file '{uri}' and `errorOnMissing` is set to true", retryable=False)
        return Result({"uri": uri, "deleted": deleted})
