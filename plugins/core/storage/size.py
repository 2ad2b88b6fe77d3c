"""Tell how large a stored file is.

```yaml
id: how_large
namespace: company.team
inputs:
  - id: file
    type: FILE
tasks:
  - id: size
    type: io.kestra.plugin.core.storage.Size
    uri: "{{ inputs.file }}"
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.size.size }} bytes"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, Text


class Size(RunnableTask):
    """Tell how large a stored file is."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Size",)
    outputs_schema: ClassVar[Mapping[str, str]] = {"size": "Bytes."}

    uri: Text = Field(description="URI of the file.")

    def run(self, context: RunContext) -> Result:
        """Look at the file."""
        return Result({"size": context.storage.size(context.render(self.uri))})
