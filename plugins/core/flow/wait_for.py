"""Run tasks again and again until a condition holds. Newer flows use LoopUntil, which has no limits of its own.

After each round in which every task succeeded the condition is rendered; where it does not hold the next round begins after
`checkFrequency.interval`. The output `iterationCount` counts rounds from 1. A maximum is reached once there are more rounds than
`maxIterations`, as this type has always counted (LoopUntil stops at that number), or once `maxDuration` is over: with `failOnMaxReached`
the task fails then, else it ends as its tasks did.

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

from plugins.contract import Duration, Expression, Schema
from plugins.core.flow._rounds import Rounds


class CheckFrequency(Schema):
    """How often and how long."""

    interval: Duration = Field("PT1S", description="Time between two rounds, ISO 8601.")
    max_iterations: int | Expression = Field(100, description="Most rounds.")
    max_duration: Duration = Field("PT1H", description="Longest time for all rounds, ISO 8601.")


class WaitFor(Rounds):
    """Run tasks again and again until a condition holds."""

    beyond: ClassVar[bool] = True
    most: ClassVar[Mapping[str, Any]] = {"interval": "PT1S", "maxIterations": 100, "maxDuration": "PT1H"}

    check_frequency: CheckFrequency | None = Field(None, description="How often and how long.")
