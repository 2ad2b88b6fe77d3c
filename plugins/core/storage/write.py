"""Write a text into a stored file.

```yaml
id: write_a_file
namespace: company.team
tasks:
  - id: write
    type: io.kestra.plugin.core.storage.Write
    extension: .csv
    content: |
      id,name
      1,Ann
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ read(outputs.write.uri) }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, Text


class Write(RunnableTask):
    """Write a text into a stored file."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"uri": "The file."}

    content: Text = Field(description="What the file holds.")
    extension: Text = Field("", description="How its name ends.")

    def run(self, context: RunContext) -> Result:
        """Store the rendered text."""
        extension = context.render(self.extension).strip()
        suffix = f".{extension.removeprefix('.')}" if extension else ""
        return Result({"uri": context.storage.put(context.render(self.content).encode(errors="replace"), f"content{suffix}")})
