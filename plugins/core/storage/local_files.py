"""Write files into the working directory, and keep files of it. Deprecated: script tasks have `inputFiles` and `outputFiles`.

```yaml
id: hand_over_files
namespace: company.team
tasks:
  - id: together
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - id: write
        type: io.kestra.plugin.core.storage.LocalFiles
        inputs:
          data/people.csv: |
            id,name
            1,Ann
      - id: keep
        type: io.kestra.plugin.core.storage.LocalFiles
        outputs:
          - data/**
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, Text
from plugins.scripts import _files, _folders, _globs, _render


class LocalFiles(RunnableTask):
    """Write files into the working directory, and keep files of it."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.LocalFiles",)
    deprecated: ClassVar[str] = "Use `inputFiles` and `outputFiles`."
    outputs_schema: ClassVar[Mapping[str, str]] = {"uris": "The kept files by their names."}

    inputs: dict[str, Any] | Text | None = Field(None, description="What files hold by their names; a `kestra://` URI is that file.")
    outputs: list[Text] | Expression | None = Field(None, description="Patterns of the files to keep.")

    def run(self, context: RunContext) -> Result:
        """Write, then keep."""
        _files.write_input_files(context, self.inputs, context.working_dir, {})
        patterns = _render.texts(context, self.outputs)
        found = _folders.files(context.working_dir) if patterns else ()
        return Result({"uris": {name: context.storage.put(path, name) for name, path in found if _globs.matches(name, patterns)}})
