"""Run another flow and fail on what it answers.

```yaml
id: example
namespace: company.team
tasks:
  - id: child
    type: io.kestra.core.tasks.test.BadExecutable
    namespace: company.team
    flowId: other
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.steering import FlowableFailed
from plugins.contract import Situation
from plugins.core.flow.subflow import Subflow


class BadExecutable(Subflow):
    """Run another flow and fail on its answer."""

    aliases: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def outputs(cls, situation: Situation) -> Mapping[str, Any] | None:
        """Fails once the other flow has ended."""
        if "state" in (situation.run.outputs or {}):
            raise FlowableFailed("An exception on purpose")
        return None
