"""Run tasks one after another and turn a failure among them into a warning.

`errors` still run first; what follows the group goes on.

```yaml
id: best_effort
namespace: company.team
tasks:
  - id: try
    type: io.kestra.plugin.core.flow.AllowFailure
    tasks:
      - id: optional
        type: io.kestra.plugin.core.execution.Fail
  - id: always
    type: io.kestra.plugin.core.log.Log
    message: reached all the same
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.core.flow._group import Group


class AllowFailure(Group):
    """Run tasks; a failure is only a warning."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.AllowFailure",)
    forgives: ClassVar[bool] = True
