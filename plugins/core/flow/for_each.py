"""Run tasks once for every value of a list.

`values` is a list, or an expression that renders to a JSON array; each value counts once and reaches the tasks as text in
`taskrun.value` (use `fromJson(taskrun.value)` for objects), with its place, from 0, in `taskrun.iteration`. `concurrencyLimit` says how
many values may be worked on at a time: 1 for one after another, 0 for all at once.

```yaml
id: every_table
namespace: company.team
tasks:
  - id: tables
    type: io.kestra.plugin.core.flow.ForEach
    values: ["orders", "customers"]
    concurrencyLimit: 2
    tasks:
      - id: load
        type: io.kestra.plugin.core.log.Log
        message: "loading {{ taskrun.value }}"
```
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from engine.execution import TaskRun
from engine.steering import Start, later
from plugins.contract import Situation
from plugins.core.flow._group import whole
from plugins.core.flow._values import Loop, group_by_group, value_by_value


class ForEach(Loop):
    """Run tasks once for every value."""

    values: str | list[Any] = Field(description="The values: a list, or an expression that renders to a JSON array.")
    concurrency_limit: int = Field(1, ge=0, description="How many values at a time; 0 for all.")

    @classmethod
    def starts(cls, situation: Situation, values: Sequence[str]) -> list[Start]:
        """The next task of each value that may be worked on."""
        limit = whole(situation.task.properties, "concurrencyLimit", 1)
        return value_by_value(situation, values) if limit == 1 else group_by_group(situation, values, limit)

    @classmethod
    def followers(cls, situation: Situation, run: TaskRun) -> tuple[TaskRun, ...]:
        """Everything created later, or only what is of the same value where values stand side by side."""
        if whole(situation.task.properties, "concurrencyLimit", 1) == 1:
            return later(situation.children, run)
        return tuple(other for other in later(situation.children, run) if other.value == run.value)
