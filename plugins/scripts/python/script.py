"""Run a Python script written in the flow.

`dependencies` are installed into an environment that is made once and used again; a script that imports `kestra` has that helper without
asking, unless `beforeCommands` install what it needs. `true`, `false` and `null` are known in the
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
from dataclasses import replace

from pydantic import Field

from plugins.contract import RunContext, Text
from plugins.scripts import _files, _images
from plugins.scripts._script import Place
from plugins.scripts.python._python import PythonTask

_PRELUDE = "true = True; false = False; null = None\n"
_WANTS_HELPER = re.compile(r"^\s*(?:import|from)\s+kestra\b", re.MULTILINE)
_NEEDS_PRELUDE = re.compile(r"\b(true|false|null)\b")


class Script(PythonTask):
    """Run a Python script."""

    script: Text = Field(description="The script; expressions are rendered.")

    def recipe(self, context: RunContext, place: Place, image: str) -> _images.Meaning:
        """With Kestra's helper where the script imports it and nothing else brings it."""
        meaning = super().recipe(context, place, image)
        recipe = meaning.recipe
        if recipe is None or self.before_commands or not _WANTS_HELPER.search(self.script):
            return meaning
        named = any(re.match(r"kestra\b(?![-._])", package) for package in recipe.requirements)
        return meaning if named else replace(meaning, recipe=replace(recipe, requirements=(*recipe.requirements, "kestra")))

    def lines(self, context: RunContext, place: Place) -> list[str]:
        """Write the script to a file, and the line that runs it: with an activated environment's Python where there is one."""
        text = _files.localised(context, context.render(self.script, place.variables), place.private)
        if _NEEDS_PRELUDE.search(text) and "from __future__" not in text:
            text = _PRELUDE + text
        path = place.private / "script.py"
        path.write_text(text)
        return [f'if [ -n "$VIRTUAL_ENV" ]; then "$VIRTUAL_ENV/bin/python" {path}; else python {path}; fi']
