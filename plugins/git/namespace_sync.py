"""Make a namespace and a folder of a Git branch the same, flows and files.

The folder `<gitDirectory>/<namespace>` holds the flows as `flows/<id>.yaml` and the namespace files below `files/`. `sourceOfTruth` says
which side the other follows: KESTRA (the default) commits and pushes, GIT brings the branch here. `whenMissingInSource` says what happens
to what only the other side has: DELETE, KEEP or FAIL. Namespaces in `protectedNamespaces` are never deleted from.

The output `diff` names everything with what happened to it, `dryRun: true` says what would happen.

```yaml
id: sync_namespace
namespace: company.team
tasks:
  - id: sync
    type: io.kestra.plugin.git.NamespaceSync
    namespace: company.team
    sourceOfTruth: GIT
    whenMissingInSource: KEEP
    url: https://github.com/git_username/platform
    branch: main
    gitDirectory: kestra
```
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import Field

from plugins.contract import Expression, NamespacePort, Result, RunContext, TaskFailed, Text
from plugins.git import _flows
from plugins.git._places import folder_of, stored_rows
from plugins.git._pushing import Wanted, push
from plugins.git._repository import Access
from plugins.git._schema import PushingTask
from plugins.git._trees import Blob, Trees, reading
from plugins.scripts import _render

FLOWS, FILES = "flows/", "files/"
MISSING, INVALID, TRUTH = ("DELETE", "KEEP", "FAIL"), ("SKIP", "WARN", "FAIL"), ("KESTRA", "GIT")


@dataclass(frozen=True, slots=True)
class _Side:
    """What one side has: ids of contents by path (`flows/…`, `files/…`)."""

    ids: Mapping[str, str] = field(default_factory=dict)

    def compared(self, other: _Side) -> dict[str, str]:
        """What the other side must do to be like this one: `add`, `update`, `same`, and `remove` for what only it has."""
        states = {
            path: "same" if other.ids.get(path) == sha else "update" if path in other.ids else "add" for path, sha in self.ids.items()
        }
        return states | dict.fromkeys(other.ids.keys() - self.ids.keys(), "remove")


class NamespaceSync(PushingTask):
    """Make a namespace and a folder of a Git branch the same."""

    outputs_schema: ClassVar[Mapping[str, str]] = {
        "diff": "URI of a file of Ion with a line for everything: file, key, kind, action.",
        "commitId": "Id of the commit; none where nothing was committed.",
        "commitURL": "Where a browser shows the commit.",
    }

    branch: Text = Field(description="Branch to read and push to; made where it does not exist.")
    git_directory: Text = Field("", description="Folder of the repository in which the namespace has its own.")
    namespace: Text = Field("{{ flow.namespace }}", description="Namespace to keep the same.")
    source_of_truth: Literal["KESTRA", "GIT"] | Expression = Field("KESTRA", description="Which side the other one follows.")
    when_missing_in_source: Literal["DELETE", "KEEP", "FAIL"] | Expression = Field(
        "DELETE", description="What happens to what only the other side has."
    )
    protected_namespaces: list[Text] | Expression = Field(["system"], description="Namespaces that nothing is deleted from.")
    on_invalid_syntax: Literal["SKIP", "WARN", "FAIL"] | Expression = Field(
        "FAIL", description="What to do with flows of Git that are not valid."
    )
    commit_message: Text | None = Field(None, description="Message of the commit.")
    dry_run: bool | Expression = Field(False, description="Only say what would happen.")

    def run(self, context: RunContext) -> Result:
        """Make both the same. TaskFailed in words that help."""
        access = self.access(context)
        branch, namespace = context.render(self.branch).strip(), context.render(self.namespace).strip()
        folder = folder_of(f"{context.render(self.git_directory)}/{namespace}", "gitDirectory")
        truth = _one_of(context, self.source_of_truth, "sourceOfTruth", TRUTH)
        missing = _one_of(context, self.when_missing_in_source, "whenMissingInSource", MISSING)
        protected = set(_render.texts(context, self.protected_namespaces))
        dry = _render.flag(context, self.dry_run)
        if truth == "GIT":
            invalid = _one_of(context, self.on_invalid_syntax, "onInvalidSyntax", INVALID)
            rows = _bring(context, access, branch, folder, namespace, missing, invalid, protected=namespace in protected, dry=dry)
            return Result({"diff": stored_rows(context, "diff.ion", rows), "commitId": None, "commitURL": None})
        return self._send(context, access, branch, folder, namespace, missing, dry=dry)

    def _send(self, context: RunContext, access: Access, branch: str, folder: str, namespace: str, missing: str, *, dry: bool) -> Result:
        """Commit what the namespace has."""
        port = context.namespace(namespace)
        flows = {f"{FLOWS}{path}": text for path, text in _flows.texts(port.flows.list(), namespace, namespace, ".yaml").items()}
        mine = _Side({**_flows.ids(flows), **_files_of(port)})
        states: dict[str, str] = {}

        def wanted(_: Trees, theirs: Mapping[str, Blob]) -> Wanted:
            ids = {_usual(path): blob.sha for path, blob in theirs.items() if path.startswith((FLOWS, FILES))}
            states.clear()
            states.update(mine.compared(_Side(ids)))

            def removed(others: Collection[str]) -> Collection[str]:
                stale = [path for path in others if path.startswith((FLOWS, FILES))]
                renamed = [path for path in stale if _usual(path) in mine.ids]
                only_there = [path for path in stale if _usual(path) not in mine.ids]
                _check_missing(only_there, missing, "the namespace")
                return stale if missing == "DELETE" else renamed

            return Wanted(mine.ids, lambda path: flows[path] if path in flows else port.files.read(path.removeprefix(FILES)), removed)

        message = context.render(self.commit_message) if self.commit_message else f"Sync of {namespace}"
        done = push(context, access, branch, folder, wanted, message=message, author=self.author(context), dry=dry)
        words = {
            "add": "ADDED",
            "update": "UPDATED_GIT",
            "same": "UNCHANGED",
            "remove": "DELETED_GIT" if missing == "DELETE" else "UNCHANGED",
        }
        rows = _rows(states, words, folder)
        return Result({"diff": stored_rows(context, "diff.ion", rows), "commitId": done.commit, "commitURL": done.url})


def _bring(
    context: RunContext,
    access: Access,
    branch: str,
    folder: str,
    namespace: str,
    missing: str,
    invalid: str,
    *,
    protected: bool,
    dry: bool,
) -> list[dict[str, Any]]:
    """Make the namespace what the branch has."""
    port = context.namespace(namespace)
    with reading(context, access) as trees:
        blobs = trees.files(trees.must_fetch(branch, access.shown), folder, lambda text: context.log("WARN", text)) or {}
        found = _flows.found_in(trees, _below(blobs, FLOWS), namespace, below=False)
        if invalid == "SKIP":
            flows = [flow for flow in found if not port.flows.check(flow.source)]
        else:
            flows = _flows.valid_of(context, port.flows, found, ignore_invalid=invalid == "WARN")
        files = _below(blobs, FILES)
        contents = {f"{FLOWS}{flow.id}.yaml": flow.source.encode() for flow in flows}
        there = _flows.texts(port.flows.list(), namespace, namespace, ".yaml")
        left_out = {f"{FLOWS}{flow.id}.yaml" for flow in found} - contents.keys()
        old = _Side({**{f"{FLOWS}{path}": sha for path, sha in _flows.ids(there).items()}, **_files_of(port)})
        new = _Side({**_flows.ids(contents), **{f"{FILES}{path}": blob.sha for path, blob in files.items()}})
        running = f"{FLOWS}{context.flow.id}.yaml" if context.flow.namespace == namespace else None
        states = {
            path: state for path, state in new.compared(old).items() if path not in left_out and not (state == "remove" and path == running)
        }
        gone = [path for path, state in states.items() if state == "remove"]
        _check_missing(gone, missing, f"the branch '{branch}'")
        removes = missing == "DELETE" and not protected
        if not dry:
            deleted = gone if removes else []
            for path in (path for path in deleted if path.startswith(FLOWS)):
                port.flows.delete(namespace, path.removeprefix(FLOWS).removesuffix(".yaml"))
            changed = [path for path, state in states.items() if state in ("add", "update")]
            for path in changed:
                if path in contents:
                    port.flows.put(contents[path].decode())
            paths = [path for path in changed if path not in contents]
            brought = zip([path.removeprefix(FILES) for path in paths], trees.contents([blobs[path].sha for path in paths]), strict=True)
            port.files.sync(brought, [path.removeprefix(FILES) for path in deleted if path.startswith(FILES)])
    words = {"add": "ADDED", "update": "UPDATED_KES", "same": "UNCHANGED", "remove": "DELETED_KES" if removes else "UNCHANGED"}
    return _rows(states, words, folder)


def _below(blobs: Mapping[str, Blob], folder: str) -> dict[str, Blob]:
    return {path.removeprefix(folder): blob for path, blob in blobs.items() if path.startswith(folder)}


def _files_of(port: NamespacePort) -> dict[str, str]:
    return {f"{FILES}{path}": sha for path, sha in port.files.tree().items() if sha}


def _usual(path: str) -> str:
    """The path that a flow has when we write it: `.yml` and `.yaml` are the same to us."""
    return f"{path.removesuffix('.yml')}.yaml" if path.startswith(FLOWS) and path.endswith(".yml") else path


def _check_missing(paths: Collection[str], missing: str, source: str) -> None:
    if paths and missing == "FAIL":
        raise TaskFailed(
            f"{source[0].upper()}{source[1:]} does not have {', '.join(sorted(paths)[:20])}, and `whenMissingInSource` is FAIL",
            retryable=False,
        )


def _rows(states: Mapping[str, str], words: Mapping[str, str], folder: str) -> list[dict[str, Any]]:
    return [
        {
            "file": f"{folder}/{path}",
            "key": path.removeprefix(FLOWS).removesuffix(".yaml") if path.startswith(FLOWS) else path.removeprefix(FILES),
            "kind": "FLOW" if path.startswith(FLOWS) else "FILE",
            "action": words[state],
        }
        for path, state in sorted(states.items())
    ]


def _one_of(context: RunContext, value: str, name: str, known: tuple[str, ...]) -> str:
    found = context.render(value).strip().upper()
    if found not in known:
        raise TaskFailed(f"Invalid `{name}` '{found}': expected one of {', '.join(known)}", retryable=False)
    return found
