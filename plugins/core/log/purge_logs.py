"""Delete log lines: of a namespace and those below it, of one flow, of some levels, up to a date.

Without a namespace, the lines of every namespace go that the flow's people may change.

```yaml
id: tidy_logs
namespace: company.team
tasks:
  - id: tidy
    type: io.kestra.plugin.core.log.PurgeLogs
    namespace: company.team
    logLevels:
      - TRACE
      - DEBUG
    endDate: "{{ now() | dateAdd(-1, 'MONTHS') }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Level, Result, RunContext, RunnableTask, Text
from plugins.core import _given
from plugins.core._levels import level_of
from plugins.scripts import _render


class PurgeLogs(RunnableTask):
    """Delete log lines."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"count": "How many lines were deleted."}

    namespace: Text | None = Field(None, description="A namespace, with those below it.")
    flow_id: Text | None = Field(None, description="A flow.")
    execution_id: Text | None = Field(None, description="One execution.")
    log_levels: list[Level] | Expression | None = Field(None, description="Only lines of these levels.")
    start_date: Text | None = Field(None, description="Only lines from this date on.")
    end_date: Text = Field(description="Only lines up to this date.")

    def run(self, context: RunContext) -> Result:
        """Delete, a bounded number at a time."""
        levels = self.log_levels if isinstance(self.log_levels, str) else list(map(str, self.log_levels or ()))
        count = context.logs.purge(
            namespace=None if self.namespace is None else context.render(self.namespace),
            flow_id=None if self.flow_id is None else context.render(self.flow_id),
            execution_id=None if self.execution_id is None else context.render(self.execution_id),
            levels=[level_of(context, level) for level in _render.texts(context, levels)],
            start=_given.moment(context, self.start_date, "startDate"),
            end=_given.moment(context, self.end_date, "endDate"),
        )
        context.metric("purged", count)
        return Result({"count": count})
