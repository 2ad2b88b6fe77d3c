"""Bringing files to a branch of a remote: what changed here and what changed there since both were the same are put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plugins.contract import RunContext, TaskFailed
from plugins.git._places import commit_url
from plugins.git._repository import Access, opened
from plugins.git._trees import MOST_PUSHES, Author, Blob, Change, PushRefused, Trees


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a push wants of one folder of the branch.

    `files` are the ids of the contents by path, `read` gives a content, `may_remove` says which other files of the folder it stands for
    and would remove, `base` are the contents by path that both sides had in common (None: they never met, and what is here wins).
    """

    files: Mapping[str, str]
    read: Callable[[str], bytes]
    may_remove: Callable[[Collection[str]], Collection[str]]
    base: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """How it ended. `commit` is None where nothing was to do, or in a dry run; `head` is the commit that the branch has now."""

    branch: str
    commit: str | None
    head: str | None
    changes: Sequence[Change] = ()
    url: str | None = None
    same: Mapping[str, str] = field(default_factory=dict)  # contents by path that both sides have in common now
    removed: Sequence[str] = ()

    def common(self, base: Mapping[str, str] | None) -> dict[str, str]:
        """What both sides have in common now, where `base` was it before."""
        return {path: sha for path, sha in {**(base or {}), **self.same}.items() if path not in self.removed}


@dataclass(slots=True)
class _Decision:
    """What a commit writes and removes, relative to the folder, and what it cannot decide."""

    writes: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    removes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # changed there only
    merged: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    same: dict[str, str] = field(default_factory=dict)


def push(
    context: RunContext,
    access: Access,
    branch: str,
    directory: str,
    wanted: Callable[[Trees, Mapping[str, Blob]], Wanted],
    *,
    message: str,
    author: Author,
    dry: bool,
) -> Pushed:
    """Commit what is wanted of `directory` and push it, again on top of what others pushed meanwhile. TaskFailed on a conflict."""
    with opened(context, access, context.working_dir) as git:
        trees = Trees(git, access.url)
        for _ in range(MOST_PUSHES):
            parent = trees.fetch(branch)
            is_new = parent is None
            if parent is None and (default := trees.default_branch()):
                parent = trees.fetch(default)
            theirs = (trees.files(parent, directory) if parent else None) or {}
            decision = _decide(trees, wanted(trees, theirs), theirs)
            if decision.conflicts:
                raise TaskFailed(_conflict(trees, branch, directory, decision.conflicts), retryable=False)
            _tell(context, branch, decision)
            top = f"{directory}/" if directory else ""
            writes = {top + path: content for path, content in decision.writes.items()}
            removes = [top + path for path in decision.removes]
            commit = trees.commit(parent, writes, removes, message, author, int(time.time())) if writes or removes else None
            if commit is None:
                context.log("INFO", "No changes to commit. Skipping push.")
                return Pushed(branch, None, parent, same=decision.same)
            changes = trees.changes(parent, commit)
            if dry:
                context.log(
                    "INFO",
                    f"Dry run — no changes will be pushed to {access.shown} for now until you set the `dryRun` parameter to false",
                )
                return Pushed(branch, None, parent, changes)
            context.log("INFO", f"Pushing to {access.shown} on branch {branch}{' (new)' if is_new else ''}")
            try:
                trees.push(commit, branch)
            except PushRefused:
                context.log("INFO", f"Someone pushed to {branch} meanwhile: it is read again")
                continue
            return Pushed(branch, commit, commit, changes, commit_url(access.shown, commit, branch), decision.same, decision.removes)
    raise TaskFailed(f"Others pushed to {branch} {MOST_PUSHES} times while this task tried to: try again later")


def _decide(trees: Trees, wanted: Wanted, theirs: Mapping[str, Blob]) -> _Decision:
    decision = _Decision()
    base = wanted.base
    for path, ours in wanted.files.items():
        blob = theirs.get(path)
        there = blob.sha if blob else None
        common = base.get(path) if base is not None else there
        mode = blob.mode if blob else "100644"
        if ours == there:
            decision.same[path] = ours
        elif there == common:
            decision.writes[path] = (mode, wanted.read(path))
            decision.same[path] = ours
        elif ours == common:
            decision.kept.append(path)
        else:
            _merge(trees, decision, path, mode, common, wanted.read(path), there)
    for path in wanted.may_remove(theirs.keys() - wanted.files.keys()):
        if base is None or base.get(path) == theirs[path].sha:
            decision.removes.append(path)
        elif path in base:
            decision.conflicts.append(path)
        else:
            decision.kept.append(path)
    return decision


def _merge(trees: Trees, decision: _Decision, path: str, mode: str, base: str | None, ours: bytes, theirs: str | None) -> None:
    """Put both changes of one file together; `base` and `theirs` are ids of contents."""
    text = trees.merged(_known(trees, base), ours, trees.content(theirs)) if theirs else None
    if text is None:
        decision.conflicts.append(path)
    else:
        decision.merged.append(path)
        decision.writes[path] = (mode, text)


def _known(trees: Trees, sha: str | None) -> bytes:
    """A content that may only be in the history; without it every line counts as changed on both sides."""
    return trees.content_of_history(sha) if sha else b""


def _conflict(trees: Trees, branch: str, directory: str, paths: Sequence[str]) -> str:
    head = trees.fetch(branch, whole=True)
    top = f"{directory}/" if directory else ""
    told = [f"{top}{path} (there by {trees.last_touched(head, top + path)})" if head else top + path for path in sorted(paths)[:20]]
    more = f" and {len(paths) - 20} more" if len(paths) > 20 else ""
    return (
        f"Changed here and on the branch '{branch}' since the last sync: {', '.join(told)}{more}. Nothing was pushed. Bring the branch "
        "here with SyncNamespaceFiles and make your change again, or push to a new branch and merge there"
    )


def _tell(context: RunContext, branch: str, decision: _Decision) -> None:
    if decision.merged:
        context.log("INFO", f"Changed here and on {branch}, both changes are in the commit: {', '.join(sorted(decision.merged)[:20])}")
    if decision.kept:
        context.log("INFO", f"Changed on {branch} since the last sync and kept as it is there: {', '.join(sorted(decision.kept)[:20])}")


def outputs(pushed: Pushed, uri: str) -> dict[str, Any]:
    """What a task that pushes answers: `uri` is where the rows of its changes are kept."""
    return {"commitId": pushed.commit, "commitURL": pushed.url, "files": uri}
