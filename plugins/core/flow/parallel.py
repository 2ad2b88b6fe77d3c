"""Run tasks side by side, at most `concurrent` at a time.

When one fails no other is begun, those that run are waited for, then `errors` run (side by side too) and the group fails. Kestra ends the
group at once and lets the others run on behind its end; here nothing outlives its group.

```yaml
id: side_by_side
namespace: company.team
tasks:
  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    concurrent: 2
    tasks:
      - id: one
        type: io.kestra.plugin.core.log.Log
        message: one
      - id: two
        type: io.kestra.plugin.core.log.Log
        message: two
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from engine.steering import parallel
from plugins.contract import Answer, Situation
from plugins.core.flow._group import Group, whole


class Parallel(Group):
    """Run tasks side by side."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Parallel",)
    parallel: ClassVar[bool] = True

    concurrent: int = Field(0, ge=0, description="How many may run at the same time; 0 for all.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """Everything that may begin now."""
        return parallel(situation.task.branches.get("tasks", ()), situation.children, whole(situation.task.properties, "concurrent", 0))
