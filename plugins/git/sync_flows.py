"""Bring flows of a Git branch into a namespace.

Every `.yml` or `.yaml` file of `gitDirectory` is a flow; it comes to `targetNamespace`, whatever its own `namespace:` says. With
`includeChildNamespaces: true` sub-folders are the namespaces below it. Nothing is changed where one flow is not valid, unless
`ignoreInvalidFlows: true` leaves it out. `delete: true` deletes the flows that the branch does not have, never the one that runs.

```yaml
id: sync_flows
namespace: company.team
tasks:
  - id: sync
    type: io.kestra.plugin.git.SyncFlows
    url: https://github.com/kestra-io/flows
    branch: main
    targetNamespace: company.team
    gitDirectory: flows
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Expression, FlowSource, FlowsPort, Result, RunContext, SyncPlace, TaskFailed, Text
from plugins.git import _flows
from plugins.git._places import folder_of, stored_rows
from plugins.git._schema import KestraGitTask
from plugins.git._trees import reading
from plugins.scripts import _render


class SyncFlows(KestraGitTask):
    """Bring flows of a Git branch into a namespace."""

    outputs_schema: ClassVar[Mapping[str, str]] = {
        "flows": "URI of a file of Ion with a line for every flow: gitPath, syncState, flowId, namespace, revision."
    }

    branch: Text = Field("main", description="Branch to read.")
    target_namespace: Text = Field(description="Namespace that the flows come to.")
    git_directory: Text = Field("_flows", description="Folder of the repository that is brought.")
    include_child_namespaces: bool | Expression = Field(False, description="Whether sub-folders are namespaces below the target.")
    delete: bool | Expression = Field(False, description="Delete the flows that the branch does not have.")
    ignore_invalid_flows: bool | Expression = Field(False, description="Leave out flows that are not valid, instead of failing.")
    dry_run: bool | Expression = Field(False, description="Only say what would happen.")

    def run(self, context: RunContext) -> Result:
        """Bring the flows; answers what happened to each. TaskFailed in words that help."""
        access = self.access(context)
        branch, directory = context.render(self.branch).strip(), folder_of(context.render(self.git_directory), "gitDirectory")
        namespace, below = context.render(self.target_namespace).strip(), _render.flag(context, self.include_child_namespaces)
        port, dry = context.namespace(namespace), _render.flag(context, self.dry_run)
        with reading(context, access) as trees:
            commit = trees.must_fetch(branch, access.shown)
            blobs = trees.files(commit, directory)
            if blobs is None:
                raise TaskFailed(f"The directory '{directory}' was not found in the branch '{branch}' of the repository", retryable=False)
            found = _flows.found_in(trees, blobs, namespace, below=below)
        kept = _flows.valid_of(context, port.flows, found, ignore_invalid=_render.flag(context, self.ignore_invalid_flows))
        there = {(flow.namespace, flow.id): flow for flow in port.flows.list(below=below)}
        top = f"{directory}/" if directory else ""
        rows = []
        for flow in kept:
            rows.append({"gitPath": top + flow.path, **_bring(port.flows, flow, there.get(flow.place), dry=dry)})
        if _render.flag(context, self.delete):
            read = {flow.place for flow in found}
            running = (context.flow.namespace, context.flow.id)
            rows += [_remove(port.flows, there[place], dry=dry) for place in sorted(there.keys() - read - {running})]
        if not dry:
            shared = {flow.path: flow.sha for flow in kept}
            port.sync_points.keep(SyncPlace(access.shown, branch, directory, "_flows"), commit, shared, brought=True)
        context.log("INFO", f"{'Dry run of' if dry else 'Synced'} {len(rows)} flows of {branch} at {commit[:7]}")
        return Result({"flows": stored_rows(context, "diff.ion", rows)})


def _bring(port: FlowsPort, flow: _flows.Found, old: FlowSource | None, *, dry: bool) -> dict[str, Any]:
    same = _flows.is_same(old, flow.source)
    revision = (old.revision if old else 0) + (not same)
    if not same and not dry:
        revision = port.put(flow.source).revision
    state = "ADDED" if old is None else "UNCHANGED" if same else "UPDATED"
    return {"syncState": state, "flowId": flow.id, "namespace": flow.namespace, "revision": revision}


def _remove(port: FlowsPort, flow: FlowSource, *, dry: bool) -> dict[str, Any]:
    if not dry:
        port.delete(flow.namespace, flow.id)
    return {"gitPath": None, "syncState": "DELETED", "flowId": flow.id, "namespace": flow.namespace, "revision": flow.revision}
