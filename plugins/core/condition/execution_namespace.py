"""Hold for the executions of a namespace.

`comparison` says how names are compared; as in Kestra, PREFIX and SUFFIX are plain text.

```yaml
id: after_anything
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "After {{ trigger.executionId }}"
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.ExecutionNamespace
        namespace: company.raw
        comparison: PREFIX
```
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from plugins.contract import Condition, Facts, Text


class ExecutionNamespace(Condition):
    """Hold for the executions of a namespace."""

    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionNamespaceCondition",
        "io.kestra.plugin.core.condition.ExecutionNamespaceCondition",
    )
    judges: ClassVar[Literal["date", "execution", "any"]] = "execution"

    namespace: Text = Field(description="The namespace, or the part of its name that is compared.")
    comparison: Literal["EQUALS", "PREFIX", "SUFFIX"] | None = Field(
        None, description="EQUALS, PREFIX or SUFFIX; EQUALS where it is left out."
    )
    prefix: bool = Field(False, description="The older spelling of `comparison: PREFIX`.", json_schema_extra={"deprecated": True})

    def holds(self, facts: Facts) -> bool:
        """Whether the execution's namespace is like that."""
        name = facts.judged().namespace
        match self.comparison or ("PREFIX" if self.prefix else "EQUALS"):
            case "PREFIX":
                return name.startswith(self.namespace)
            case "SUFFIX":
                return name.endswith(self.namespace)
        return name == self.namespace
