"""Run every task for every value side by side. Deprecated: ForEach with `concurrencyLimit: 0`, whose tasks of one value follow one another.

Here the tasks of one value do not wait for each other either; wrap them in a Sequential where they must.

```yaml
id: all_at_once
namespace: company.team
tasks:
  - id: tables
    type: io.kestra.plugin.core.flow.EachParallel
    value: '["orders", "customers"]'
    concurrent: 4
    tasks:
      - id: load
        type: io.kestra.plugin.core.log.Log
        message: "loading {{ taskrun.value }}"
```
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from engine import states
from engine.steering import Start, enabled
from plugins.contract import Answer, Finish, Situation
from plugins.core.flow._group import Group, whole
from plugins.core.flow._values import BadValues, values_or_ask


class EachParallel(Group):
    """Run every task for every value side by side."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.EachParallel",)
    deprecated: ClassVar[str] = "Use io.kestra.plugin.core.flow.ForEach."
    parallel: ClassVar[bool] = True

    value: str | list[Any] = Field(description="The values: a list, or an expression that renders to a JSON array.")
    concurrent: int = Field(0, ge=0, description="How many task runs at a time; 0 for all.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """Everything that may begin now."""
        try:
            values, question = values_or_ask(situation, "value")
        except BadValues as error:
            return Finish(states.FAILED, str(error))
        if question is not None:
            return question
        created = {(run.value, run.task_id) for run in situation.children}
        tasks = enabled(situation.task.branches.get("tasks", ()))
        waiting = [Start(task, value=value) for value in values for task in tasks if (value, task.id) not in created]
        limit = whole(situation.task.properties, "concurrent", 0)
        still_open = sum(not run.state.terminated for run in situation.children)
        return waiting[: max(limit - still_open, 0)] if limit else waiting
