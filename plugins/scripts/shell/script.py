"""Run a shell script written in the flow.

```yaml
id: shell_script
namespace: company.team
tasks:
  - id: loop
    type: io.kestra.plugin.scripts.shell.Script
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    script: |
      for number in 1 2 3; do
        echo "number $number"
      done
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import RunContext, Text
from plugins.scripts._script import ExecScript, Place


class Script(ExecScript):
    """Run a shell script."""

    default_image: ClassVar[str] = "ubuntu"

    script: Text = Field(description="The script; expressions are rendered.")

    def lines(self, context: RunContext, place: Place) -> list[str]:
        """The script, rendered."""
        return [context.render(self.script, place.variables)]
