"""Remove ended executions with what belongs to them: log lines, metrics, files.

Without a namespace, executions of every namespace go that the flow's people may change; never the execution that purges, nor one that goes
on. Log lines and metrics belong to their execution: `purgeLog: false` keeps them only together with `purgeExecution: false`.

```yaml
id: tidy_executions
namespace: company.team
tasks:
  - id: tidy
    type: io.kestra.plugin.core.execution.PurgeExecutions
    namespace: company.team
    states:
      - SUCCESS
    endDate: "{{ now() | dateAdd(-1, 'MONTHS') }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, Text
from plugins.core import _given
from plugins.scripts import _render

Part = Literal["execution", "log", "metric", "storage"]


class PurgeExecutions(RunnableTask):
    """Remove ended executions."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Purge", "io.kestra.plugin.core.storage.Purge")
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "executionsCount": "How many executions were removed.",
        "logsCount": "How many log lines.",
        "metricsCount": "How many metrics.",
        "storagesCount": "How many files.",
    }

    namespace: Text | None = Field(None, description="A namespace, with those below it.")
    flow_id: Text | None = Field(None, description="A flow.")
    start_date: Text | None = Field(None, description="Only executions that began from this date on.")
    end_date: Text = Field(description="Only executions that began up to this date.")
    states: list[Text] | Expression | None = Field(None, description="Only executions that ended in these states.")
    purge_execution: bool | Expression = Field(True, description="Remove the executions.")
    purge_log: bool | Expression = Field(True, description="Remove their log lines.")
    purge_metric: bool | Expression = Field(True, description="Remove their metrics.")
    purge_storage: bool | Expression = Field(True, description="Remove their files.")

    def run(self, context: RunContext) -> Result:
        """Remove, a bounded number at a time."""
        asked: dict[Part, bool | str] = {
            "execution": self.purge_execution,
            "log": self.purge_log,
            "metric": self.purge_metric,
            "storage": self.purge_storage,
        }
        purged = context.executions.purge(
            namespace=None if self.namespace is None else context.render(self.namespace),
            flow_id=None if self.flow_id is None else context.render(self.flow_id),
            states=[state.upper() for state in _render.texts(context, self.states)],
            start=_given.moment(context, self.start_date, "startDate"),
            end=_given.moment(context, self.end_date, "endDate"),
            what=[part for part, wanted in asked.items() if _render.flag(context, wanted)],
        )
        return Result(
            {
                "executionsCount": purged.executions,
                "logsCount": purged.logs,
                "metricsCount": purged.metrics,
                "storagesCount": purged.storages,
            }
        )
