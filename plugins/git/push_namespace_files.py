"""Commit files of a namespace to a Git branch and push it.

A branch that does not exist is made from the repository's default branch. `files` chooses what is pushed (default: everything);
`delete: true` also removes from `gitDirectory` what the namespace does not have, as far as `files` chooses it. A `.kestraignore` at the top
of the folder in Git, in the syntax of .gitignore, leaves files out of both.

Where someone else changed the branch since the last sync or push, their changes stay: what touches different lines is put together, and
where both changed the same lines the task fails, naming the files and who changed them, and nothing is pushed.

The output `files` names every file of the commit with the lines added, deleted and changed. With `dryRun: true` nothing is pushed.

```yaml
id: push_dbt_to_git
namespace: company.team
inputs:
  - id: commit_message
    type: STRING
    defaults: Changes to dbt from Kestra
tasks:
  - id: commit_and_push
    type: io.kestra.plugin.git.PushNamespaceFiles
    namespace: "{{ flow.namespace }}"
    username: git_username
    password: "{{ secret('GITHUB_ACCESS_TOKEN') }}"
    url: https://github.com/git_username/scripts
    branch: dev
    gitDirectory: dbt
    commitMessage: "{{ inputs.commit_message }}"
```
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, SyncPlace, TaskFailed, Text
from plugins.git._places import folder_of, picked_of, stored_rows
from plugins.git._pushing import Pushed, Wanted, outputs, push
from plugins.git._schema import PushingTask
from plugins.git._trees import IGNORE, Blob, Trees
from plugins.scripts import _render


class PushNamespaceFiles(PushingTask):
    """Commit files of a namespace to a Git branch."""

    outputs_schema: ClassVar[Mapping[str, str]] = {
        "commitId": "Id of the commit; none where nothing was to commit.",
        "commitURL": "Where a browser shows the commit.",
        "files": "URI of a file of Ion with a line for every file of the commit: file, additions, deletions, changes.",
    }

    branch: Text = Field("main", description="Branch to push to; made where it does not exist.")
    namespace: Text = Field("{{ flow.namespace }}", description="Namespace to read from.")
    git_directory: Text = Field("_files", description="Folder of the repository to write to.")
    namespace_directory: Text = Field("/", description="Folder of the namespace to read from.")
    files: Any = Field("**", description="Patterns of the files to push: a text, a list, or a list as JSON.")
    commit_message: Text | None = Field(None, description="Message of the commit.")
    delete: bool | Expression = Field(True, description="Remove what the namespace does not have, as far as `files` chooses it.")
    error_on_missing: bool | Expression = Field(False, description="Fail where `files` chooses nothing.")
    dry_run: bool | Expression = Field(False, description="Only say what would be pushed.")

    def run(self, context: RunContext) -> Result:
        """Push; answers the commit and what it changes. TaskFailed in words that help."""
        access = self.access(context)
        branch, directory = context.render(self.branch).strip(), folder_of(context.render(self.git_directory), "gitDirectory")
        namespace = context.render(self.namespace)
        folder = folder_of(context.render(self.namespace_directory), "namespaceDirectory")
        port = context.namespace(namespace)
        place = SyncPlace(access.shown, branch, directory, folder)
        patterns = _render.texts(context, self.files)
        mine = {path: sha for path, sha in port.files.tree(folder).items() if sha and path != IGNORE}
        picked = {path: mine[path] for path in picked_of(mine, patterns)}
        if not picked and _render.flag(context, self.error_on_missing):
            raise TaskFailed(f"No file of the namespace '{namespace}' matches {', '.join(patterns)}", retryable=False)
        if not mine:
            context.log("INFO", "No content to push - skipping Git operations.")
            return Result(outputs(Pushed(branch, None, None), stored_rows(context, "diff.ion", [])))
        dry, delete, base = _render.flag(context, self.dry_run), _render.flag(context, self.delete, True), port.sync_points.blobs(place)

        def wanted(trees: Trees, theirs: Mapping[str, Blob]) -> Wanted:
            ignored = trees.left_out({*picked, *theirs}, theirs)
            ours = {path: sha for path, sha in picked.items() if path not in ignored}

            def removed(others: Collection[str]) -> Collection[str]:
                theirs_only = [path for path in others if path not in mine and path not in ignored and path != IGNORE]
                return picked_of(theirs_only, patterns) if delete else []

            return Wanted(ours, lambda path: port.files.read(f"{folder}/{path}" if folder else path), removed, base)

        message = context.render(self.commit_message) if self.commit_message else f"Add files from {namespace} namespace"
        done = push(context, access, branch, directory, wanted, message=message, author=self.author(context), dry=dry)
        if not dry and done.head:
            port.sync_points.keep(place, done.head, done.common(base), brought=False)
        return Result(outputs(done, stored_rows(context, "diff.ion", [change.row() for change in done.changes])))
