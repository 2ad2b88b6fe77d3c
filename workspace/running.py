"""Executions that see the files of a person's copy as they are at that moment, saved and not committed ones too."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from executions import models, services, sources
from namespaces import snapshots
from namespaces.paths import namespace_folders
from workspace import trees
from workspace.git import Git
from workspace.worktrees import Worktree


def start(worktree: Worktree, flow_id: str, inputs: Mapping[str, Any] | None = None, **more: Any) -> models.Execution:
    """Start a flow of the namespace with the files of a copy. Raises as `executions.services.start` does, which takes `more`."""
    return services.start(
        user=worktree.user, namespace=worktree.repository.namespace, flow_id=flow_id, inputs=inputs, source=take(worktree), **more
    )  # fmt: skip


def take(worktree: Worktree) -> dict[str, Any]:
    """Take a snapshot of a copy; answers the note that has an execution see it (`executions.sources`)."""
    with trees.working(worktree) as git:
        state, head = trees.snapshot(worktree), worktree.head()
        changed = state != (git.tree_of(head) if head else git.text("mktree"))
        tree = _inside(git, state, worktree.repository.directory)
        if not snapshots.touch(worktree.repository.namespace, tree):
            _write(worktree, tree)
    return {sources.SOURCE: {"commit": head or "", "branch": worktree.branch, "changed": changed, "tree": tree}}


def _inside(git: Git, tree: str, directory: str) -> str:
    """The tree of a folder; an empty one where there is no such folder."""
    if not directory:
        return tree
    about = git.run("ls-tree", "-z", "-d", tree, "--", directory).decode(errors="replace").partition("\t")[0].split()
    return about[2] if about[1:2] == ["tree"] else git.text("mktree")


def _write(worktree: Worktree, tree: str) -> None:
    """Write the files of a tree beside those that are there, then give them their name in one step."""
    place = snapshots.place(worktree.repository.namespace, tree)
    folder = Path(settings.KESTRA_STORAGE).joinpath(*namespace_folders(place.namespace), *place.base)
    part = folder.with_name(f"{secrets.token_hex(8)}.part")
    part.mkdir(parents=True, mode=0o700)
    index = worktree.admin / f"index-{os.getpid()}-{secrets.token_hex(8)}"
    git = Git(worktree.admin, part, index)
    try:
        git.run("read-tree", tree)
        git.run("checkout-index", "--all", "--force", "--quiet", ok=(0, 1))  # names that no file may have are left out
        part.rename(folder)
    finally:
        index.unlink(missing_ok=True)
        shutil.rmtree(part, ignore_errors=True)
