"""Run tasks one after another, as one group.

The group fails with its first failed task and then runs its `errors`; `finally` runs in any case.

```yaml
id: load_and_check
namespace: company.team
tasks:
  - id: load
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - id: extract
        type: io.kestra.plugin.core.log.Log
        message: extracting
      - id: check
        type: io.kestra.plugin.core.log.Log
        message: checking
    errors:
      - id: tell
        type: io.kestra.plugin.core.log.Log
        message: "loading failed in {{ execution.id }}"
```
"""

from __future__ import annotations

from typing import ClassVar

from plugins.core.flow._group import Group


class Sequential(Group):
    """Run tasks one after another."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Sequential",)
