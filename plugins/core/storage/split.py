"""Cut a stored file into several.

The first of `bytes`, `partitions` and `rows` that is given counts. By bytes and rows a new file begins once the limit is reached;
partitions get rows in turn, and those that would be empty are left out.

```yaml
id: cut_a_file
namespace: company.team
inputs:
  - id: file
    type: FILE
tasks:
  - id: cut
    type: io.kestra.plugin.core.storage.Split
    from: "{{ inputs.file }}"
    rows: 1000
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{ outputs.cut.uris }}"
    tasks:
      - id: tell
        type: io.kestra.plugin.core.log.Log
        message: "{{ taskrun.value }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, TaskFailed, Text
from plugins.core import _given
from plugins.core.storage import _splitting
from plugins.core.storage._made import scratch


class Split(RunnableTask):
    """Cut a stored file into several."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Split",)
    outputs_schema: ClassVar[Mapping[str, str]] = {"uris": "The new files, in order."}

    from_: Text = Field(alias="from", description="URI of the file.")
    bytes: Text | None = Field(None, description="Begin a new file once this size is reached, as `10MB`.")
    partitions: int | Expression | None = Field(None, description="Cut into so many files, rows in turn.")
    rows: int | Expression | None = Field(None, description="Rows of a file.")
    separator: Text = Field("\n", description="What ends a row.")

    def run(self, context: RunContext) -> Result:
        """Store every piece as soon as it is cut."""
        uri = context.render(self.from_)
        source, suffix = context.storage.open(uri), PurePosixPath(uri).suffix
        uris = []
        with scratch(context) as folder:
            try:
                for number, piece in enumerate(_splitting.split(source, folder, self._cut(context), suffix), start=1):
                    uris.append(context.storage.put(piece, f"{number}{suffix}"))
                    piece.unlink()
            except ValueError as error:
                raise TaskFailed(str(error), retryable=False) from error
        return Result({"uris": uris})

    def _cut(self, context: RunContext) -> _splitting.Cut:
        size = _splitting.size_of(context.render(self.bytes)) if self.bytes is not None else None
        partitions, rows = _given.whole(context, self.partitions, "partitions"), _given.whole(context, self.rows, "rows")
        return _splitting.Cut(size, partitions, rows, context.render(self.separator))
