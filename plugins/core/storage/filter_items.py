"""Keep the rows of a stored Ion file that a condition chooses, or leave them out.

The fields of a row are named as variables. `errorOrNullBehavior` says what becomes of a row whose condition gives null or cannot be
rendered.

```yaml
id: only_paid
namespace: company.team
inputs:
  - id: orders
    type: FILE
tasks:
  - id: paid
    type: io.kestra.plugin.core.storage.FilterItems
    from: "{{ inputs.orders }}"
    filterCondition: "{{ status == 'paid' and amount > 0 }}"
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.paid.droppedItemsTotal }} of {{ outputs.paid.processedItemsTotal }} left out"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine.expressions import to_text
from engine.expressions.truth import truthy
from plugins.contract import Result, RunContext, RunnableTask, TaskFailed, Text
from plugins.core.storage._made import scratch
from plugins.core.storage._rows import named, rows


class FilterItems(RunnableTask):
    """Keep the rows of a file that a condition chooses."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.FilterItems",)
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "uri": "The file that came of it.",
        "processedItemsTotal": "How many rows were looked at.",
        "droppedItemsTotal": "How many were left out.",
    }

    from_: Text = Field(alias="from", description="URI of the file.")
    filter_condition: Text = Field(description="Expression on the fields of a row.")
    filter_type: Literal["INCLUDE", "EXCLUDE"] = Field("INCLUDE", description="Keep the rows where it holds, or leave them out.")
    error_or_null_behavior: Literal["FAIL", "INCLUDE", "EXCLUDE"] = Field(
        "FAIL", description="What becomes of a row where it gives null or cannot be rendered."
    )

    def run(self, context: RunContext) -> Result:
        """Read row by row, write what stays as it stands."""
        source = context.storage.open(context.render(self.from_))
        processed = dropped = 0
        with scratch(context) as folder:
            target = folder / "filtered"
            with target.open("wb") as file:
                for line, value in rows(source):
                    processed += 1
                    if self._stays(context, value):
                        file.write(line)
                    else:
                        dropped += 1
            uri = context.storage.put(target, "filtered.ion")
        context.metric("records", processed)
        return Result({"uri": uri, "processedItemsTotal": processed, "droppedItemsTotal": dropped})

    def _stays(self, context: RunContext, value: Any) -> bool:
        try:
            result = context.render_typed(self.filter_condition, named(value))
        except TaskFailed as error:
            if self.error_or_null_behavior == "FAIL":
                raise TaskFailed(f"The condition cannot be rendered for a row: {error.message}", retryable=False) from error
            return self.error_or_null_behavior == "INCLUDE"
        if result is None:
            if self.error_or_null_behavior == "FAIL":
                raise TaskFailed("The condition gives null for a row: see `errorOrNullBehavior`", retryable=False)
            return self.error_or_null_behavior == "INCLUDE"
        return truthy(to_text(result).strip()) == (self.filter_type == "INCLUDE")
