"""Run tasks one after another in one working directory: what one writes the next finds there.

Only tasks that a worker runs may stand inside. The directory is made before the first task (with `inputFiles` and `namespaceFiles`), and
removed after the last, when what `outputFiles` matches has been kept. What `cache.patterns` match is there again in the next execution, as
long as it is younger than `cache.ttl`. Every task keeps its own retry; `runIf` counts here too (Kestra leaves it out).

```yaml
id: same_folder
namespace: company.team
tasks:
  - id: folder
    type: io.kestra.plugin.core.flow.WorkingDirectory
    inputFiles:
      names.csv: |
        id,name
        1,Ada
    outputFiles:
      - "*.csv"
    tasks:
      - id: show
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner:
          type: io.kestra.plugin.core.runner.Process
        commands:
          - cat names.csv
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Duration, Schema
from plugins.core.flow._group import Group


class Cache(Schema):
    """Files that are kept from one execution to the next."""

    patterns: list[str] = Field(description="What to keep, as globs.")
    ttl: Duration | None = Field(None, description="How long it is kept, ISO 8601.")


class NamespaceFiles(Schema):
    """Files of the namespace that are brought into the directory."""

    enabled: bool | str = Field(True, description="Whether to bring them.")
    include: list[str] | str | None = Field(None, description="Globs of what to bring; all where absent.")
    exclude: list[str] | str | None = Field(None, description="Globs of what to leave.")
    namespaces: list[str] | str | None = Field(None, description="Namespaces to take from, later ones first; its own where absent.")
    folder_per_namespace: bool | str | None = Field(None, description="Put the files of each namespace into a folder of its own.")
    if_exists: str | None = Field(None, description="What to do where a file is there: OVERWRITE, FAIL, WARN or IGNORE.")


class WorkingDirectory(Group):
    """Run tasks one after another in one working directory."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.WorkingDirectory", "io.kestra.core.tasks.flows.Worker")
    workspace: ClassVar[bool] = True
    outputs_schema: ClassVar[Mapping[str, str]] = {"outputFiles": "Kept files by name, as URIs."}

    cache: Cache | None = Field(None, description="Files that are kept from one execution to the next.")
    namespace_files: NamespaceFiles | None = Field(None, description="Files of the namespace to bring into the directory.")
    input_files: dict[str, Any] | str | None = Field(None, description="Files to write first: name to content or URI.")
    output_files: list[str] | str | None = Field(None, description="Globs of what to keep.")
