"""Bring one flow of a Git branch into a namespace.

```yaml
id: sync_one
namespace: company.team
tasks:
  - id: sync
    type: io.kestra.plugin.git.SyncFlow
    url: https://github.com/kestra-io/flows
    branch: main
    targetNamespace: company.team
    flowPath: flows/hello.yml
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, TaskFailed, Text
from plugins.git import _flows
from plugins.git._places import folder_of
from plugins.git._schema import KestraGitTask
from plugins.git._trees import reading
from plugins.scripts import _render


class SyncFlow(KestraGitTask):
    """Bring one flow of a Git branch into a namespace."""

    outputs_schema: ClassVar[Mapping[str, str]] = {
        "flowId": "Id of the flow.",
        "namespace": "Namespace of the flow.",
        "revision": "Revision that the flow has now.",
    }

    branch: Text = Field("main", description="Branch to read.")
    target_namespace: Text = Field(description="Namespace that the flow comes to.")
    flow_path: Text = Field(description="The flow's file in the repository.")
    dry_run: bool | Expression = Field(False, description="Only check the flow.")

    def run(self, context: RunContext) -> Result:
        """Bring the flow. TaskFailed in words that help."""
        access = self.access(context)
        branch, path = context.render(self.branch).strip(), folder_of(context.render(self.flow_path), "flowPath")
        namespace = context.render(self.target_namespace).strip()
        with reading(context, access) as trees:
            blobs = trees.files(trees.must_fetch(branch, access.shown), "") or {}
            if path not in blobs:
                raise TaskFailed(
                    f"The flow '{path}' was not found in the branch '{branch}' of the repository {access.shown}", retryable=False
                )
            source = _flows.in_namespace(trees.content(blobs[path].sha).decode(errors="replace"), namespace)
        port = context.namespace(namespace).flows
        if problem := port.check(source):
            raise TaskFailed(f"The flow '{path}' is not valid: {problem}", retryable=False)
        old = next((flow for flow in port.list() if flow.id == _flows.id_of(source)), None)
        if _render.flag(context, self.dry_run):
            context.log("INFO", f"Dry run: the flow '{path}' is valid and would be {'updated' if old else 'added'}")
            return Result({"flowId": _flows.id_of(source), "namespace": namespace, "revision": old.revision if old else None})
        kept = port.put(source)
        return Result({"flowId": kept.id, "namespace": kept.namespace, "revision": kept.revision})
