"""Run shell commands, one after another in one shell.

Lines on stdout are logged at INFO, lines on stderr at ERROR. A line such as `::{"outputs": {"rows": 42}}::` gives values
to later tasks. Files named in `outputFiles`, and everything written below `{{ outputDir }}`, are kept.

```yaml
id: shell_commands
namespace: company.team
tasks:
  - id: count
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    inputFiles:
      names.txt: |
        Ada
        Grace
    outputFiles:
      - sorted.txt
    commands:
      - sort names.txt > sorted.txt
      - echo '::{"outputs":{"names":'$(wc -l < sorted.txt)'}}::'
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.count.vars.names }} names"
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import RunContext, Text
from plugins.scripts import _render
from plugins.scripts._script import ExecScript, Place


class Commands(ExecScript):
    """Run shell commands."""

    default_image: ClassVar[str] = "ubuntu"

    commands: list[Text] | Text = Field(description="Commands to run, in order, in one shell.")

    def lines(self, context: RunContext, place: Place) -> list[str]:
        """The commands, rendered."""
        return _render.texts(context, self.commands, place.variables)
