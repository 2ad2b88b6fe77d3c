"""Commit files that an execution made to a Git branch and push it.

`files` chooses among the files that the tasks of this execution keep, by their names; `filesMap` gives names to single ones. They are
written to `gitDirectory`; nothing else there is touched.

```yaml
id: keep_a_report
namespace: company.team
tasks:
  - id: report
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    outputFiles:
      - report.csv
    commands:
      - echo "a,b" > report.csv
  - id: push
    type: io.kestra.plugin.git.PushExecutionFiles
    files: "*.csv"
    url: https://github.com/git_username/reports
    username: git_username
    password: "{{ secret('GITHUB_ACCESS_TOKEN') }}"
    branch: main
    gitDirectory: reports
```
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, TaskFailed, Text
from plugins.core import _given
from plugins.git._places import folder_of, picked_of, stored_rows
from plugins.git._pushing import Pushed, Wanted, outputs, push
from plugins.git._schema import PushingTask
from plugins.git._trees import blob_id
from plugins.scripts import _render

_OF_TASK = re.compile(r"^.*?/executions/[^/]+/tasks/[^/]+/[^/]+/")


class PushExecutionFiles(PushingTask):
    """Commit files that an execution made to a Git branch."""

    outputs_schema: ClassVar[Mapping[str, str]] = {
        "commitId": "Id of the commit; none where nothing was to commit.",
        "commitURL": "Where a browser shows the commit.",
        "files": "URI of a file of Ion with a line for every file of the commit: file, additions, deletions, changes.",
    }

    branch: Text = Field("main", description="Branch to push to; made where it does not exist.")
    git_directory: Text = Field("_outputs", description="Folder of the repository to write to.")
    files: Any = Field(None, description="Patterns of the files to push: a text, a list, or a list as JSON.")
    files_map: Any = Field(None, description="`kestra://` URIs by the names that the files get; also as JSON text.")
    commit_message: Text | None = Field(None, description="Message of the commit.")
    error_on_missing: bool | Expression = Field(False, description="Fail where nothing is chosen.")
    dry_run: bool | Expression = Field(False, description="Only say what would be pushed.")

    def run(self, context: RunContext) -> Result:
        """Push; answers the commit and what it changes. TaskFailed in words that help."""
        access = self.access(context)
        branch, directory = context.render(self.branch).strip(), folder_of(context.render(self.git_directory), "gitDirectory")
        found = self._found(context)
        if not found:
            if _render.flag(context, self.error_on_missing):
                raise TaskFailed("No file of the execution matches `files`, and `filesMap` names none", retryable=False)
            context.log("INFO", "No content to push - skipping Git operations.")
            return Result(outputs(Pushed(branch, None, None), stored_rows(context, "diff.ion", [])))
        contents = {name: path.read_bytes() for name, path in found.items()}
        wanted = Wanted({name: blob_id(content) for name, content in contents.items()}, contents.__getitem__, lambda _: [])
        message = context.render(self.commit_message) if self.commit_message else f"Add files from execution {context.execution_id}"
        dry = _render.flag(context, self.dry_run)
        done = push(context, access, branch, directory, lambda *_: wanted, message=message, author=self.author(context), dry=dry)
        return Result(outputs(done, stored_rows(context, "diff.ion", [change.row() for change in done.changes])))

    def _found(self, context: RunContext) -> dict[str, Path]:
        """The chosen files by their names in Git; of two that have the same name the later task's."""
        named = {_OF_TASK.sub("", uri): uri for uri in context.storage.outputs()}
        picked = picked_of(named, _render.texts(context, self.files)) if self.files is not None else []
        uris = {name: named[name] for name in picked}
        if self.files_map is not None:
            given = _given.structure(context, self.files_map, "filesMap")
            if not isinstance(given, Mapping):
                raise TaskFailed("`filesMap` must be a map of names to `kestra://` URIs", retryable=False)
            uris |= {folder_of(str(name), "filesMap"): str(uri) for name, uri in given.items()}
        return {name: context.storage.open(uri) for name, uri in uris.items()}
