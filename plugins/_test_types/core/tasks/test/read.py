"""Answer the content of a file of the working directory.

```yaml
id: example
namespace: company.team
tasks:
  - id: folder
    type: io.kestra.plugin.core.flow.WorkingDirectory
    inputFiles:
      hello.txt: hello
    tasks:
      - id: read
        type: io.kestra.core.tasks.test.Read
        path: hello.txt
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, TaskFailed, Text
from plugins.scripts import _folders


class Read(RunnableTask):
    """Read a file of the working directory."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"value": "What the file holds."}

    path: Text = Field(description="Name of the file.")

    def run(self, context: RunContext) -> Result:
        """What the file holds."""
        name = context.render(self.path)
        content = _folders.read_inside(context.working_dir, _folders.inside(context.working_dir, name))
        if content is None:
            raise TaskFailed(f"There is no file '{name}' in the working directory")
        return Result({"value": content.decode(errors="replace")})
