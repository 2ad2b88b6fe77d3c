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

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from engine.steering import Start
from plugins.contract import Situation
from plugins.core.flow._values import Loop, value_by_value


class EachSequential(Loop):
    """Run tasks once for every value, one value after another."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.EachSequential",)
    deprecated: ClassVar[str] = "Use io.kestra.plugin.core.flow.ForEach."
    values_property: ClassVar[str] = "value"

    value: str | list[Any] = Field(description="The values: a list, or an expression that renders to a JSON array.")

    @classmethod
    def starts(cls, situation: Situation, values: Sequence[str]) -> list[Start]:
        """The next task of the value in turn."""
        return value_by_value(situation, values)
