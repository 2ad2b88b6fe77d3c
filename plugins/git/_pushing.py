"""Bringing files to a branch of a remote: what changed here and what changed there since both were the same are put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plugins.contract import RunContext, TaskFailed
from plugins.git._places import commit_url
from plugins.git._repository import Access
from plugins.git._trees import MOST_PUSHES, Author, Blob, Change, PushRefused, Trees, reading


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
    with reading(context, access) as trees:
        task = _Task(context, access, trees, branch, directory, wanted, message, author, dry)
        done = task.on_top_of_last()
        for _ in range(MOST_PUSHES):
            done = done or task.on_top()
        if done is not None:
            return done
    raise TaskFailed(f"Others pushed to {branch} {MOST_PUSHES} times while this task tried to: try again later")


@dataclass(frozen=True, slots=True)
class _Task:
    """One push, tried until it ends well."""

    context: RunContext
    access: Access
    trees: Trees
    branch: str
    directory: str
    wanted: Callable[[Trees, Mapping[str, Blob]], Wanted]
    message: str
    author: Author
    dry: bool

    def on_top_of_last(self) -> Pushed | None:
        """Push without asking first, on top of what the branch had when it was read last: whether it still has that, the push itself tells.

        None where there is more to tell than what is written and removed: that takes a look at the branch.
        """
        parent = None if self.dry else self.trees.last(self.branch)
        if parent is None:
            return None
        decision = self._decided(parent, merge=False)
        if decision.conflicts or decision.kept or not (commit := self._commit(parent, decision)):
            return None
        return self._pushed(commit, decision, parent, parent)

    def on_top(self) -> Pushed | None:
        """Push on top of what the branch has now; None where it has moved meanwhile."""
        trees, context = self.trees, self.context
        parent = head = trees.fetch(self.branch)
        if parent is None and (default := trees.default_branch()):
            parent = trees.fetch(default)
        decision = self._decided(parent)
        if decision.conflicts:
            raise TaskFailed(_conflict(trees, self.branch, self.directory, decision.conflicts), retryable=False)
        _tell(context, self.branch, decision)
        commit = self._commit(parent, decision)
        if commit is None:
            context.log("INFO", "No changes to commit. Skipping push.")
            return Pushed(self.branch, None, parent, same=decision.same)
        if self.dry:
            context.log(
                "INFO",
                f"Dry run — no changes will be pushed to {self.access.shown} for now until you set the `dryRun` parameter to false",
            )
            return Pushed(self.branch, None, parent, trees.changes(parent, commit))
        return self._pushed(commit, decision, parent, head)

    def _decided(self, parent: str | None, *, merge: bool = True) -> _Decision:
        theirs = (self.trees.files(parent, self.directory) if parent else None) or {}
        return _decide(self.trees, self.wanted(self.trees, theirs), theirs, merge=merge)

    def _commit(self, parent: str | None, decision: _Decision) -> str | None:
        """The commit that is decided on; None where it would change nothing."""
        if not decision.writes and not decision.removes:
            return None
        top = f"{self.directory}/" if self.directory else ""
        writes = {top + path: content for path, content in decision.writes.items()}
        removes = [top + path for path in decision.removes]
        return self.trees.commit(parent, writes, removes, self.message, self.author, int(time.time()))

    def _pushed(self, commit: str, decision: _Decision, parent: str | None, head: str | None) -> Pushed | None:
        """Push a commit to the branch that has `head` now, or is new; None where it has moved."""
        self.context.log("INFO", f"Pushing to {self.access.shown} on branch {self.branch}{'' if head else ' (new)'}")
        changes = self.trees.changes(parent, commit)
        try:
            self.trees.push(commit, self.branch, head)
        except PushRefused:
            self.context.log("INFO", f"Someone pushed to {self.branch} meanwhile: it is read again")
            return None
        url = commit_url(self.access.shown, commit, self.branch)
        return Pushed(self.branch, commit, commit, changes, url, decision.same, decision.removes)


def _decide(trees: Trees, wanted: Wanted, theirs: Mapping[str, Blob], *, merge: bool = True) -> _Decision:
    """What to do with each file; without `merge` what both sides changed counts as a conflict."""
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
        elif merge:
            _merge(trees, decision, path, mode, common, wanted.read(path), there)
        else:
            decision.conflicts.append(path)
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
