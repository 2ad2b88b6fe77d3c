"""Commit files of the working directory, flows and namespace files to a Git branch (an older task).

`directory` names a folder of the working directory, for example one that a Clone task made: its files that `addFilesPattern` chooses are
committed, and those that are gone from a clone are removed. Without it `inputFiles` are. Flows go to `flows.gitDirectory`, namespace files
to `namespaceFiles.gitDirectory`. Nothing is committed where nothing has changed.

```yaml
id: push_to_git
namespace: company.team
tasks:
  - id: push
    type: io.kestra.plugin.git.Push
    url: https://github.com/git_username/platform
    username: git_username
    password: "{{ secret('GITHUB_ACCESS_TOKEN') }}"
    branch: dev
    commitMessage: Flows and files of {{ flow.namespace }}
    namespaceFiles:
      enabled: true
    flows:
      enabled: true
      gitDirectory: _flows
```
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from engine.globs import chosen
from plugins.contract import Expression, Result, RunContext, Schema, TaskFailed, Text
from plugins.core import _given
from plugins.git import _flows
from plugins.git._places import folder_of
from plugins.git._pushing import Wanted, push
from plugins.git._schema import KestraGitTask
from plugins.git._trees import Author, Blob, Trees, blob_id
from plugins.scripts import _folders, _render
from plugins.scripts._schema import NamespaceFiles

_COMMIT = re.compile(r"[0-9a-f]{40,64}")


class PushedFlows(Schema):
    """`flows`: which flows are committed, and where to."""

    enabled: bool | Expression = Field(True, description="Whether flows are committed.")
    child_namespaces: bool | Expression = Field(True, description="Whether flows of the namespaces below are committed too.")
    git_directory: Text = Field("_flows", description="Folder of the repository to write to.")


class PushedFiles(NamespaceFiles):
    """`namespaceFiles`: which namespace files are committed, and where to."""

    git_directory: Text = Field("_files", description="Folder of the repository to write to.")


class CommitAuthor(Schema):
    """`author`: who writes the commit."""

    name: Text | None = Field(None, description="Name.")
    email: Text | None = Field(None, description="E-mail address.")


class Push(KestraGitTask):
    """Commit files of the working directory, flows and namespace files to a Git branch."""

    deprecated: ClassVar[str] = "Use io.kestra.plugin.git.PushFlows and io.kestra.plugin.git.PushNamespaceFiles"
    outputs_schema: ClassVar[Mapping[str, str]] = {"commitId": "Id of the commit; none where nothing was to commit."}

    branch: Text = Field(description="Branch to push to; made where it does not exist.")
    directory: Text | None = Field(None, description="Folder of the working directory whose files are committed.")
    commit_message: Text = Field("Add files from {{ flow.namespace }}", description="Message of the commit.")
    flows: PushedFlows = Field(PushedFlows.model_validate({}), description="Which flows are committed.")
    namespace_files: PushedFiles | None = Field(None, description="Which namespace files are committed.")
    input_files: Any = Field(None, description="Files to commit: their contents or `kestra://` URIs by name.")
    add_files_pattern: list[Text] | Text | Expression = Field(["."], description="Patterns of the files to commit.")
    author: CommitAuthor | None = Field(None, description="Who writes the commit.")

    def run(self, context: RunContext) -> Result:
        """Commit and push. TaskFailed in words that help."""
        access = self.access(context)
        files = self._working(context) | self._of_namespace(context) | self._of_flows(context)
        head = self._cloned_commit(context)
        patterns = [pattern for pattern in _render.texts(context, self.add_files_pattern) if pattern not in (".", "*", "-A", "--all")]
        picked = {path: files[path] for path in _chosen(files, patterns)}

        def wanted(trees: Trees, theirs: Mapping[str, Blob]) -> Wanted:
            base = trees.at_clone(head) if head else None

            def removed(others: Collection[str]) -> Collection[str]:
                return [path for path in _chosen(others, patterns) if path in base] if base is not None else []

            return Wanted({path: blob_id(content) for path, content in picked.items()}, picked.__getitem__, removed, base)

        who = self.author or CommitAuthor.model_validate({})
        name, email = context.render(who.name or self.username or ""), context.render(who.email or "")
        author = Author(name, email) if name and email else Author()
        branch, message = context.render(self.branch).strip(), context.render(self.commit_message)
        done = push(context, access, branch, "", wanted, message=message, author=author, dry=False)
        return Result({"commitId": done.commit})

    def _working(self, context: RunContext) -> dict[str, bytes]:
        """Files of the folder, and the input files."""
        found: dict[str, bytes] = {}
        if self.directory is not None:
            folder = self._folder(context)
            if not folder.is_dir():
                raise TaskFailed(f"There is no folder '{context.render(self.directory)}' in the working directory", retryable=False)
            found = {
                name: path.read_bytes()
                for name, path in _folders.files(folder)
                if name.split("/")[0] != _folders.PRIVATE and ".git" not in name.split("/")
            }
        if self.input_files is not None:
            given = _given.structure(context, self.input_files, "inputFiles")
            if not isinstance(given, Mapping):
                raise TaskFailed("`inputFiles` must be a map of names to contents or `kestra://` URIs", retryable=False)
            for name, text in given.items():
                found[folder_of(str(name), "inputFiles")] = _content(context, str(text))
        return found

    def _folder(self, context: RunContext) -> Path:
        name = context.render(self.directory or "").strip().strip("/")
        return context.working_dir if name in ("", ".") else _folders.inside(context.working_dir, name.removeprefix("./"))

    def _cloned_commit(self, context: RunContext) -> str | None:
        """The commit that the folder was cloned at; None where it is no clone."""
        if self.directory is None:
            return None
        head = _read(self._folder(context) / ".git", "HEAD")
        if head.startswith("ref: refs/heads/"):
            head = _read(self._folder(context) / ".git", head.removeprefix("ref: "))
        return head if _COMMIT.fullmatch(head) else None

    def _of_namespace(self, context: RunContext) -> dict[str, bytes]:
        wanted = self.namespace_files
        if wanted is None or not _render.flag(context, wanted.enabled, True):
            return {}
        port = context.namespace().files
        folder = folder_of(context.render(wanted.git_directory), "gitDirectory")
        names = port.list(_render.texts(context, wanted.include), _render.texts(context, wanted.exclude))
        return {f"{folder}/{name}".lstrip("/"): port.read(name) for name in names}

    def _of_flows(self, context: RunContext) -> dict[str, bytes]:
        if not _render.flag(context, self.flows.enabled, True):
            return {}
        namespace, folder = context.flow.namespace, folder_of(context.render(self.flows.git_directory), "gitDirectory")
        flows = context.namespace().flows.list(below=_render.flag(context, self.flows.child_namespaces, True))
        return {f"{folder}/{path}".lstrip("/"): text for path, text in _flows.texts(flows, namespace, namespace).items()}


def _content(context: RunContext, text: str) -> bytes:
    return context.storage.open(text).read_bytes() if text.startswith("kestra://") else text.encode()


def _read(folder: Path, name: str) -> str:
    """A short file of a repository that a task may have changed: it must lie in it, and be no link."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(200).decode(errors="replace").strip()


def _chosen(paths: Collection[str], patterns: list[str]) -> list[str]:
    try:
        return sorted(chosen(sorted(paths), patterns)) if patterns else sorted(paths)
    except ValueError as error:
        raise TaskFailed(f"`addFilesPattern`: {error}", retryable=False) from error
