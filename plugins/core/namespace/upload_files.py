"""Write files into a namespace: files of the working directory that patterns choose, or stored files by name.

`conflict` says what happens where a file is there already: OVERWRITE, ERROR or SKIP.

```yaml
id: publish_files
namespace: company.team
tasks:
  - id: get
    type: io.kestra.plugin.core.http.Download
    uri: https://data.example.org/orders.csv
  - id: publish
    type: io.kestra.plugin.core.namespace.UploadFiles
    destination: /data
    filesMap:
      orders.csv: "{{ outputs.get.uri }}"
```
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from plugins.contract import FilesPort, Result, RunContext, RunnableTask, TaskFailed, Text
from plugins.core import _given
from plugins.scripts import _folders, _globs, _render


class UploadFiles(RunnableTask):
    """Write files into a namespace."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"files": "The paths that were written."}

    namespace: Text = Field("{{ flow.namespace }}", description="Namespace to write to.")
    files: Any = Field(None, description="Patterns of files in the working directory, or a map as `filesMap`.")
    files_map: Any = Field(None, description="`kestra://` URIs by the names that the files get; also as JSON text.")
    destination: Text = Field("/", description="Folder that the files go to.")
    conflict: Literal["OVERWRITE", "ERROR", "SKIP"] | str = Field("OVERWRITE", description="What to do where a file is there already.")

    def run(self, context: RunContext) -> Result:
        """Write what the patterns choose, then what the map names."""
        if self.files is None and self.files_map is None:
            raise TaskFailed("At least one of `files` and `filesMap` must be set", retryable=False)
        conflict = context.render(self.conflict).upper()
        if conflict not in ("OVERWRITE", "ERROR", "SKIP"):
            raise TaskFailed(f"Invalid conflict '{conflict}': expected one of OVERWRITE, ERROR, SKIP", retryable=False)
        target = context.namespace(context.render(self.namespace)).files
        folder = context.render(self.destination).strip("/")
        written = []
        for name, source in self._sources(context):
            path = f"{folder}/{name.lstrip('/')}".lstrip("/")
            if _write(target, path, source, conflict):
                written.append(path)
        context.metric("uploaded", len(written))
        return Result({"files": written})

    def _sources(self, context: RunContext) -> list[tuple[str, Path]]:
        """Files of the working directory by the names that they get."""
        chosen: list[tuple[str, Path]] = []
        named = [each for each in (self.files_map, self.files if isinstance(self.files, Mapping) else None) if each is not None]
        if self.files is not None and not isinstance(self.files, Mapping):
            patterns = _render.texts(context, self.files)
            chosen = [(name, path) for name, path in _folders.files(context.working_dir) if _globs.matches(name, patterns)]
        for given in named:
            chosen += self._stored(context, _given.structure(context, given, "filesMap"))
        return chosen

    def _stored(self, context: RunContext, given: Any) -> list[tuple[str, Path]]:
        if not isinstance(given, Mapping):
            raise TaskFailed("`filesMap` must be a map of names to `kestra://` URIs", retryable=False)
        staging = context.working_dir / _folders.PRIVATE / "upload"
        staging.mkdir(parents=True, exist_ok=True)
        found = []
        for number, (name, uri) in enumerate(given.items()):
            if not uri:
                context.log("WARN", f"{name} is left out: it has no URI")
                continue
            copy = staging / str(number)
            shutil.copyfile(context.storage.open(str(uri)), copy)
            found.append((str(name), copy))
        return found


def _write(target: FilesPort, path: str, source: Path, conflict: str) -> bool:
    if conflict == "SKIP" and path in target.list([f"/{path}"]):
        return False
    target.write(path, source, overwrite=conflict == "OVERWRITE")
    return True
