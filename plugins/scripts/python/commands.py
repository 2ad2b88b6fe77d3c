"""Run commands with Python at hand, for example scripts that lie in the namespace files.

```yaml
id: python_commands
namespace: company.team
tasks:
  - id: report
    type: io.kestra.plugin.scripts.python.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    inputFiles:
      main.py: |
        import json
        print("::" + json.dumps({"outputs": {"answer": 42}}) + "::")
    commands:
      - python main.py
```
"""

from __future__ import annotations

from pydantic import Field

from plugins.contract import RunContext, Text
from plugins.scripts import _render
from plugins.scripts._script import Place
from plugins.scripts.python._python import PythonTask


class Commands(PythonTask):
    """Run commands with Python at hand."""

    commands: list[Text] | Text = Field(description="Commands to run, in order, in one shell.")

    def lines(self, context: RunContext, place: Place) -> list[str]:
        """The commands, rendered."""
        return _render.texts(context, self.commands, place.variables)
