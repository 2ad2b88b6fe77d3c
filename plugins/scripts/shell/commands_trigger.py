"""Start the flow when shell commands end, or say something, as asked.

The script runs on a worker every `interval`, and its files are not kept. `exitCondition` is `exit 1` (an exit code), or a
regular expression that is looked for in its output and in the values that it gives. With `edge` (the default) the flow starts when the
condition comes to be met, and again only after it was not met in between.

In the execution `{{ trigger.exitCode }}`, `{{ trigger.vars }}`, `{{ trigger.condition }}` and `{{ trigger.timestamp }}` tell what was seen.

```yaml
id: shell_commandstrigger
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "Seen with {{ trigger.vars }}"
triggers:
  - id: watch
    type: io.kestra.plugin.scripts.shell.CommandsTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT30S
    exitCondition: exit 0
    commands:
      - test -e /data/incoming/ready
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Text
from plugins.scripts._script import ExecScript
from plugins.scripts._trigger import ScriptTriggerBase
from plugins.scripts.shell.commands import Commands


class CommandsTrigger(ScriptTriggerBase):
    """Start the flow when shell commands end, or say something, as asked."""

    task: ClassVar[type[ExecScript]] = Commands
    own: ClassVar[str] = "commands"

    commands: list[Text] | Text = Field(description="Commands to run, in order, in one shell.")
