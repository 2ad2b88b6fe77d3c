"""Delete files of a namespace.

```yaml
id: tidy_files
namespace: company.team
tasks:
  - id: tidy
    type: io.kestra.plugin.core.namespace.DeleteFiles
    namespace: company.team
    files:
      - "tmp/**"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, Text
from plugins.scripts import _render


class DeleteFiles(RunnableTask):
    """Delete files of a namespace."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"files": "The paths that were deleted."}

    namespace: Text = Field(description="Namespace to delete from.")
    files: Text | list[Text] | Expression = Field(description="Paths or patterns of files.")
    delete_parent_folder: bool | Expression = Field(False, description="Accepted (of newer Kestra); folders that are left empty stay.")

    def run(self, context: RunContext) -> Result:
        """Delete what the patterns choose and count it as the metric `deleted`."""
        files = context.namespace(context.render(self.namespace)).files
        patterns = _render.texts(context, self.files)
        deleted = [name for name in (files.list(patterns) if patterns else []) if files.delete(name)]
        context.metric("deleted", len(deleted))
        return Result({"files": deleted})
