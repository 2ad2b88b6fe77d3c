"""Run tasks again and again until a condition holds.

After each round in which every task succeeded the condition is rendered; where it does not hold the next round begins after
`checkFrequency.interval`. The output `iterationCount` counts rounds from 1. With `failOnMaxReached` the task fails when `maxIterations` or
`maxDuration` is reached, else it ends as its tasks did.

```yaml
id: until_ready
namespace: company.team
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.WaitFor
    condition: "{{ outputs.look['values'].ready }}"
    checkFrequency:
      interval: PT1S
      maxIterations: 10
    failOnMaxReached: true
    tasks:
      - id: look
        type: io.kestra.plugin.core.output.OutputValues
        values:
          ready: "{{ outputs.wait.iterationCount > 2 }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from engine import states
from engine.expressions import to_text, truthy
from engine.expressions.values import duration_of
from engine.steering import sequential
from plugins.contract import Answer, Ask, Finish, Repeat, Schema, Situation, Start, Text
from plugins.core.flow._group import Group


class CheckFrequency(Schema):
    """How often and how long."""

    interval: Text = Field("PT1S", description="Time between two rounds, ISO 8601.")
    max_iterations: int = Field(100, ge=1, description="Most rounds.")
    max_duration: Text = Field("PT1H", description="Longest time for all rounds, ISO 8601.")


class WaitFor(Group):
    """Run tasks again and again until a condition holds."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"iterationCount": "Rounds begun, from 1."}

    condition: Text = Field(description="Expression; rendered after each round.")
    check_frequency: CheckFrequency | None = Field(None, description="How often and how long.")
    fail_on_max_reached: bool = Field(False, description="Fail when a maximum is reached.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The next task of the round, or the next round."""
        starts = sequential(situation.task.branches.get("tasks", ()), situation.children, iteration=situation.iteration)
        if starts or any(run.state.current != states.SUCCESS for run in situation.children):
            return starts
        if "condition" not in situation.answers:
            return Ask("condition", situation.task.properties.get("condition"))
        value = situation.answers["condition"]
        return [] if truthy(None if value is None else to_text(value)) else _next_round(situation)

    @classmethod
    def outputs(cls, situation: Situation) -> Mapping[str, Any] | None:
        """`iterationCount`."""
        return {"iterationCount": situation.iteration}


def _next_round(situation: Situation) -> Finish | Repeat | list[Start]:
    frequency = situation.task.properties.get("checkFrequency") or {}
    try:
        interval, longest = duration_of(frequency.get("interval", "PT1S")), duration_of(frequency.get("maxDuration", "PT1H"))
    except ValueError as error:
        return Finish(states.FAILED, str(error))
    iteration = situation.iteration + 1
    over = iteration > int(frequency.get("maxIterations", 100)) or situation.now - situation.run.state.start > longest
    if not over:
        return Repeat(situation.now + interval, iteration)
    if situation.task.properties.get("failOnMaxReached"):
        return Finish(states.FAILED, f"The condition did not hold after {situation.iteration} iterations")
    return []
