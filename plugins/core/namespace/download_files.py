"""Copy files of a namespace into internal storage, so that other tasks can be given their URIs.

The output `files` has their paths in the namespace, each with a leading slash.

```yaml
id: fetch_files
namespace: company.team
tasks:
  - id: fetch
    type: io.kestra.plugin.core.namespace.DownloadFiles
    namespace: company.team
    files:
      - "**.csv"
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.fetch.files['/data/orders.csv'] }}"
```
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, Text
from plugins.scripts import _folders, _render


class DownloadFiles(RunnableTask):
    """Copy files of a namespace into internal storage."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"files": "URIs by the paths of the files in the namespace."}

    namespace: Text = Field(description="Namespace to read from.")
    files: Text | list[Text] | Expression = Field(description="Paths or patterns of files.")
    destination: Text = Field("", description="Folder that is put before the names of the copies.")

    def run(self, context: RunContext) -> Result:
        """Copy what the patterns choose."""
        patterns = _render.texts(context, self.files)
        folder = context.render(self.destination).strip("/")
        staging = context.working_dir / _folders.PRIVATE / "download"
        staging.mkdir(parents=True, exist_ok=True)
        try:
            names = context.namespace(context.render(self.namespace)).files.copy_to(staging, patterns) if patterns else []
            stored = {
                f"/{name.lstrip('/')}": context.storage.put(staging / name.lstrip("/"), f"{folder}/{name}".lstrip("/")) for name in names
            }
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        context.metric("downloaded", len(stored))
        return Result({"files": stored})
