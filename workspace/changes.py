"""What a person changed in a copy: status, diff, choosing, discarding, commit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from namespaces import files
from namespaces.files import NoSuchFile
from namespaces.models import User
from namespaces.paths import clean_file
from namespaces.services import saving, versions
from namespaces.services.versions import Author
from ui.errors import Conflict, Invalid
from workspace import patches, trees
from workspace.git import KEPT, Git
from workspace.patches import Hunk
from workspace.worktrees import Worktree

LONGEST_MESSAGE = 20_000
MOST_LISTED = 5_000


class NothingChosen(Invalid):
    """Nothing is chosen: choose the files that the commit shall have."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file that differs. `chosen` (for the commit) and `open` (not yet) are letters (A, M, D, R, U), or empty."""

    path: str
    chosen: str
    open: str
    before: str = ""  # the path that it had, where it was renamed

    @property
    def mark(self) -> str:
        """One letter for both."""
        return "A" if self.open == "U" and not self.chosen else self.open or self.chosen

    @property
    def is_new(self) -> bool:
        return self.open == "U"


@dataclass(frozen=True, slots=True)
class Status:
    """Where a copy stands. `ahead` and `behind` count commits beside the shared branch, where the remote has one (`shared`)."""

    branch: str
    head: str
    shared: bool
    ahead: int
    behind: int
    changes: tuple[Change, ...]

    @property
    def chosen(self) -> list[Change]:
        return [change for change in self.changes if change.chosen]


@dataclass(frozen=True, slots=True)
class Difference:
    """What is chosen in a file and what is not yet, in pieces; none of either for what is no text."""

    path: str
    chosen: list[Hunk]
    open: list[Hunk]
    is_new: bool = False


def status(worktree: Worktree) -> Status:
    """What differs, and how far the branch is from the shared one."""
    git = worktree.git
    with trees.working(worktree):
        listed = git.run("status", "--porcelain=v2", "-z", "--untracked-files=all", "--ignore-submodules=all", "--find-renames")
    changes = tuple(_changes(listed.decode(errors="replace").split("\0")))
    head, shared = worktree.head(), worktree.upstream()
    beside = shared or git.commit_of(f"refs/remotes/origin/{worktree.repository.default_branch}")
    ahead = behind = 0
    if head and beside:
        ahead, behind = (int(count) for count in git.text("rev-list", "--left-right", "--count", f"{head}...{beside}").split())
    elif head:
        ahead = int(git.text("rev-list", "--count", head))
    return Status(worktree.branch, head or "", shared is not None, ahead, behind if shared else 0, changes)


def _changes(entries: list[str]) -> list[Change]:
    found, rest = [], iter(entries)
    for entry in rest:
        kind = entry[:1]
        if kind == "?":
            found.append(Change(entry[2:], "", "U"))
        elif kind == "1":
            fields = entry.split(" ", 8)
            found.append(Change(fields[8], *_letters(fields[1])))
        elif kind == "2":
            fields = entry.split(" ", 9)
            found.append(Change(fields[9], *_letters(fields[1]), before=next(rest)))
    return sorted(found, key=lambda change: change.path)


def _letters(pair: str) -> tuple[str, str]:
    chosen, opened = (letter.replace(".", "").replace("T", "M") for letter in pair)
    return chosen, opened


def sides(worktree: Worktree, path: str) -> tuple[bytes | None, bytes | None]:
    """The content of a file in the last commit and now; None where there is none."""
    path = "/".join(clean_file(path))
    git, head = worktree.git, worktree.head()
    before = git.text("ls-tree", head, "--", path).split() if head else []
    old = git.content(before[2]) if before[1:2] == ["blob"] else None
    try:
        return old, files.read(worktree.place, path)
    except NoSuchFile:
        return old, None


def hunks(worktree: Worktree, path: str, *, chosen: bool = False) -> list[Hunk]:
    """The pieces of what is not yet chosen in a file, or of what is `chosen`."""
    return [hunk for hunk, _ in _pieces(worktree.git.reading(), "/".join(clean_file(path)), chosen)]


def difference(worktree: Worktree, path: str) -> Difference:
    """How a file differs from the last commit."""
    path = "/".join(clean_file(path))
    git = worktree.git.reading()
    found = Difference(path, *([hunk for hunk, _ in _pieces(git, path, chosen)] for chosen in (True, False)))
    if found.chosen or found.open or git.run("ls-files", "-z", "--", path) or files.blob(worktree.place, path) is None:
        return found
    text = saving.text_of(files.read(worktree.place, path))
    return Difference(path, [], [patches.whole(text)] if text else [], is_new=True)


def counts(worktree: Worktree) -> dict[str, tuple[int, int]]:
    """Lines that were added to and removed from each file of the last commit that differs; not for what is no text."""
    git = worktree.git.reading()
    if worktree.head() is None:
        return {}
    listed = git.run("diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "HEAD", "--")
    found = {}
    for line in listed.decode(errors="replace").split("\0")[:-1]:
        added, removed, path = line.split("\t", 2)
        if added.isdigit():
            found[path] = (int(added), int(removed))
    return found


def _pieces(git: Git, path: str, chosen: bool) -> list[tuple[Hunk, bytes]]:
    """Each piece with a patch of it alone."""
    return patches.pieces(git.run("diff", *(["--cached"] if chosen else []), *patches.OPTIONS, "--", path))


def choose(worktree: Worktree, paths: Sequence[str]) -> None:
    """Take files, as they are now, into what the next commit has; all of them without paths."""
    with trees.working(worktree) as git:
        git.run("add", "--all", "--", *(_clean(paths) or ["."]))


def unchoose(worktree: Worktree, paths: Sequence[str]) -> None:
    """Take files out of what the next commit has; the files stay as they are."""
    with trees.working(worktree) as git:
        if worktree.head():
            git.run("reset", "--quiet", "--", *(_clean(paths) or ["."]), ok=(0, 1))
        else:
            git.run("rm", "-r", "--cached", "--quiet", "--force", "--ignore-unmatch", "--", *(_clean(paths) or ["."]))


def choose_hunk(worktree: Worktree, path: str, hunk: str, *, back: bool = False) -> None:
    """Take one piece of a file into the next commit, or with `back` out of it. Conflict where the file has changed meanwhile."""
    path = "/".join(clean_file(path))
    with trees.working(worktree) as git:
        patch = _patch(git, path, hunk, back)
        git.run("apply", "--cached", "--recount", "--whitespace=nowarn", *(["--reverse"] if back else []), data=patch)


def _patch(git: Git, path: str, hunk: str, chosen: bool) -> bytes:
    """The patch of one piece alone."""
    patch = next((patch for found, patch in _pieces(git, path, chosen) if found.id == hunk), None)
    if patch is None:
        raise Conflict(f"{path} has changed meanwhile: look at it again.")
    return patch


def discard_hunk(worktree: Worktree, path: str, hunk: str) -> str:
    """Take back one piece of a file that is not chosen. What the file had is in its history; answers the commit that keeps it, as `discard`
    does. Conflict where the file has changed meanwhile."""
    path = "/".join(clean_file(path))
    with trees.working(worktree) as git:
        patch = _patch(git, path, hunk, False)
        kept = trees.keep(worktree, f"Discarded: a piece of {path[:500]}")
        if kept is None:
            raise Invalid("There is nothing to discard in this file.")
        state = git.tree_of(kept)
        target = trees.without(worktree, state, patch)
        if files.exists(worktree.place, path):
            versions.record(worktree.place, [path])
        trees.restore(worktree, state, target)
    return kept


def discard(worktree: Worktree, paths: Sequence[str]) -> str:
    """Bring files back to the last commit. What they had is in their history, and in the trash where the commit has no such file;
    answers the commit that keeps all of it too, for `bring_back`."""
    wanted = _clean(paths)
    if not wanted:
        raise Invalid("Choose at least one file to discard.")
    with trees.working(worktree) as git:
        head = worktree.head()
        kept = trees.keep(worktree, f"Discarded: {', '.join(wanted)[:500]}")
        if kept is None:
            raise Invalid("There is nothing to discard in these files.")
        state = git.tree_of(kept)
        answers = _committed(git, state, git.tree_of(head) if head else git.text("mktree"), wanted)
        target = trees.with_answers(worktree, state, answers)
        if head:
            git.run("reset", "--quiet", "--", *wanted, ok=(0, 1))
        else:
            git.run("rm", "-r", "--cached", "--quiet", "--force", "--ignore-unmatch", "--", *wanted)
        versions.record(worktree.place, [clash.path for clash, blob in answers if blob])
        versions.delete_all(worktree.place, [clash.path for clash, blob in answers if blob is None], author=Author(worktree.user))
        trees.restore(worktree, state, target)
    return kept


def _committed(git: Git, state: str, before: str, wanted: Sequence[str]) -> list[tuple[trees.Clash, trees.Blob | None]]:
    """What the tree `before` has at these paths, and below them, where it differs from `state`."""
    raw = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", state, before).split(b"\0")[:-1]
    found: list[tuple[trees.Clash, trees.Blob | None]] = []
    for about, name in zip(raw[::2], raw[1::2], strict=True):
        path = name.decode(errors="surrogateescape")
        if any(path == one or path.startswith(f"{one}/") for one in wanted):
            _, mode, _, sha, _ = about.decode().split(" ")
            found.append((trees.Clash(path, None, None, None), None if mode == "000000" else (mode, sha)))
    return found


def bring_back(worktree: Worktree, kept: str) -> list[str]:
    """Bring back what `discard` took away, on top of what is there now; answers files that have changed since and stay as they are."""
    with trees.working(worktree) as git:
        mine = git.text("for-each-ref", "--format=%(objectname)", f"{KEPT}/{worktree.user.pk}/").split()
        if kept not in mine:
            raise Invalid("What was discarded is not kept under this name.")
        state, old = trees.snapshot(worktree), git.tree_of(kept)
        parent = git.commit_of(f"{kept}^1")
        before = git.tree_of(parent) if parent else git.text("mktree")
        target, clashes = trees.merged(git, before, state, old)
        target = trees.with_answers(worktree, target, [(clash, clash.ours) for clash in clashes])
        trees.restore(worktree, state, target)
    return [clash.path for clash in clashes]


def commit(worktree: Worktree, *, message: str, sign_off: bool = False, amend: bool = False) -> str:
    """Commit what is chosen, in the name of whose copy it is; answers the commit. `amend` replaces their last one, if it was not pushed,
    and keeps its message where none is given."""
    with trees.working(worktree) as git:
        head = worktree.head()
        if amend and head and not message.strip():
            message = git.text("show", "-s", "--format=%B", head)
        text = _message(message, worktree.user, sign_off)
        tree = git.text("write-tree")
        parents = [head] if head else []
        who = person(worktree.user)
        by = git.by(*who)
        if amend:
            parents, by = _amended(worktree, git, head)
        elif tree == (git.tree_of(head) if head else git.text("mktree")):
            raise NothingChosen
        arguments = [part for parent in parents for part in ("-p", parent)]
        made = by.text("commit-tree", tree, *arguments, "-F", "-", data=text.encode())
        first = text.partition("\n")[0][:100]
        git.run("update-ref", "-m", f"commit{' (amend)' if amend else ''}: {first}", "HEAD", made, head or "0" * 40)
    return made


def may_amend(worktree: Worktree) -> bool:
    """Whether the last commit is this person's, and nobody else can have it yet."""
    try:
        _amended(worktree, worktree.git.reading(), worktree.head())
    except Invalid:
        return False
    return True


def _amended(worktree: Worktree, git: Git, head: str | None) -> tuple[list[str], Git]:
    if head is None:
        raise Invalid("There is no commit to amend yet.")
    if git.text("for-each-ref", "--count=1", f"--contains={head}", "refs/remotes/origin"):
        raise Invalid("The last commit was pushed: others may have it, so it is not changed any more. Make a new one.")
    name, email, date, parents = git.text("show", "-s", "--format=%an%x00%ae%x00%ad%x00%P", "--date=raw", head).split("\0")
    if email != person(worktree.user)[1]:
        raise Invalid(f"The last commit is by {name}: only your own can be amended.")
    return parents.split(), git.by(*person(worktree.user), author=(name, email, date))


def template(worktree: Worktree) -> str:
    """What a message begins with: the file `.gitmessage` at the top of the repository, without its comments."""
    try:
        text = saving.text_of(files.read(worktree.place, ".gitmessage")) or ""
    except NoSuchFile:
        return ""
    return "\n".join(line for line in text[:LONGEST_MESSAGE].splitlines() if not line.startswith("#")).strip()


def person(user: User) -> tuple[str, str]:
    """Name and address as a commit has them."""
    name = re.sub(r"[<>\x00-\x1f\x7f]+", " ", user.name or "").strip() or user.email.partition("@")[0]
    return name, re.sub(r"[<>\s\x00-\x1f\x7f]+", "", user.email)


def _message(message: str, user: User, sign_off: bool) -> str:
    text = "\n".join(line.rstrip() for line in message.replace("\r\n", "\n").replace("\0", "").strip().split("\n"))
    if not text:
        raise Invalid("Say in a message what the commit changes.")
    if len(text) > LONGEST_MESSAGE:
        raise Invalid(f"A message has at most {LONGEST_MESSAGE} characters.")
    trailer = "Signed-off-by: {} <{}>".format(*person(user))
    if sign_off and trailer not in text:
        last = text.rpartition("\n")[2]
        text += ("\n" if re.match(r"[A-Z][A-Za-z-]+-by: ", last) else "\n\n") + trailer
    return text + "\n"


def _clean(paths: Sequence[str]) -> list[str]:
    return ["/".join(clean_file(path)) for path in paths]
