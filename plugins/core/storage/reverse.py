"""Turn a stored file round: the last line first.

```yaml
id: newest_first
namespace: company.team
inputs:
  - id: file
    type: FILE
tasks:
  - id: turn
    type: io.kestra.plugin.core.storage.Reverse
    from: "{{ inputs.file }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, TaskFailed, Text
from plugins.core.storage import _splitting
from plugins.core.storage._made import scratch


class Reverse(RunnableTask):
    """Turn a stored file round."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Reverse",)
    outputs_schema: ClassVar[Mapping[str, str]] = {"uri": "The file that came of it."}

    from_: Text = Field(alias="from", description="URI of the file.")
    separator: Text = Field("\n", description="What ends a line.")
    charset: Text = Field("UTF-8", description="Encoding of the file.")

    def run(self, context: RunContext) -> Result:
        """Write the lines from the last to the first."""
        uri, separator, charset = context.render(self.from_), context.render(self.separator), context.render(self.charset)
        source = context.storage.open(uri)
        if not separator:
            raise TaskFailed("`separator` must not be empty", retryable=False)
        with scratch(context) as folder:
            target = folder / "reversed"
            try:
                with target.open("wb") as file, (folder / "blocks").open("w+b") as blocks:
                    _splitting.reverse(source, file, blocks, separator, charset)
            except (LookupError, UnicodeEncodeError) as error:
                raise TaskFailed(f"`separator` cannot be written in the charset {charset!r}: {error}", retryable=False) from error
            return Result({"uri": context.storage.put(target, f"reversed{PurePosixPath(uri).suffix}")})
