"""Three groups that answer what plugin defaults gave them.

```yaml
id: example
namespace: company.team
tasks:
  - id: group
    type: io.kestra.core.runners.PluginDefaultsCaseTest$DefaultSequential1
    def: 1
    tasks:
      - id: say
        type: io.kestra.plugin.core.log.Log
        message: hello
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Schema, Situation, Text
from plugins.core.flow._group import Group


class PluginDefaultsCaseTest(Schema):
    """The place of the three types `PluginDefaultsCaseTest$DefaultSequential1` to `3`."""

    type: str = Field(description="Not used by itself.")


class DefaultSequential1(Group):
    """Run tasks one after another and answer `def`."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"def": "The property of this name."}

    def_: Text | None = Field(None, alias="def", description="What to answer.")

    @classmethod
    def outputs(cls, situation: Situation) -> Mapping[str, Any] | None:
        """`def` as it is written, or as a plugin default gave it."""
        return {"def": situation.task.properties.get("def")}


class DefaultSequential2(DefaultSequential1):
    """The same under another name."""


class DefaultSequential3(DefaultSequential1):
    """The same under a third name."""
