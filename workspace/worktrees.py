"""A worktree for each person and branch: a folder of its own with a local branch of that person, and one store of objects for all.

The folder holds no `.git`: what Git knows of it (branch, index, log) lies in the store, where no path of a file leads to.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from namespaces import rights
from namespaces.files import Place, TooLarge
from namespaces.models import Repository, Role, User
from namespaces.paths import UnsafePath, clean_file, namespace_folders
from ui.errors import Conflict, Missing
from ui.formats import size as size_text
from workspace import repositories
from workspace.git import Git, locked
from workspace.models import Worktree as Row

WORK = "_work"


class NoSuchBranch(Missing):
    """The repository has no such branch."""


@dataclass(frozen=True, slots=True)
class Worktree:
    """One person's copy of one branch."""

    repository: Repository
    user: User
    branch: str
    slug: str

    @property
    def place(self) -> Place:
        """Where its files are read and written."""
        return Place(self.repository.namespace, (WORK, str(self.user.pk), self.slug))

    @property
    def project(self) -> Place:
        """The part of it that stands for the namespace's own files."""
        inside = tuple(part for part in self.repository.directory.split("/") if part)
        return Place(self.repository.namespace, (*self.place.base, *inside))

    @property
    def folder(self) -> Path:
        return Path(settings.KESTRA_STORAGE).joinpath(*namespace_folders(self.place.namespace), *self.place.base)

    @property
    def own(self) -> str:
        """The local branch: Git refuses one branch in two worktrees, so each person has their own."""
        return f"refs/heads/u/{self.user.pk}/{self.branch}"

    @property
    def shared(self) -> str:
        """The branch of the remote, as it was when it was last fetched."""
        return f"refs/remotes/origin/{self.branch}"

    @property
    def admin(self) -> Path:
        """What Git knows of this copy."""
        return repositories.folder_of(self.repository.namespace) / "worktrees" / f"{self.user.pk}-{self.slug}"

    @property
    def git(self) -> Git:
        """Git in this copy."""
        return Git(self.admin, self.folder)

    @contextmanager
    def alone(self) -> Iterator[Git]:
        """Git in this copy, while nobody else changes it: whoever writes its files by another way holds this too."""
        with locked(repositories.folder_of(self.repository.namespace) / "locks" / f"{self.user.pk}-{self.slug}"):
            yield self.git

    def head(self) -> str | None:
        """The newest commit of the local branch; None where there is none yet."""
        return self.git.commit_of("HEAD")

    def upstream(self) -> str | None:
        """The newest commit of the branch that the store knows of the remote; None where the remote has no such branch."""
        return self.git.commit_of(self.shared)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Someone who has a copy of a branch, and the files that they changed and did not push."""

    user: User
    branch: str
    files: tuple[str, ...]


def slug_of(branch: str) -> str:
    """A name for a folder that no other branch has."""
    if re.fullmatch(r"[a-z][a-z0-9]{0,30}", branch):
        return branch
    readable = re.sub(r"[^a-z0-9]+", "-", branch.lower()).strip("-")[:30]
    return f"{readable}-{hashlib.sha256(branch.encode()).hexdigest()[:10]}"


def find(*, user: User, namespace: str, branch: str = "") -> Worktree:
    """The copy of a branch (the default branch without a name), made when this person has none yet. Raises `NoSuchBranch`."""
    rights.require(user, namespace, Role.MEMBER)
    row = repositories.find(namespace)
    name = repositories.branch_name(branch or row.default_branch)
    worktree = Worktree(row, user, name, slug_of(name))
    if not (worktree.admin / "ready").exists():
        _make(worktree)
    Row.objects.filter(namespace=namespace, user=user, branch=name).update(opened=timezone.now())
    return worktree


def create(*, user: User, namespace: str, branch: str, start: str = "") -> Worktree:
    """A new branch, here only until it is pushed. It begins at `start`, a branch of the remote or a commit (the default branch without)."""
    rights.require(user, namespace, Role.MEMBER)
    row = repositories.find(namespace)
    name = repositories.branch_name(branch)
    worktree = Worktree(row, user, name, slug_of(name))
    store = repositories.store(namespace)
    if store.commit_of(worktree.shared) or store.commit_of(worktree.own):
        raise Conflict(f"There is a branch {name} already: switch to it, or choose another name.")
    commit = commit_of(store, start or row.default_branch)
    store.run("update-ref", "-m", f"branch: Created from {start or row.default_branch}", worktree.own, commit, "")
    return find(user=user, namespace=namespace, branch=name)


def commit_of(store: Git, name: str) -> str:
    """The commit that a branch of the remote, a tag or an id stands for. Raises `NoSuchBranch`."""
    if re.fullmatch(r"[0-9a-f]{4,64}", name) and (found := store.commit_of(name)):
        return found
    name = repositories.branch_name(name)
    found = store.commit_of(f"refs/remotes/origin/{name}") or store.commit_of(f"refs/tags/{name}")
    if found is None:
        raise NoSuchBranch(f"The repository has no branch, tag or commit {name}: fetch, or choose another.")
    return found


def of_person(*, user: User, namespace: str) -> list[Worktree]:
    """The copies that a person has, what they looked at last first."""
    row = repositories.find(namespace)
    mine = Row.objects.filter(namespace=namespace, user=user).order_by("-opened")
    return [Worktree(row, user, found.branch, found.slug) for found in mine]


def others(worktree: Worktree) -> list[Elsewhere]:
    """Who else has a copy of the same branch, and which files they changed."""
    rows = Row.objects.filter(namespace=worktree.repository.namespace, branch=worktree.branch).exclude(user=worktree.user)
    found = []
    for row in rows.select_related("user").order_by("-opened")[:20]:
        theirs = Worktree(worktree.repository, row.user, row.branch, row.slug)
        if (theirs.admin / "ready").exists():
            found.append(Elsewhere(row.user, row.branch, tuple(_changed(theirs))))
    return found


def _changed(worktree: Worktree) -> list[str]:
    """The paths that a person changed since the shared branch, committed or not."""
    git, paths = worktree.git.reading(), set()
    base = git.text("merge-base", "HEAD", worktree.shared, ok=(0, 1, 128))
    if base and git.commit_of("HEAD"):
        paths |= set(git.text("diff", "-z", "--name-only", "--no-renames", "--ignore-submodules=all", base, "--").split("\0"))
    paths |= set(git.text("ls-files", "-z", "--others", "--exclude-standard").split("\0"))
    return sorted(paths - {""})[:50]


def _make(worktree: Worktree) -> None:
    """Make folder, local branch and index, or finish what was begun before. Raises `NoSuchBranch`."""
    row = worktree.repository
    store = repositories.store(row.namespace)
    with worktree.alone() as git:
        if (worktree.admin / "ready").exists():
            return
        start = store.commit_of(worktree.own) or store.commit_of(worktree.shared)
        if start is None and not (worktree.branch == row.default_branch and not repositories.branches(row.namespace)):
            raise NoSuchBranch(f"The repository has no branch {worktree.branch}: fetch, or make it.")
        if start:
            check_size(store, start)
        _describe(worktree)
        if start:
            store.run("update-ref", worktree.own, start)
            git.run("read-tree", "--reset", start)
            leave_out(git)
            git.run("checkout-index", "--all", "--force", "--quiet", ok=(0, 1))
            git.run("update-index", "-q", "--refresh", ok=(0, 1))
        else:
            git.run("read-tree", "--empty")
        Row.objects.get_or_create(
            namespace=row.namespace, user=worktree.user, branch=worktree.branch, defaults={"slug": worktree.slug}
        )  # fmt: skip
        (worktree.admin / "ready").touch()


def check_size(git: Git, commit: str) -> None:
    """Raise `TooLarge` for a commit whose files nobody here has room for: one small object can be the content of a thousand files."""
    most = 10 * int(settings.KESTRA_LIMITS["upload_bytes"])  # as what a zip archive may hold
    listed = git.run("ls-tree", "-r", "-l", "-z", "--full-tree", commit).split(b"\0")[:-1]
    sizes = (entry.partition(b"\t")[0].split()[3] for entry in listed)
    if sum(int(size) for size in sizes if size != b"-") > most:
        raise TooLarge(f"The files of this commit take more than {size_text(most)}: clone it where there is room, and make it smaller.")


def _describe(worktree: Worktree) -> None:
    """Write down for Git that there is a worktree."""
    worktree.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    admin = worktree.admin
    admin.mkdir(parents=True, exist_ok=True)
    (admin / "HEAD").write_text(f"ref: {worktree.own}\n")
    (admin / "commondir").write_text("../..\n")
    (admin / "gitdir").write_text(f"{worktree.folder}/.git\n")
    (admin / "locked").write_text("kept by the server\n")


def leave_out(git: Git) -> None:
    """Mark in the index what has no file here: submodules, and names that a namespace file cannot have. Git then takes none for deleted."""
    entries = git.run("ls-files", "-z", "--stage").split(b"\0")[:-1]
    names = [name for about, _, name in (entry.partition(b"\t") for entry in entries) if about.startswith(b"160000") or not _is_name(name)]
    if names:
        git.run("update-index", "-z", "--skip-worktree", "--stdin", data=b"".join(name + b"\0" for name in names))


def _is_name(name: bytes) -> bool:
    try:
        clean_file(name.decode())
    except (UnsafePath, UnicodeDecodeError):
        return False
    return True
