"""Store the log lines of an execution as an Ion file, a line each: those of this execution, or of another one that the flow may see.

```yaml
id: keep_the_log
namespace: company.team
tasks:
  - id: work
    type: io.kestra.plugin.core.log.Log
    message: working
  - id: fetch
    type: io.kestra.plugin.core.log.Fetch
    level: WARN
    tasksId:
      - work
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.fetch.size }} lines in {{ outputs.fetch.uri }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from engine.expressions.ion import to_ion
from plugins.contract import Expression, Level, Result, RunContext, RunnableTask, Text
from plugins.core._levels import level_of
from plugins.core.storage._made import scratch
from plugins.scripts import _render


class Fetch(RunnableTask):
    """Store the log lines of an execution."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.log.Fetch",)
    outputs_schema: ClassVar[Mapping[str, str]] = {"size": "How many lines there are.", "uri": "The file."}

    execution_id: Text | None = Field(None, description="The execution; this one where absent.")
    namespace: Text | None = Field(None, description="Its namespace, together with `flowId`.")
    flow_id: Text | None = Field(None, description="Its flow, together with `namespace`.")
    tasks_id: list[Text] | Expression | None = Field(None, description="Only lines of these tasks.")
    level: Level | Expression = Field("INFO", description="The lowest level.")

    def run(self, context: RunContext) -> Result:
        """Write line after line."""
        entries = context.logs.fetch(
            execution_id=_rendered(context, self.execution_id),
            namespace=_rendered(context, self.namespace),
            flow_id=_rendered(context, self.flow_id),
            task_ids=_render.texts(context, self.tasks_id),
            level=level_of(context, self.level),
        )
        size = 0
        with scratch(context) as folder:
            target = folder / "logs"
            with target.open("w", encoding="utf-8") as file:
                for entry in entries:
                    size += 1
                    file.write(to_ion(entry) + "\n")
            return Result({"size": size, "uri": context.storage.put(target, "logs.ion")})


def _rendered(context: RunContext, text: str | None) -> str | None:
    return None if text is None else context.render(text)
