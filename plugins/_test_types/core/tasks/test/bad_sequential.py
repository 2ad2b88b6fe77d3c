"""Run tasks one after another and fail when the first has ended.

```yaml
id: example
namespace: company.team
tasks:
  - id: bad
    type: io.kestra.core.tasks.test.BadSequential
    tasks:
      - id: say
        type: io.kestra.plugin.core.log.Log
        message: hello
```
"""

from __future__ import annotations

from engine.steering import FlowableFailed
from plugins.contract import Answer, Situation
from plugins.core.flow._group import Group


class BadSequential(Group):
    """Begin a sequence and fail."""

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The first task, then nothing but a failure."""
        if not situation.children or any(not run.state.terminated for run in situation.children):
            return super().next(situation)
        raise FlowableFailed("An exception on purpose")
