"""Removing a copy with its local branch. What was only there is kept by a commit on no branch, from which it can be made again."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from namespaces import blobs
from namespaces.models import Draft, User
from namespaces.services import versions
from ui.errors import Conflict, Invalid
from workspace import changes, repositories, trees, worktrees
from workspace.git import KEPT, Git
from workspace.models import Worktree as Row
from workspace.worktrees import Worktree

_SUBJECT = "Removed: "
MOST_LISTED = 20


class NotThere(Invalid):
    """You have no copy of this branch."""


class StillNeeded(Conflict):
    """Something is only in this copy: commit and push it first, or remove the copy anyway."""


class NotKept(Invalid):
    """This copy is not kept any more."""


@dataclass(frozen=True, slots=True)
class Only:
    """What is nowhere but in a copy: files that are not committed, the subjects of commits that were not pushed, texts that were typed and
    not saved."""

    files: list[str]
    commits: list[str]
    drafts: list[str]

    def __bool__(self) -> bool:
        return bool(self.files or self.commits or self.drafts)


@dataclass(frozen=True, slots=True)
class Removed:
    """A copy that was removed and can be made again from the commit `kept`."""

    kept: str
    branch: str
    stamp: int

    @property
    def when(self) -> datetime:
        return datetime.fromtimestamp(self.stamp / 1e9, UTC)


def mine(*, user: User, namespace: str, branch: str) -> Worktree:
    """The copy that a person has already. Raises `NotThere`."""
    found = next((one for one in worktrees.of_person(user=user, namespace=namespace) if one.branch == branch), None)
    if found is None or not (found.admin / "ready").exists():
        raise NotThere
    return found


def only_there(worktree: Worktree) -> Only:
    """What would be lost to whoever does not know that it is kept."""
    status, head = changes.status(worktree), worktree.head()
    commits = worktree.git.text("log", "--format=%h %s", head, "--not", "--remotes=origin").splitlines() if head else []
    drafts = Draft.objects.filter(namespace=worktree.place.namespace, place=worktree.place.key, person=worktree.user)
    return Only([change.path for change in status.changes], commits, sorted(drafts.values_list("path", flat=True)))


def remove(worktree: Worktree, *, anyway: bool = False) -> str:
    """Remove a copy and its local branch; answers the commit that keeps it, for `bring_back`. Drafts stay for whoever makes it again.

    Raises `StillNeeded` where something is only there, unless it is to be removed `anyway`.
    """
    if not anyway and only_there(worktree):
        raise StillNeeded
    with trees.working(worktree) as git:
        head = worktree.head()
        if head is None:
            raise Conflict("There is no commit in this copy yet: nothing to make it again from.")
        ignored = git.run("ls-files", "-z", "--others", "--ignored", "--exclude-standard").decode(errors="surrogateescape").split("\0")
        versions.record(worktree.place, [path for path in ignored if path and path.isprintable()])
        with blobs.changing(worktree.place.namespace):  # whoever saves meanwhile waits, and then has no copy
            kept = _keep(worktree, git, head)
            _take_away(worktree)
    return kept


def _take_away(worktree: Worktree) -> None:
    """From the end: what a crash leaves is made again from the branch when somebody looks at it."""
    (worktree.admin / "ready").unlink()
    Row.objects.filter(namespace=worktree.place.namespace, user=worktree.user, branch=worktree.branch).delete()
    shutil.rmtree(worktree.folder)
    repositories.store(worktree.place.namespace).run("update-ref", "-d", worktree.own)
    shutil.rmtree(worktree.admin)


def _keep(worktree: Worktree, git: Git, head: str) -> str:
    """A commit of the state of the copy, after which come the branch, what is chosen, and commits that only the logs of the copy know."""
    chosen = git.text("commit-tree", git.text("write-tree"), "-p", head, "-m", "What was chosen")
    parents = [part for parent in (head, chosen, *_logged(worktree, git, head)) for part in ("-p", parent)]
    made = git.text("commit-tree", trees.snapshot(worktree), *parents, "-m", f"{_SUBJECT}{worktree.branch}")
    git.run("update-ref", f"{KEPT}/{worktree.user.pk}/{time.time_ns()}", made)
    return made


def _logged(worktree: Worktree, git: Git, head: str) -> list[str]:
    """The newest of the commits that were amended or rebased away: the logs that name them go with the copy."""
    known = {sha for name in ("HEAD", worktree.own) for sha in git.text("log", "-g", "--format=%H", name, "--", ok=(0, 128)).split()}
    rows = git.text("rev-list", "--parents", "--stdin", data="\n".join([*known, f"^{head}"]).encode()).splitlines()
    found = [row.split() for row in rows]
    return sorted({row[0] for row in found} - {parent for row in found for parent in row[1:]})


def removed(*, user: User, namespace: str) -> list[Removed]:
    """The copies that a person removed and did not bring back, the latest of each branch."""
    found: dict[str, Removed] = {}
    for one in _kept(user, namespace):
        found.setdefault(one.branch, one)
    return list(found.values())[:MOST_LISTED]


def bring_back(*, user: User, namespace: str, kept: str) -> Worktree:
    """Make a copy again as it was when it was removed. Raises `NotKept`, and `Conflict` where there is a copy of that branch again."""
    found = next((one for one in _kept(user, namespace) if one.kept == kept), None)
    if found is None:
        raise NotKept
    branch, store = found.branch, repositories.store(namespace)
    worktree = Worktree(repositories.find(namespace), user, branch, worktrees.slug_of(branch))
    if store.commit_of(worktree.own):
        raise Conflict(f"You have a copy of {branch} again: remove that first.")
    store.run("update-ref", "-m", "branch: Made again", worktree.own, f"{kept}^1", "")
    worktree = worktrees.find(user=user, namespace=namespace, branch=branch)
    with trees.working(worktree) as git:
        trees.restore(worktree, git.tree_of("HEAD"), git.tree_of(kept))
    _mark(store, user, found)
    return worktree


def _mark(store: Git, user: User, found: Removed) -> None:
    """Keep it under another name, as not all of it is in the copy again: what was chosen, and what only logs knew."""
    parents = [part for parent in store.text("show", "-s", "--format=%P", found.kept).split() for part in ("-p", parent)]
    made = store.text("commit-tree", store.tree_of(found.kept), *parents, "-m", f"Brought back: {found.branch}")
    top = f"{KEPT}/{user.pk}"
    orders = [f"create {top}/{time.time_ns()} {made}\n", f"delete {top}/{found.stamp} {found.kept}\n"]
    store.run("update-ref", "--stdin", data="".join(orders).encode())


def _kept(user: User, namespace: str) -> list[Removed]:
    """Every copy that a person removed and that is still kept, the latest first."""
    form = "--format=%(objectname) %(refname:lstrip=4) %(contents:subject)"
    rows = repositories.store(namespace).text("for-each-ref", "--sort=-refname", form, f"{KEPT}/{user.pk}/").splitlines()
    found = [row.split(" ", 2) for row in rows]
    return [
        Removed(sha, subject.removeprefix(_SUBJECT), int(stamp))
        for sha, stamp, subject in found
        if subject.startswith(_SUBJECT)
    ]
