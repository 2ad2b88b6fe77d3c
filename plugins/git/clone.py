"""Clone a Git repository into the working directory.

By default only the newest commit of the branch is fetched. `commit` and `tag` fetch the whole history. Where the target
folder holds files already, they stay, and the repository's files come beside them. `cloneSubmodules` brings the submodules too, as far as
they lie on the host of the repository; `sparse` checks out some folders of a large repository only.

```yaml
id: clone_and_look
namespace: company.team
tasks:
  - id: work
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - id: clone
        type: io.kestra.plugin.git.Clone
        url: https://github.com/kestra-io/dbt-example
        branch: main
      - id: look
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner:
          type: io.kestra.plugin.core.runner.Process
        commands:
          - ls
```
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, TaskFailed, Text
from plugins.git import _submodules
from plugins.git._repository import Git, opened, safe_name
from plugins.git._schema import GitTask
from plugins.scripts import _folders, _render


class Clone(GitTask):
    """Clone a repository."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"directory": "The folder that the repository was cloned into."}

    directory: Text | None = Field(None, description="Folder to clone into, relative to the working directory.")
    branch: Text | None = Field(None, description="Branch to check out; the remote's own default where absent.")
    commit: Text | None = Field(None, description="Commit to check out.")
    tag: Text | None = Field(None, description="Tag to check out.")
    depth: int | Expression = Field(1, description="Number of commits to fetch; 0 for all.")
    clone_all_branches: bool | Expression = Field(True, description="Whether the other branches are known too (with a full depth).")
    no_tags: bool | Expression = Field(False, description="Leave the tags out.")
    sparse: list[Text] | Expression | None = Field(
        None, description="Folders to check out, with what is in them; files that lie beside and above them come too, nothing else."
    )

    def run(self, context: RunContext) -> Result:
        """Clone; answers the folder. TaskFailed in words that help."""
        access = self.access(context)
        target = self._target(context)
        wanted = {kind: context.render(value).strip() for kind in ("branch", "commit", "tag") if (value := getattr(self, kind))}
        wanted = {kind: safe_name(kind, name) for kind, name in wanted.items() if name}
        no_tags, every_branch = _render.flag(context, self.no_tags), _render.flag(context, self.clone_all_branches)
        if not every_branch and "branch" not in wanted:
            raise TaskFailed("`branch` must be set when `cloneAllBranches` is false", retryable=False)
        if no_tags and "tag" in wanted:
            raise TaskFailed("`tag` cannot be used with `noTags: true`", retryable=False)
        folders = [_folder(name) for name in _render.texts(context, self.sparse)] if self.sparse else []
        depth = 0 if {"commit", "tag"} & wanted.keys() else int(context.render(str(self.depth)))
        target.mkdir(parents=True, exist_ok=True)
        context.log("INFO", f"Start cloning from {access.url}")
        with opened(context, access, target) as git:
            _fetch(git, access.url, wanted, depth, every_branch=every_branch, no_tags=no_tags)
            if not wanted:
                wanted = {"branch": _default_branch(git)}
            git.hand_over()
            if folders:
                git.run_here("sparse-checkout", "set", "--cone", "--", *folders)
            _check_out(git, wanted)
            for name, value in access.config.items():
                git.run_here("config", "--local", name, value)
            head = git.run_here("rev-parse", "--short", "HEAD")
            if _render.flag(context, self.clone_submodules):
                _submodules.bring(context, access, git, target)
            git.settle()
        context.log("INFO", f"Cloned {wanted.get('branch') or wanted.get('tag') or 'the repository'} at {head}")
        return Result({"directory": str(target)})

    def _target(self, context: RunContext) -> Path:
        name = context.render(self.directory).strip().rstrip("/") if self.directory else ""
        return context.working_dir if name in ("", ".") else _folders.inside(context.working_dir, name.removeprefix("./"))


def _folder(name: str) -> str:
    """A folder of the repository as `git sparse-checkout` takes it. TaskFailed for what names none."""
    path = name.strip().strip("/")
    if not path or path.startswith("-") or ".." in path.split("/") or re.search(r"[\x00-\x1f*?\[\]\\!]", path):
        raise TaskFailed(f"'{name}' (`sparse`) is no folder of a repository: give names such as models/staging", retryable=False)
    return path


def _fetch(git: Git, url: str, wanted: Mapping[str, str], depth: int, *, every_branch: bool, no_tags: bool) -> None:
    """Make the repository in the folder and fetch what is wanted; files that are there stay."""
    git.run("init", "--quiet", "--initial-branch=kestra-clone", "--template=")
    git.run("remote", "add", "--", "origin", url)
    options = ["--no-recurse-submodules", "--progress", *(["--no-tags"] if no_tags else []), *([f"--depth={depth}"] if depth > 0 else [])]
    branch = wanted.get("branch")
    if branch and (depth > 0 or not every_branch):
        git.run("fetch", *options, "--", "origin", f"+refs/heads/{branch}:refs/remotes/origin/{branch}")
    elif depth > 0:
        git.run("fetch", *options, "--", "origin", "HEAD")
        git.run("update-ref", "refs/remotes/origin/HEAD", "FETCH_HEAD")
    else:
        git.run("fetch", *options, *(["--tags"] if not no_tags else []), "--", "origin", "+refs/heads/*:refs/remotes/origin/*")


def _check_out(git: Git, wanted: Mapping[str, str]) -> None:
    """Check out the commit, the tag or the branch, over files that are there."""
    if "commit" in wanted:
        git.run_here("checkout", "--force", "--detach", wanted["commit"], "--")
        return
    if "tag" in wanted:
        git.run_here("checkout", "--force", "--detach", f"refs/tags/{wanted['tag']}", "--")
        return
    branch = wanted["branch"]
    start = f"refs/remotes/origin/{branch}" if branch in _branches(git.run_here) else "refs/remotes/origin/HEAD"
    git.run_here("checkout", "--force", "-B", branch, start, "--")


def _branches(run: Callable[..., str]) -> set[str]:
    listed = run("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin/")
    return {name for name in listed.split("\n") if name and name != "HEAD"}


def _default_branch(git: Git) -> str:
    """The remote's default branch: as it says itself, else main, else master."""
    if named := git.remote_head():
        return named
    known = _branches(git.run)
    return next((name for name in ("main", "master") if name in known), "main")
