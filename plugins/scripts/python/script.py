"""Run a Python script written in the flow.

`dependencies` are installed into an environment that is made once and used again. `true`, `false` and `null` are known in the
script, so that rendered JSON can be used as it is.

```yaml
id: python_script
namespace: company.team
tasks:
  - id: square
    type: io.kestra.plugin.scripts.python.Script
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    script: |
      numbers = [1, 2, 3]
      print('::{"outputs": {"sum": ' + str(sum(number * number for number in numbers)) + '}}::')
```
"""

from __future__ import annotations

import re

from pydantic import Field

from plugins.contract import RunContext, Text
from plugins.scripts import _files
from plugins.scripts._script import Place
from plugins.scripts.python._python import PythonTask

_PRELUDE = "true = True; false = False; null = None\n"
_NEEDS_PRELUDE = re.compile(r"\b(true|false|null)\b")


class Script(PythonTask):
    """Run a Python script."""

    script: Text = Field(description="The script; expressions are rendered.")

    def lines(self, context: RunContext, place: Place) -> list[str]:
        """Write the script to a file, and the line that runs it: with an activated environment's Python where there is one."""
        text = _files.localised(context, context.render(self.script, place.variables), place.private)
        if _NEEDS_PRELUDE.search(text) and "from __future__" not in text:
            text = _PRELUDE + text
        path = place.private / "script.py"
        path.write_text(text)
        return [f'if [ -n "$VIRTUAL_ENV" ]; then "$VIRTUAL_ENV/bin/python" {path}; else python {path}; fi']
