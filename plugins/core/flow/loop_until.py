"""Run tasks again and again until a condition holds.

After each round in which every task succeeded the condition is rendered; where it does not hold the next round begins after
`checkFrequency.interval`. The output `iterationCount` counts rounds from 1. There is no limit unless `maxIterations` or `maxDuration` is
given; with `failOnMaxReached` the task fails when one of them is reached, else it ends as its tasks did.

```yaml
id: until_ready
namespace: company.team
tasks:
  - id: poll
    type: io.kestra.plugin.core.flow.LoopUntil
    condition: "{{ outputs.look['values'].ready }}"
    checkFrequency:
      interval: PT1S
      maxIterations: 10
    failOnMaxReached: true
    tasks:
      - id: look
        type: io.kestra.plugin.core.output.OutputValues
        values:
          ready: "{{ outputs.poll.iterationCount > 2 }}"
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

    interval: Duration = Field("PT1M", description="Time between two rounds, ISO 8601.")
    max_iterations: int | Expression | None = Field(None, description="Most rounds.")
    max_duration: Duration | None = Field(None, description="Longest time for all rounds, ISO 8601.")


class LoopUntil(Rounds):
    """Run tasks again and again until a condition holds."""

    most: ClassVar[Mapping[str, Any]] = {"interval": "PT1M"}

    check_frequency: CheckFrequency | None = Field(None, description="How often and how long.")
