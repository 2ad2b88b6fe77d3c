"""Put stored files one after another into one file.

With `separator`, that text follows every file, the last one too.

```yaml
id: join_files
namespace: company.team
inputs:
  - id: first
    type: FILE
  - id: second
    type: FILE
tasks:
  - id: join
    type: io.kestra.plugin.core.storage.Concat
    files:
      - "{{ inputs.first }}"
      - "{{ inputs.second }}"
    separator: "\\n"
    extension: .csv
```
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, Text
from plugins.core import _given
from plugins.core.storage._made import scratch
from plugins.core.storage._splitting import CHUNK


class Concat(RunnableTask):
    """Put stored files one after another."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Concat",)
    outputs_schema: ClassVar[Mapping[str, str]] = {"uri": "The file that came of it."}

    files: Any = Field(description="URIs of the files: a list, or an expression that gives one, also as JSON text.")
    separator: Text | None = Field(None, description="Text after every file.")
    extension: Text = Field(".tmp", description="How the name of the new file ends.")

    def run(self, context: RunContext) -> Result:
        """Copy one after another."""
        given = _given.structure(context, self.files, "files")
        uris = given.values() if isinstance(given, Mapping) else given
        between = context.render(self.separator).encode() if self.separator else b""
        with scratch(context) as folder:
            target = folder / "joined"
            with target.open("wb") as file:
                for uri in uris:
                    with context.storage.open(str(uri)).open("rb") as source:
                        shutil.copyfileobj(source, file, CHUNK)
                    file.write(between)
            return Result({"uri": context.storage.put(target, f"concat{context.render(self.extension)}")})
