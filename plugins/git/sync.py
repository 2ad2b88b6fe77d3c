"""Make a namespace what a folder of a Git branch holds: its flows and its files (an older task; SyncFlows and SyncNamespaceFiles do each).

The folder `_flows` of `gitDirectory` holds flows, sub-folders of it are namespaces below; everything else, or what is in
`namespaceFilesDirectory`, becomes namespace files. What the branch does not have is deleted, but for the flow that runs.

```yaml
id: sync_from_git
namespace: company.team
tasks:
  - id: sync
    type: io.kestra.plugin.git.Sync
    url: https://github.com/kestra-io/examples
    branch: main
    gitDirectory: company
    dryRun: true
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, NamespacePort, Result, RunContext, TaskFailed, Text
from plugins.git import _flows
from plugins.git._places import folder_of
from plugins.git._schema import KestraGitTask
from plugins.git._trees import Blob, Trees, reading
from plugins.git.sync_namespace_files import chosen
from plugins.scripts import _render

FLOWS = "_flows/"


class Sync(KestraGitTask):
    """Make a namespace what a folder of a Git branch holds."""

    deprecated: ClassVar[str] = "Use io.kestra.plugin.git.SyncFlows and io.kestra.plugin.git.SyncNamespaceFiles"

    branch: Text = Field("main", description="Branch to read.")
    git_directory: Text = Field("", description="Folder of the repository that is brought; the whole repository where absent.")
    namespace_files_directory: Text | None = Field(
        None, description="Folder in it that holds the namespace files; everything but `_flows` where absent."
    )
    dry_run: bool | Expression = Field(False, description="Only say what would happen.")

    def run(self, context: RunContext) -> Result:
        """Bring flows and files; each is told in the log with + (added), ~ (changed), = (the same) or - (deleted)."""
        access = self.access(context)
        branch, directory = context.render(self.branch).strip(), folder_of(context.render(self.git_directory), "gitDirectory")
        files_in = (
            folder_of(context.render(self.namespace_files_directory), "namespaceFilesDirectory") if self.namespace_files_directory else None
        )
        namespace, dry = context.flow.namespace, _render.flag(context, self.dry_run)
        port = context.namespace(namespace)
        with reading(context, access) as trees:
            blobs = trees.files(trees.must_fetch(branch, access.shown), directory, lambda text: context.log("WARN", text))
            if blobs is None:
                raise TaskFailed(f"The directory '{directory}' was not found in the branch '{branch}' of the repository", retryable=False)
            flows = {path.removeprefix(FLOWS): blob for path, blob in blobs.items() if path.startswith(FLOWS)}
            top = f"{files_in}/" if files_in else ""
            files = {path.removeprefix(top): blob for path, blob in blobs.items() if path.startswith(top) and not path.startswith(FLOWS)}
            found = _flows.found_in(trees, flows, namespace, below=True)
            kept = _flows.valid_of(context, port.flows, found, ignore_invalid=False)
            _bring_flows(context, port, kept, dry=dry)
            _bring_files(context, port, trees, chosen(trees, files), dry=dry)
        return Result()


def _bring_flows(context: RunContext, port: NamespacePort, flows: list[_flows.Found], *, dry: bool) -> None:
    there = {(flow.namespace, flow.id): flow for flow in port.flows.list(below=True)}
    wanted = {flow.place: flow for flow in flows}
    for place, flow in wanted.items():
        old = there.get(place)
        same = _flows.is_same(old, flow.source)
        context.log("INFO", f"{'=' if same else '~' if old else '+'} {'.'.join(place)}")
        if not same and not dry:
            port.flows.put(flow.source)
    for place in sorted(there.keys() - wanted.keys() - {(context.flow.namespace, context.flow.id)}):
        context.log("INFO", f"- {'.'.join(place)}")
        if not dry:
            port.flows.delete(*place)


def _bring_files(context: RunContext, port: NamespacePort, trees: Trees, wanted: Mapping[str, Blob], *, dry: bool) -> None:
    there = {path: sha for path, sha in port.files.tree().items() if sha}
    changed = [path for path, blob in wanted.items() if there.get(path) != blob.sha]
    for path in sorted(wanted):
        context.log("INFO", f"{'=' if path not in changed else '~' if path in there else '+'} _files/{path}")
    gone = sorted(there.keys() - wanted.keys())
    for path in gone:
        context.log("INFO", f"- _files/{path}")
    if not dry:
        port.files.sync(zip(changed, trees.contents([wanted[path].sha for path in changed]), strict=True), gone)
