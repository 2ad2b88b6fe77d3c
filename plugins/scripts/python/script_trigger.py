"""Start the flow when a Python script ends, or says something, as asked.

The script runs on a worker every `interval`, and its files are not kept. `exitCondition` is `exit 1` (an exit code), or a
regular expression that is looked for in its output and in the values that it gives. With `edge` (the default) the flow starts when the
condition comes to be met, and again only after it was not met in between.

In the execution `{{ trigger.exitCode }}`, `{{ trigger.vars }}`, `{{ trigger.condition }}` and `{{ trigger.timestamp }}` tell what was seen.

```yaml
id: python_scripttrigger
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "Seen with {{ trigger.vars }}"
triggers:
  - id: watch
    type: io.kestra.plugin.scripts.python.ScriptTrigger
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    interval: PT30S
    exitCondition: exit 1
    script: |
      import os
      assert not os.listdir("/data/incoming")
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from plugins.contract import Text
from plugins.scripts._script import ExecScript
from plugins.scripts._trigger import ScriptTriggerBase
from plugins.scripts.python.script import Script


class ScriptTrigger(ScriptTriggerBase):
    """Start the flow when a Python script ends, or says something, as asked."""

    task: ClassVar[type[ExecScript]] = Script
    own: ClassVar[str] = "script"

    script: Text = Field(description="The script; expressions are rendered.")
