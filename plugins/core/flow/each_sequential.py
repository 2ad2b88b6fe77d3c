"""Run tasks once for every value, one value after another. Deprecated: ForEach does the same.

```yaml
id: one_after_another
namespace: company.team
tasks:
  - id: tables
    type: io.kestra.plugin.core.flow.EachSequential
    value: '["orders", "customers"]'
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
from plugins.contract import Answer, Finish, Situation
from plugins.core.flow._group import Group
from plugins.core.flow._values import BadValues, value_by_value, values_or_ask


class EachSequential(Group):
    """Run tasks once for every value, one value after another."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.EachSequential",)
    deprecated: ClassVar[str] = "Use io.kestra.plugin.core.flow.ForEach."

    value: str | list[Any] = Field(description="The values: a list, or an expression that renders to a JSON array.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The next task of the value in turn."""
        try:
            values, question = values_or_ask(situation, "value")
        except BadValues as error:
            return Finish(states.FAILED, str(error))
        return question or value_by_value(situation.task.branches.get("tasks", ()), values, situation.children)
