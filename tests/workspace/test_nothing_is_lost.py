"""Whatever three people do in any order, with crashes in between: every content that anyone saved can still be reached."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest

from namespaces import blobs, files
from namespaces.models import FileVersion, Role, User
from namespaces.services import versions
from namespaces.services.versions import Author
from plugins.git._trees import blob_id
from tests import builders
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import NAMESPACE
from ui.errors import KestraError
from workspace import changes, git, merging, removing, repositories, sharing, worktrees
from workspace.worktrees import Worktree

pytestmark = pytest.mark.django_db
PATHS = ["a.sql", "b.sql", "models/c.sql", "models/d/e.sql", "models/d", "f.csv"]
BRANCHES = ["main", "dev", "feature/x"]


class Crash(BaseException):
    """The process dies here."""


class Team:
    """Three people at work on one repository."""

    def __init__(self, seed: int, people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
        self.random, self.people, self.monkeypatch = random.Random(seed), people, monkeypatch
        self.saved: dict[str, str] = {}  # ids of contents, and what they say
        self.counter = 0
        self.done: list[str] = []

    def step(self) -> None:
        person = self.random.choice(self.people)
        tree = self._copy(person)
        if tree is None:
            return
        acts: list[Callable[[Worktree], object]] = [
            self.edit, self.edit, self.edit, self.rename, self.delete, self.commit, self.commit, self.pull, self.pull, self.push, self.push,
            self.discard, self.bring_back, self.decide, self.cancel, self.choose_some, self.merge_other, self.revert, self.amend,
            self.discard_piece, self.remove, self.make_again,
        ]  # fmt: skip
        act = self.random.choice(acts)
        self.done.append(f"{person.name} {act.__name__} {tree.branch}")
        crashes = self.random.random() < 0.15
        with self.monkeypatch.context() as patch, suppress(KestraError, Crash):
            if crashes:
                self._crash(patch)
            act(tree)

    def _copy(self, person: User) -> Worktree | None:
        branch = self.random.choice(BRANCHES)
        with suppress(KestraError):
            return worktrees.find(user=person, namespace=NAMESPACE, branch=branch)
        with suppress(KestraError):
            return worktrees.create(user=person, namespace=NAMESPACE, branch=branch)
        return None

    def _crash(self, patch: pytest.MonkeyPatch) -> None:
        """The process dies before one of the next commands, or before one of the next files is written."""
        left = [self.random.randrange(1, 14)]
        run, write, delete = git.ended, files.write, files.delete

        def counted(call: Callable[..., object]) -> Callable[..., object]:
            def inner(*arguments: object, **named: object) -> object:
                left[0] -= 1
                if left[0] == 0:
                    raise Crash
                return call(*arguments, **named)

            return inner

        patch.setattr(git, "ended", counted(run))
        patch.setattr(repositories, "ended", counted(run))
        patch.setattr(files, "write", counted(write))
        patch.setattr(files, "delete", counted(delete))

    def edit(self, tree: Worktree) -> None:
        self.counter += 1
        path = self.random.choice(PATHS)
        there = files.exists(tree.place, path) and not files.stats(tree.place, path).is_directory
        old = files.read(tree.place, path).decode() if there else ""
        lines = old.splitlines() or [f"line {number}" for number in range(12)]
        lines[self.random.randrange(len(lines))] = f"{tree.user.name} wrote {self.counter}"
        text = "\n".join(lines) + "\n"
        versions.write(tree.place, path, text.encode(), author=Author(tree.user))
        self.saved[blob_id(text.encode())] = text

    def rename(self, tree: Worktree) -> None:
        versions.move(tree.place, self.random.choice(PATHS), f"moved/{self.counter}.sql", author=Author(tree.user))

    def delete(self, tree: Worktree) -> None:
        versions.delete(tree.place, self.random.choice(PATHS), author=Author(tree.user))

    def commit(self, tree: Worktree) -> None:
        changes.choose(tree, [])
        changes.commit(tree, message=f"change {self.counter}")

    def amend(self, tree: Worktree) -> None:
        changes.choose(tree, [])
        changes.commit(tree, message=f"amended {self.counter}", amend=True)

    def choose_some(self, tree: Worktree) -> None:
        changes.choose(tree, [self.random.choice(PATHS)])

    def pull(self, tree: Worktree) -> None:
        merging.pull(tree, how=self.random.choice(["merge", "rebase"]))  # type: ignore[arg-type]

    def merge_other(self, tree: Worktree) -> None:
        merging.merge(tree, self.random.choice(BRANCHES))

    def revert(self, tree: Worktree) -> None:
        merging.revert(tree, tree.head() or "")

    def push(self, tree: Worktree) -> None:
        sharing.push(tree)

    def decide(self, tree: Worktree) -> None:
        for clash in merging.outcome(tree).clashes:
            if self.random.random() < 0.5:
                merging.resolve(tree, clash.path, side=self.random.choice(["ours", "theirs"]))  # type: ignore[arg-type]
            else:
                self.counter += 1
                text = f"decided {self.counter}\n"
                merging.resolve(tree, clash.path, content=text.encode())
                self.saved[blob_id(text.encode())] = text
        merging.finish(tree)

    def cancel(self, tree: Worktree) -> None:
        if self.random.random() < 0.3:
            merging.cancel(tree)

    def discard(self, tree: Worktree) -> None:
        changes.discard(tree, [self.random.choice(PATHS)])

    def discard_piece(self, tree: Worktree) -> None:
        path = self.random.choice(PATHS)
        if found := changes.hunks(tree, path):
            changes.discard_hunk(tree, path, self.random.choice(found).id)

    def remove(self, tree: Worktree) -> None:
        removing.remove(tree, anyway=self.random.random() < 0.5)

    def make_again(self, tree: Worktree) -> None:
        removed = removing.removed(user=tree.user, namespace=NAMESPACE)
        if removed:
            removing.bring_back(user=tree.user, namespace=NAMESPACE, kept=self.random.choice(removed).kept)

    def bring_back(self, tree: Worktree) -> None:
        kept = tree.git.text("for-each-ref", "--format=%(objectname)", f"refs/kestra/kept/{tree.user.pk}/").split()
        if kept:
            changes.bring_back(tree, self.random.choice(kept))


def reachable() -> set[str]:
    """Every object of the store that a reference, a log or an index leads to."""
    found: set[str] = set()
    store = repositories.folder_of(NAMESPACE)
    listed = ["git", "--git-dir", str(store), "rev-list", "--objects", "--all", "--reflog", "--indexed-objects"]
    found |= {line.split(" ")[0] for line in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()}
    return found


@pytest.mark.parametrize("seed", range(3))
def test_every_saved_content_is_reachable(bound: Remote, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    play(bound, seed, 60, monkeypatch)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100, 120))
def test_every_saved_content_is_reachable_for_long(bound: Remote, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    play(bound, seed, 400, monkeypatch)


def play(bound: Remote, seed: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [builders.person(name) for name in ("ada", "bob", "cleo")]
    for person in people:
        builders.member(person, Role.MEMBER, NAMESPACE)
    bound.commit({"models/d/e.sql": "".join(f"line {number}\n" for number in range(12))})
    team = Team(seed, people, monkeypatch)
    for _ in range(steps):
        team.step()
    assert team.saved, team.done
    overwritten = everything()
    lost = [text for sha, text in team.saved.items() if sha not in overwritten]
    assert lost == [], team.done
    for row in people:
        for tree in worktrees.of_person(user=row, namespace=NAMESPACE):
            changes.status(tree)  # none is left in a state that Git cannot read


def everything() -> set[str]:
    """Contents in files of copies, in what Git reaches, and in their histories, which tell what they held and what lies in the trash."""
    found = reachable()
    top = repositories.folder_of(NAMESPACE).parent
    found |= {blob_id(path.read_bytes()) for path in (top / "_work").rglob("*") if path.is_file()}
    told = set(FileVersion.objects.filter(namespace=NAMESPACE).values_list("blob", flat=True))
    return found | {blob for blob in told if blob_id(blobs.read(NAMESPACE, blob)) == blob}
