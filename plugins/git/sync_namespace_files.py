"""Bring files of a Git branch into a namespace.

What lies in `gitDirectory` of the branch comes to the namespace: new files are added, files that differ are overwritten (what they held
stays in their history), files that are the same are left alone. `delete: true` also deletes what the branch does not have;
`delete: synced` only deletes what an earlier sync brought and the branch has no more. A `.kestraignore` at the top of the folder, in
the syntax of .gitignore, leaves files out.

The output `files` names every file with what happened to it: ADDED, OVERWRITTEN, UNCHANGED or DELETED. With `dryRun: true` it says what
would happen, and nothing does.

```yaml
id: sync_dbt_project
namespace: company.team
tasks:
  - id: sync
    type: io.kestra.plugin.git.SyncNamespaceFiles
    url: https://github.com/kestra-io/dbt-example
    branch: master
    namespace: "{{ flow.namespace }}"
    gitDirectory: dbt
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from plugins.contract import Expression, FilesPort, Result, RunContext, SyncPlace, TaskFailed, Text
from plugins.git._places import folder_of, stored_rows
from plugins.git._schema import KestraGitTask
from plugins.git._trees import IGNORE, Blob, Trees, reading
from plugins.scripts import _render

SKIPPED = (".git", ".gitignore", ".gitkeep")  # names that end so stay in Git


class SyncNamespaceFiles(KestraGitTask):
    """Bring files of a Git branch into a namespace."""

    outputs_schema: ClassVar[Mapping[str, str]] = {
        "files": "URI of a file of Ion with a line for every file: gitPath, syncState, kestraPath."
    }

    branch: Text = Field("main", description="Branch to read.")
    namespace: Text = Field("{{ flow.namespace }}", description="Namespace to write to.")
    git_directory: Text = Field("_files", description="Folder of the repository that is brought.")
    namespace_directory: Text = Field("/", description="Folder of the namespace that it is brought to.")
    delete: bool | Literal["synced"] | Expression = Field(
        False, description="Delete what the branch does not have: `true` everything, `synced` only what an earlier sync brought."
    )
    dry_run: bool | Expression = Field(False, description="Only say what would happen.")
    fail_on_missing_directory: bool | Expression = Field(True, description="Whether a folder that the branch does not have is a failure.")

    def run(self, context: RunContext) -> Result:
        """Bring the files; answers what happened to each. TaskFailed in words that help."""
        access = self.access(context)
        branch, directory = context.render(self.branch).strip(), folder_of(context.render(self.git_directory), "gitDirectory")
        target = folder_of(context.render(self.namespace_directory), "namespaceDirectory")
        namespace = context.render(self.namespace)
        port = context.namespace(namespace)
        dry = _render.flag(context, self.dry_run)
        with reading(context, access) as trees:
            commit = trees.must_fetch(branch, access.shown)
            found = trees.files(commit, directory, lambda text: context.log("WARN", text))
            if found is None:
                if _render.flag(context, self.fail_on_missing_directory, True):
                    raise TaskFailed(
                        f"The directory '{directory}' was not found in the git repository. Verify if the path exists in the specified "
                        f"branch '{branch}'.",
                        retryable=False,
                    )
                found = {}
            place = SyncPlace(access.shown, branch, directory, target)
            wanted = chosen(trees, found)
            known = port.sync_points.blobs(place) or {}
            plan = _Plan.of(wanted, port.files.tree(target), self._deletes(context), known)
            if not dry:
                _apply(plan, trees, wanted, port.files, target)
                port.sync_points.keep(place, commit, {path: blob.sha for path, blob in wanted.items()}, brought=True)
        rows = plan.rows(f"{directory}/" if directory else "", f"/{namespace.replace('.', '/')}/_files/{f'{target}/' if target else ''}")
        context.log("INFO", plan.summary(dry, f"{branch} at {commit[:7]}"))
        return Result({"files": stored_rows(context, "diff.ion", rows)})

    def _deletes(self, context: RunContext) -> bool | str:
        return "synced" if self.delete == "synced" else _render.flag(context, self.delete)


def chosen(trees: Trees, found: Mapping[str, Blob]) -> dict[str, Blob]:
    """The files that come to a namespace: not Git's own, and not those that a `.kestraignore` at the top leaves out."""
    kept = {path: blob for path, blob in found.items() if not path.endswith(SKIPPED) and path != IGNORE}
    ignored = trees.left_out(kept, found)
    return {path: blob for path, blob in kept.items() if path not in ignored}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What happens to each path: `states` by path in the folder, where folders end with `/`."""

    states: Mapping[str, str]

    @classmethod
    def of(cls, wanted: Mapping[str, Blob], there: Mapping[str, str], delete: bool | str, synced: Mapping[str, str]) -> _Plan:
        states = {}
        for path, blob in wanted.items():
            for folder in _above(path):
                states[folder] = "UNCHANGED" if folder in there else "ADDED"
            states[path] = "ADDED" if path not in there else "UNCHANGED" if there[path] == blob.sha else "OVERWRITTEN"
        gone = [path for path in there if not path.endswith("/") and path not in wanted]
        if delete:
            states |= {path: "DELETED" for path in gone if delete is True or path in synced}
        return cls(states)

    def of_state(self, *states: str) -> list[str]:
        return [path for path, state in self.states.items() if state in states and not path.endswith("/")]

    def rows(self, git: str, kestra: str) -> list[dict[str, Any]]:
        """As Kestra writes them, by their path in Git; what is deleted has none."""
        rows = [
            {"gitPath": None if state == "DELETED" else git + path, "syncState": state, "kestraPath": kestra + path}
            for path, state in self.states.items()
        ]
        return sorted(rows, key=lambda row: (row["gitPath"] is None, row["gitPath"] or row["kestraPath"]))

    def summary(self, dry: bool, source: str) -> str:
        counts = [
            f"{len(paths)} {word}" for word in ("added", "overwritten", "deleted", "unchanged") if (paths := self.of_state(word.upper()))
        ]
        return f"{'Dry run of' if dry else 'Synced'} {source}: {', '.join(counts) or 'no files'}"


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return [f"{'/'.join(parts[: number + 1])}/" for number in range(len(parts))]


def _apply(plan: _Plan, trees: Trees, wanted: Mapping[str, Blob], files: FilesPort, folder: str) -> None:
    top = f"{folder}/" if folder else ""
    changed = plan.of_state("ADDED", "OVERWRITTEN")
    contents = zip(changed, trees.contents([wanted[path].sha for path in changed]), strict=True)
    files.sync(((top + path, content) for path, content in contents), [top + path for path in plan.of_state("DELETED")])
