"""Bringing what others did into a copy (merge, rebase) and taking back a commit (revert), with what clashes decided by the person.

While clashes are open nothing in the copy has changed: an operation is its target and the answers that were given so far, and its
outcome is computed from them and from the branch each time. So it can be left, picked up elsewhere or dropped at any moment.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from namespaces import merging
from namespaces.merging import Segment
from ui.errors import Conflict, Invalid
from workspace import changes, repositories, trees
from workspace.git import ANSWERS, Git
from workspace.trees import Blob, Clash
from workspace.worktrees import Worktree, commit_of

_FILE = "kestra-operation.json"
MOST_REBASED = 200
Kind = Literal["merge", "rebase", "revert"]


class NothingOpen(Conflict):
    """No merge, rebase or revert is open here."""


class StillClashing(Conflict):
    """Some files are not decided yet."""


@dataclass(slots=True)
class Operation:
    """What someone began. `answers` are blobs (None: no file) by the key of the clash."""

    kind: Kind
    target: str
    label: str
    answers: dict[str, Blob | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where an operation stands: the commit that it leads to, or the clashes of the step that it is at."""

    commit: str | None
    clashes: tuple[Clash, ...] = ()
    step: str = ""
    tree: str = ""  # what Git made of both sides, with marks where they clash


def pull(worktree: Worktree, *, how: Literal["merge", "rebase"] = "merge") -> Outcome:
    """Fetch, and bring what others pushed to the branch into the copy. Clashes are left to be decided (`resolve`, `finish`)."""
    repositories.fetch(user=worktree.user, namespace=worktree.repository.namespace)
    theirs = worktree.upstream()
    if theirs is None:
        raise Invalid(f"The remote has no branch {worktree.branch} yet: push it first.")
    return _start(worktree, Operation(how, theirs, f"origin/{worktree.branch}"))


def merge(worktree: Worktree, other: str) -> Outcome:
    """Bring another branch, tag or commit into this one."""
    store = repositories.store(worktree.repository.namespace)
    return _start(worktree, Operation("merge", commit_of(store, other), other))


def revert(worktree: Worktree, commit: str) -> Outcome:
    """Make a commit that takes back what another one did."""
    found = commit_of(repositories.store(worktree.repository.namespace), commit)
    if worktree.git.answered("merge-base", "--is-ancestor", found, "HEAD", ok=(0, 1))[0]:
        raise Invalid(f"{commit[:12]} is not in the history of {worktree.branch}.")
    if len(worktree.git.text("show", "-s", "--format=%P", found).split()) > 1:
        raise Invalid(f"{commit[:12]} is a merge: revert what it brought, commit by commit.")
    return _start(worktree, Operation("revert", found, found[:7]))


def current(worktree: Worktree) -> Operation | None:
    """What is open here, if anything."""
    path = worktree.admin / _FILE
    if not path.exists():
        return None
    values = json.loads(path.read_text())
    answers = {key: (blob[0], blob[1]) if blob else None for key, blob in values["answers"].items()}
    return Operation(values["kind"], values["target"], values["label"], answers)


def outcome(worktree: Worktree) -> Outcome:
    """Where the open operation stands. Raises `NothingOpen`."""
    return _compute(worktree, _opened(worktree))


def resolve(worktree: Worktree, path: str, *, content: bytes | None = None, side: Literal["", "base", "ours", "theirs"] = "") -> Outcome:
    """Decide a clash: by a content, or by a side as it is (which may be that there is no file)."""
    with trees.working(worktree) as git:
        operation = _opened(worktree)
        clash = next((found for found in _compute(worktree, operation).clashes if path in (found.path, found.name)), None)
        if clash is None:
            raise Conflict(f"{path} does not clash (any more): look again.")
        if content is not None:
            sha = git.keep_bytes(content)
            git.run("update-ref", f"{ANSWERS}/{time.time_ns()}", sha)
            known = clash.ours or clash.theirs or clash.base
            blob: Blob | None = (known[0] if known else "100644", sha)
        elif side in ("base", "ours", "theirs"):
            blob = getattr(clash, side)
        else:
            raise Invalid("Give the content of the file, or the side that is right.")
        operation.answers[clash.key] = blob
        _save(worktree, operation)
        return _compute(worktree, operation)


def segments(worktree: Worktree, found: Outcome, clash: Clash) -> list[Segment]:
    """The parts of a text that clashes, in order; none for what is no text, or where a side has no file."""
    git = worktree.git.reading()
    if clash.ours is None or clash.theirs is None:
        return []
    about = git.run("ls-tree", "-z", found.tree, "--", clash.path).decode(errors="replace").partition("\t")[0].split()
    try:
        content = git.content(about[2]).decode() if about[1:2] == ["blob"] else ""
    except UnicodeDecodeError:
        return []
    return [] if "\x00" in content else merging.segments(content)


def reopen(worktree: Worktree, path: str) -> Outcome:
    """Take back what was decided about a path; its content stays in the store."""
    with trees.working(worktree):
        operation = _opened(worktree)
        operation.answers = {key: blob for key, blob in operation.answers.items() if not key.startswith(f"{path}|")}
        _save(worktree, operation)
        return _compute(worktree, operation)


def sides(operation: Operation, worktree: Worktree) -> tuple[str, str]:
    """What the two sides of a clash are called."""
    if operation.kind == "rebase":
        return operation.label, "your commit"
    return f"your {worktree.branch}", f"before {operation.label}" if operation.kind == "revert" else operation.label


def answered(worktree: Worktree) -> list[str]:
    """The paths that are decided in the open operation."""
    operation = current(worktree)
    return sorted({key.rsplit("|", 3)[0] for key in operation.answers}) if operation else []


def finish(worktree: Worktree) -> Outcome:
    """Carry out the open operation when all is decided. Raises `StillClashing`, `trees.Overlapping`."""
    with trees.working(worktree):
        operation = _opened(worktree)
        found = _compute(worktree, operation)
        if found.commit is None:
            raise StillClashing(f"Not decided yet: {', '.join(clash.name for clash in found.clashes[:20])}.")
        return _carry_out(worktree, operation, found)


def cancel(worktree: Worktree) -> None:
    """Drop the open operation: the copy is as it was, and what was decided stays in the store."""
    with trees.working(worktree):
        _opened(worktree)
        (worktree.admin / _FILE).unlink()


def _start(worktree: Worktree, operation: Operation) -> Outcome:
    with trees.working(worktree):
        if (open_one := current(worktree)) is not None:
            raise Conflict(f"A {open_one.kind} of {open_one.label} is open: finish or cancel it first.")
        found = _compute(worktree, operation)
        if found.commit is None:
            _save(worktree, operation)
            return found
        return _carry_out(worktree, operation, found)


def _carry_out(worktree: Worktree, operation: Operation, found: Outcome) -> Outcome:
    assert found.commit is not None
    if found.commit != worktree.head():
        trees.move(worktree, found.commit, f"{operation.kind} of {operation.label}")
    (worktree.admin / _FILE).unlink(missing_ok=True)
    return found


def _opened(worktree: Worktree) -> Operation:
    operation = current(worktree)
    if operation is None:
        raise NothingOpen
    return operation


def _save(worktree: Worktree, operation: Operation) -> None:
    values: dict[str, Any] = {name: getattr(operation, name) for name in operation.__slots__}
    part = worktree.admin / f"{_FILE}.part"
    part.write_text(json.dumps(values))
    part.rename(worktree.admin / _FILE)


def _compute(worktree: Worktree, operation: Operation) -> Outcome:
    git, head = worktree.git, worktree.head()
    if head is None:
        return Outcome(operation.target)
    return {"merge": _merge, "rebase": _rebase, "revert": _revert}[operation.kind](worktree, git, head, operation)


def _is_ancestor(git: Git, old: str, new: str) -> bool:
    return git.answered("merge-base", "--is-ancestor", old, new, ok=(0, 1))[0] == 0


def _merge(worktree: Worktree, git: Git, head: str, operation: Operation) -> Outcome:
    if _is_ancestor(git, operation.target, head):
        return Outcome(head)
    if _is_ancestor(git, head, operation.target):
        return Outcome(operation.target)
    tree, clashes = trees.merged_commits(git, head, operation.target)
    tree, left = _decided(worktree, operation, tree, clashes)
    if left:
        return Outcome(None, tuple(left), f"merge of {operation.label}", tree)
    message = f"Merge {operation.label} into {worktree.branch}\n"
    return Outcome(_commit(worktree, git, tree, [head, operation.target], message))


def _rebase(worktree: Worktree, git: Git, head: str, operation: Operation) -> Outcome:
    if _is_ancestor(git, operation.target, head):
        return Outcome(head)
    steps = git.text("rev-list", "--reverse", "--topo-order", "--no-merges", f"{operation.target}..{head}").split()
    if len(steps) > MOST_REBASED:
        raise Invalid(f"More than {MOST_REBASED} commits are to be rebased: merge instead.")
    tip = operation.target
    for step in steps:
        tree, clashes = trees.merged(git, _before(git, step), git.tree_of(tip), git.tree_of(step))
        tree, left = _decided(worktree, operation, tree, clashes)
        subject = git.text("show", "-s", "--format=%h %s", step)
        if left:
            return Outcome(None, tuple(left), f"rebase of {subject}", tree)
        if tree != git.tree_of(tip):
            tip = _picked(worktree, git, step, tree, tip)
    return Outcome(tip)


def _revert(worktree: Worktree, git: Git, head: str, operation: Operation) -> Outcome:
    target = operation.target
    tree, clashes = trees.merged(git, git.tree_of(target), git.tree_of(head), _before(git, target))
    tree, left = _decided(worktree, operation, tree, clashes)
    if left:
        return Outcome(None, tuple(left), f"revert of {operation.label}", tree)
    if tree == git.tree_of(head):
        return Outcome(head)
    subject = git.text("show", "-s", "--format=%s", target)
    return Outcome(_commit(worktree, git, tree, [head], f'Revert "{subject}"\n\nThis reverts commit {target}.\n'))


def _before(git: Git, commit: str) -> str:
    """The tree of the commit before one."""
    parent = git.commit_of(f"{commit}^1")
    return git.tree_of(parent) if parent else git.text("mktree")


def _decided(worktree: Worktree, operation: Operation, tree: str, clashes: list[Clash]) -> tuple[str, list[Clash]]:
    """The tree with what was decided, and the clashes that were not."""
    left = [clash for clash in clashes if clash.key not in operation.answers]
    if clashes and not left:
        tree = trees.with_answers(worktree, tree, [(clash, operation.answers[clash.key]) for clash in clashes])
    return tree, left


def _commit(worktree: Worktree, git: Git, tree: str, parents: list[str], message: str) -> str:
    arguments = [part for parent in parents for part in ("-p", parent)]
    return git.by(*changes.person(worktree.user)).text("commit-tree", tree, *arguments, "-F", "-", data=message.encode())


def _picked(worktree: Worktree, git: Git, step: str, tree: str, tip: str) -> str:
    """The commit that does again what `step` did, on another one."""
    name, email, date, message = git.text("show", "-s", "--format=%an%x00%ae%x00%ad%x00%B", "--date=raw", step).split("\0", 3)
    by = git.by(*changes.person(worktree.user), author=(name, email, date))
    return by.text("commit-tree", tree, "-p", tip, "-F", "-", data=f"{message}\n".encode())
