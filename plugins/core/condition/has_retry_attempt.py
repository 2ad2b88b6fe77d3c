"""Hold for executions of which a task was tried more than once.

`in` and `notIn` say in which states one of the attempts of such a task must (not) be.

```yaml
id: after_trouble
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.HasRetryAttempt
        in:
          - FAILED
```
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from plugins.contract import Condition, Facts
from plugins.core.condition._states import StateName, allows


class HasRetryAttempt(Condition):
    """Hold for executions of which a task was tried more than once."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.HasRetryAttemptCondition",
        "io.kestra.plugin.core.condition.HasRetryAttemptCondition",
    )
    judges: ClassVar[Literal["date", "execution", "any"]] = "execution"

    in_: list[StateName] | None = Field(None, alias="in", description="One attempt is in one of these states.")
    not_in: list[StateName] | None = Field(None, description="One attempt is in none of these states.")

    def holds(self, facts: Facts) -> bool:
        """Whether any attempt of a task run with more than one is in such a state."""
        retried = (run for run in facts.judged().task_runs if len(run.attempts) > 1)
        return any(allows(attempt.state.current, self.in_, self.not_in) for run in retried for attempt in run.attempts)
