"""A trigger that looks and never fires; a type that has another name.

```yaml
id: example
namespace: company.team
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: never
triggers:
  - id: never
    type: io.kestra.core.runners.test.TriggerWithAlias
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from plugins.contract import PollingTrigger, RunContext


class TriggerWithAlias(PollingTrigger):
    """Look and never fire."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.runners.test.trigger.Alias",)

    def evaluate(self, context: RunContext) -> Mapping[str, Any] | None:
        """Never."""
        return None
