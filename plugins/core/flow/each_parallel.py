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

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from engine.steering import Start
from plugins.contract import Situation
from plugins.core.flow._group import whole
from plugins.core.flow._values import Loop, side_by_side


class EachParallel(Loop):
    """Run every task for every value side by side."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.EachParallel",)
    deprecated: ClassVar[str] = "Use io.kestra.plugin.core.flow.ForEach."
    parallel: ClassVar[bool] = True
    values_property: ClassVar[str] = "value"

    value: str | list[Any] = Field(description="The values: a list, or an expression that renders to a JSON array.")
    concurrent: int = Field(0, ge=0, description="How many task runs at a time; 0 for all.")

    @classmethod
    def starts(cls, situation: Situation, values: Sequence[str]) -> list[Start]:
        """Everything that may begin now."""
        return side_by_side(situation, values, whole(situation.task.properties, "concurrent", 0))
