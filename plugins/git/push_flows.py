"""Commit flows of a namespace to a Git branch and push it.

Every flow becomes `<id>.yml` in `gitDirectory`, without its revision; with `includeChildNamespaces: true` those of the namespaces below it
lie in sub-folders. `flows` chooses which ones by their ids. `delete: true` also removes the flows that the namespace does not have. Drafts
are left out. Changes that others made on the branch since the last sync or push stay, as PushNamespaceFiles explains.

```yaml
id: push_flows
namespace: company.team
tasks:
  - id: push
    type: io.kestra.plugin.git.PushFlows
    sourceNamespace: company.team
    targetNamespace: company.prod
    flows: "*"
    url: https://github.com/git_username/flows
    username: git_username
    password: "{{ secret('GITHUB_ACCESS_TOKEN') }}"
    branch: main
    gitDirectory: flows
    commitMessage: Flows of {{ flow.namespace }}
```
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from pydantic import Field

from engine.globs import chosen
from plugins.contract import Expression, Result, RunContext, SyncPlace, TaskFailed, Text
from plugins.git import _flows
from plugins.git._places import folder_of, stored_rows
from plugins.git._pushing import Pushed, Wanted, push
from plugins.git._schema import PushingTask
from plugins.git._trees import Blob, Trees
from plugins.scripts import _render


class PushFlows(PushingTask):
    """Commit flows of a namespace to a Git branch."""

    outputs_schema: ClassVar[Mapping[str, str]] = {
        "commitId": "Id of the commit; none where nothing was to commit.",
        "commitURL": "Where a browser shows the commit.",
        "flows": "URI of a file of Ion with a line for every file of the commit: file, additions, deletions, changes.",
    }

    branch: Text = Field("main", description="Branch to push to; made where it does not exist.")
    source_namespace: Text = Field("{{ flow.namespace }}", description="Namespace whose flows are pushed.")
    target_namespace: Text | None = Field(None, description="Namespace that the flows have in Git; the source's own where absent.")
    git_directory: Text = Field("_flows", description="Folder of the repository to write to.")
    flows: Any = Field("**", description="Patterns of ids: a text, a list, or a list as JSON.")
    include_child_namespaces: bool | Expression = Field(False, description="Whether flows of the namespaces below are pushed too.")
    commit_message: Text | None = Field(None, description="Message of the commit.")
    delete: bool | Expression = Field(True, description="Remove flows that the namespace does not have, as far as `flows` chooses them.")
    dry_run: bool | Expression = Field(False, description="Only say what would be pushed.")

    def run(self, context: RunContext) -> Result:
        """Push; answers the commit and what it changes. TaskFailed in words that help."""
        access = self.access(context)
        branch, directory = context.render(self.branch).strip(), folder_of(context.render(self.git_directory), "gitDirectory")
        namespace, below = context.render(self.source_namespace).strip(), _render.flag(context, self.include_child_namespaces)
        target = context.render(self.target_namespace).strip() if self.target_namespace else namespace
        port, patterns = context.namespace(namespace), _render.texts(context, self.flows)
        mine = _flows.texts(port.flows.list(below=below), namespace, target)
        dry, delete = _render.flag(context, self.dry_run), _render.flag(context, self.delete, True)
        place = SyncPlace(access.shown, branch, directory, "_flows")
        base = port.sync_points.blobs(place)
        picked = {path: mine[path] for path in _picked(mine, patterns)}
        if not mine:
            context.log("INFO", "No content to push - skipping Git operations.")
            return self._result(context, Pushed(branch, None, None))

        def wanted(trees: Trees, theirs: Mapping[str, Blob]) -> Wanted:
            ignored = trees.left_out({*picked, *theirs}, theirs)

            def removed(others: Collection[str]) -> Collection[str]:
                stale = [path for path in others if path.endswith(_flows.ENDINGS) and (below or "/" not in path)]
                return [path for path in _picked(stale, patterns) if path not in mine and path not in ignored] if delete else []

            ours = {path: sha for path, sha in _flows.ids(picked).items() if path not in ignored}
            return Wanted(ours, picked.__getitem__, removed, base)

        message = context.render(self.commit_message) if self.commit_message else f"Add flows from {namespace} namespace"
        done = push(context, access, branch, directory, wanted, message=message, author=self.author(context), dry=dry)
        if not dry and done.head:
            port.sync_points.keep(place, done.head, done.common(base), brought=False)
        return self._result(context, done)

    def _result(self, context: RunContext, done: Pushed) -> Result:
        rows = stored_rows(context, "diff.ion", [change.row() for change in done.changes])
        return Result({"commitId": done.commit, "commitURL": done.url, "flows": rows})


def _picked(paths: Collection[str], patterns: list[str]) -> list[str]:
    """The paths of flows whose id a pattern matches."""
    ids = {path: path.rpartition("/")[2].rpartition(".")[0] for path in paths}
    try:
        wanted = set(chosen(sorted(set(ids.values())), patterns))
    except ValueError as error:
        raise TaskFailed(f"`flows`: {error}", retryable=False) from error
    return sorted(path for path, name in ids.items() if name in wanted)
