"""Answer an output that is kept encrypted.

```yaml
id: example
namespace: company.team
tasks:
  - id: hidden
    type: io.kestra.core.tasks.test.Encrypted
    format: a text that nobody sees
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, Text


class Encrypted(RunnableTask):
    """Answer an encrypted output."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"value": "The text, encrypted."}

    format: Text = Field(description="The text; it is not rendered.")

    def run(self, context: RunContext) -> Result:
        """The text as it is, encrypted."""
        return Result({"value": context.encrypt(self.format)})
