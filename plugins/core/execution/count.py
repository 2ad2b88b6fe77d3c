"""Count executions of flows or namespaces within a time, and name those whose count an expression chooses.

`expression` sees the number as `count`; only what it renders to `true` is kept.

```yaml
id: who_did_not_run
namespace: company.team
tasks:
  - id: idle
    type: io.kestra.plugin.core.execution.Count
    flows:
      - namespace: company.team
        flowId: load_orders
    states:
      - SUCCESS
    startDate: "{{ now() | dateAdd(-1, 'DAYS') }}"
    expression: "{{ count == 0 }}"
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.idle.results }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Expression, FlowCount, Result, RunContext, RunnableTask, Schema, TaskFailed, Text
from plugins.core import _given
from plugins.scripts import _render


class FlowName(Schema):
    """A flow whose executions are counted."""

    namespace: Text = Field(description="Its namespace.")
    flow_id: Text = Field(description="Its id.")


class Count(RunnableTask):
    """Count executions."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Counts",)
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "results": "A list of maps with `namespace`, `flowId` and `count`.",
        "total": "The sum of these counts.",
    }

    flows: list[FlowName] | None = Field(None, description="Flows to count for.")
    namespaces: list[Text] | Expression | None = Field(None, description="Namespaces to count for.")
    states: list[Text] | Expression | None = Field(None, description="Only executions in these states.")
    start_date: Text = Field(description="Only executions that began from this date on.")
    end_date: Text | None = Field(None, description="Only executions that began up to this date.")
    expression: Text = Field(description="Which counts are told: those for which this renders to `true`.")

    def run(self, context: RunContext) -> Result:
        """Count for each, keep what the expression chooses."""
        wanted: list[tuple[str, str | None]] = [(context.render(each.namespace), context.render(each.flow_id)) for each in self.flows or ()]
        wanted += [(name, None) for name in _render.texts(context, self.namespaces)]
        if not wanted:
            raise TaskFailed("At least one of `flows` and `namespaces` must be set", retryable=False)
        counts = context.executions.count(
            flows=wanted,
            states=[state.upper() for state in _render.texts(context, self.states)],
            start=_given.moment(context, self.start_date, "startDate"),
            end=_given.moment(context, self.end_date, "endDate"),
        )
        kept = [each for each in counts if context.render(self.expression, {"count": each.count}) == "true"]
        return Result({"results": [_told(each) for each in kept], "total": sum(each.count for each in kept)})


def _told(each: FlowCount) -> dict[str, Any]:
    told = {"namespace": each.namespace, "flowId": each.flow_id, "count": each.count}
    return {name: value for name, value in told.items() if value is not None}
