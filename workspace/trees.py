"""Bringing a copy from one state to another without losing a byte that anyone saved.

A state is a tree: what Git would commit if all files were chosen. Before a copy changes, its state is kept under a reference; then only
files that still have the content they had in that state are written. A change that a crash interrupts is finished by whoever comes next.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from namespaces import blobs, files
from namespaces.files import NameTaken
from namespaces.paths import UnsafePath
from ui.errors import Conflict
from workspace.git import KEPT, Git, GitRefused
from workspace.worktrees import Worktree, check_size, leave_out

_GONE, _MODULE = "000000", "160000"
_MOVING = "kestra-moving.json"
Blob = tuple[str, str]  # mode and id


class Overlapping(Conflict):
    """What comes in and what is not committed here touch the same lines."""


@dataclass(frozen=True, slots=True)
class Clash:
    """A path that both sides changed so that Git cannot put them together; None where a side does not have it."""

    path: str
    base: Blob | None
    ours: Blob | None
    theirs: Blob | None

    @property
    def name(self) -> str:
        """The path as a page can show it."""
        return self.path.encode(errors="replace").decode()

    @property
    def key(self) -> str:
        """The same for the same question."""
        return "|".join([self.path, *(side[1] if side else "-" for side in (self.base, self.ours, self.theirs))])


@contextmanager
def working(worktree: Worktree) -> Iterator[Git]:
    """Alone with a copy, after what a crash interrupted was finished."""
    with worktree.alone() as git:
        for lock in (worktree.admin / "index.lock", worktree.admin / "HEAD.lock", git.directory.parent.parent / f"{worktree.own}.lock"):
            lock.unlink(missing_ok=True)  # we are alone: it was left by a crash
        if (worktree.admin / _MOVING).exists():
            with blobs.changing(worktree.place.namespace):
                _carry_out(worktree, json.loads((worktree.admin / _MOVING).read_text()))
        yield git


def snapshot(worktree: Worktree) -> str:
    """The state of a copy: a tree of its files as they are, chosen or not, without those that .gitignore names."""
    index = worktree.admin / f"index-{os.getpid()}-{time.monotonic_ns()}"
    try:
        shutil.copyfile(worktree.admin / "index", index)
        git = worktree.git.with_index(index)
        git.run("add", "--all", "--", ".")
        return git.text("write-tree")
    finally:
        for left in (index, index.with_name(f"{index.name}.lock")):
            left.unlink(missing_ok=True)


def keep(worktree: Worktree, why: str) -> str | None:
    """Keep the state of a copy, and what is chosen in it, as a commit on no branch; None where it is what was committed last."""
    git, head = worktree.git, worktree.head()
    state = snapshot(worktree)
    chosen = git.text("write-tree")
    before = git.tree_of(head) if head else ""
    if state == before and chosen == before:
        return None
    return _keep(worktree, git, head, state, chosen, why)


def _keep(worktree: Worktree, git: Git, head: str | None, state: str, chosen: str, why: str) -> str:
    parents = ["-p", head] if head else []
    index = git.text("commit-tree", chosen, *parents, "-m", "What was chosen")
    made = git.text("commit-tree", state, *parents, "-p", index, "-m", why)
    git.run("update-ref", f"{KEPT}/{worktree.user.pk}/{time.time_ns()}", made)
    return made


def merged(git: Git, base: str, ours: str, theirs: str) -> tuple[str, list[Clash]]:
    """Three trees put together: the tree, in which every clash is still open, and the clashes."""
    first = git.text("commit-tree", base, "-m", "base")
    ends = [git.text("commit-tree", tree, "-p", first, "-m", "side") for tree in (ours, theirs)]
    return merged_commits(git, *ends)


def merged_commits(git: Git, ours: str, theirs: str) -> tuple[str, list[Clash]]:
    """As `merged`, for two commits with a history in common."""
    status, out = git.answered("merge-tree", "--write-tree", "-z", "--no-messages", ours, theirs, ok=(0, 1))
    tree, *entries = out.split(b"\0")
    sides: dict[str, dict[str, Blob]] = {}
    for entry in entries:
        if not entry:
            break
        about, _, name = entry.partition(b"\t")
        mode, sha, stage = about.decode().split(" ")
        sides.setdefault(name.decode(errors="surrogateescape"), {})[stage] = (mode, sha)
    if status == 1 and not sides:
        raise GitRefused("The two sides changed folders in ways that cannot be put together here: merge them with a desktop Git.")
    return tree.decode(), [Clash(path, side.get("1"), side.get("2"), side.get("3")) for path, side in sorted(sides.items())]


def with_answers(worktree: Worktree, tree: str, answers: Sequence[tuple[Clash, Blob | None]]) -> str:
    """The tree with what was decided about its clashes: a blob, or None for no file."""
    index = worktree.admin / f"index-{os.getpid()}-{time.monotonic_ns()}"
    git = worktree.git.with_index(index)
    try:
        git.run("read-tree", tree)
        lines = []
        for clash, blob in answers:
            name = clash.path.encode(errors="surrogateescape")
            lines.append(b"0 %b\t%b\0" % (b"0" * 40, name))
            if blob:
                lines.append(b"%b %b\t%b\0" % (blob[0].encode(), blob[1].encode(), name))
        git.run("update-index", "-z", "--index-info", data=b"".join(lines))
        return git.text("write-tree")
    finally:
        index.unlink(missing_ok=True)


def without(worktree: Worktree, tree: str, patch: bytes) -> str:
    """The tree with a patch taken back."""
    index = worktree.admin / f"index-{os.getpid()}-{time.monotonic_ns()}"
    git = worktree.git.with_index(index)
    try:
        git.run("read-tree", tree)
        git.run("apply", "--cached", "--reverse", "--recount", "--whitespace=nowarn", data=patch)
        return git.text("write-tree")
    finally:
        index.unlink(missing_ok=True)


def move(worktree: Worktree, commit: str, why: str) -> list[str]:
    """Bring a copy to a commit, with what is not committed in it on top; answers files that were left as they are.

    To be called alone with the copy. Raises `Overlapping`, which names the files, before anything has changed.
    """
    git, head = worktree.git, worktree.head()
    check_size(git, commit)
    before = git.tree_of(head) if head else git.text("mktree")
    with blobs.changing(worktree.place.namespace):  # whoever saves meanwhile waits, and then meets what came in
        state, wanted = snapshot(worktree), git.tree_of(commit)
        if state != before:
            keep(worktree, f"Before: {why}")
            wanted, clashes = merged(git, before, state, wanted)
            if clashes:
                names = ", ".join(clash.name for clash in clashes[:20])
                raise Overlapping(f"What you changed and did not commit meets what comes in: {names}. Commit or discard it first.")
        return _begin(worktree, {"head": head, "commit": commit, "why": why, "from": state, "to": wanted})


def restore(worktree: Worktree, state: str, wanted: str) -> list[str]:
    """Bring the files of a copy from its state to another tree; branch and index stay as they are."""
    with blobs.changing(worktree.place.namespace):
        return _begin(worktree, {"head": None, "commit": None, "why": "", "from": state, "to": wanted})


def _begin(worktree: Worktree, plan: dict[str, str | None]) -> list[str]:
    part = worktree.admin / f"{_MOVING}.part"
    part.write_text(json.dumps(plan))
    part.rename(worktree.admin / _MOVING)
    return _carry_out(worktree, plan)


def _carry_out(worktree: Worktree, plan: dict[str, str | None]) -> list[str]:
    """Do what was planned, or the rest of it: every part may be done twice."""
    git, commit = worktree.git, plan["commit"]
    if commit:
        if worktree.head() != commit:
            git.run("update-ref", "-m", plan["why"] or "", "HEAD", commit)
        _turn_index(git, plan["head"], commit)
    kept = _write(worktree, plan["from"] or "", plan["to"] or "")
    git.run("update-index", "-q", "--refresh", ok=(0, 1))
    (worktree.admin / _MOVING).unlink()
    return kept


def _turn_index(git: Git, before: str | None, after: str) -> None:
    """Bring the index from a commit to another one; what was chosen stays so where the commits do not differ."""
    try:
        if before is None:
            raise GitRefused("There is no commit yet.")
        git.run("read-tree", "-i", "-m", before, after)
    except GitRefused:
        git.run("read-tree", "--reset", after)
    leave_out(git)


def _write(worktree: Worktree, before: str, after: str) -> list[str]:
    git = worktree.git
    raw = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", before, after).split(b"\0")[:-1]
    changes = []
    for about, name in zip(raw[::2], raw[1::2], strict=True):
        old_mode, new_mode, old, new, _ = about.decode().removeprefix(":").split(" ")
        changes.append((name.decode(errors="surrogateescape"), old_mode, new_mode, old, new))
    kept = []
    for path, old_mode, new_mode, old, _ in changes:
        if new_mode in (_GONE, _MODULE) and old_mode not in (_GONE, _MODULE) and not _remove(worktree, path, old):
            kept.append(path)
    wanted = [change for change in changes if change[2] not in (_GONE, _MODULE)]
    contents = git.contents([new for *_, new in wanted])
    for (path, old_mode, _, old, new), content in zip(wanted, contents, strict=True):
        if not _put(worktree, path, None if old_mode in (_GONE, _MODULE) else old, new, content):
            kept.append(path)
    return kept


def _remove(worktree: Worktree, path: str, old: str) -> bool:
    """Delete a file that has the content it should have; False where it has another one."""
    with contextlib.suppress(UnsafePath):
        found = files.blob(worktree.place, path)
        if found not in (old, None):
            return False
        files.delete(worktree.place, path)
        _prune(worktree.folder, path)
    return True


def _put(worktree: Worktree, path: str, old: str | None, new: str, content: bytes) -> bool:
    """Write a file that has the content it should have, or none; False where it has another one, or something else is there."""
    with contextlib.suppress(UnsafePath):  # such names are left out of the copy
        found = files.blob(worktree.place, path)
        if found == new:
            return True
        if found != old:
            return False
        try:
            files.write(worktree.place, path, content)
        except NameTaken:
            return False
    return True


def _prune(top: Path, path: str) -> None:
    """Take away the folders that a deleted file leaves empty: Git knows no empty folders."""
    for folder in (top / path).parents:
        if folder == top:
            return
        try:
            folder.rmdir()
        except OSError:
            return
