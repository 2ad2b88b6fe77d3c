"""What was committed: the log with its graph, one commit, who wrote a line, a file as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from namespaces.paths import clean_file
from ui.errors import Missing
from workspace import patches, repositories
from workspace.git import Git
from workspace.patches import Hunk
from workspace.worktrees import Worktree, commit_of

PAGE = 50
_FORM = "%H%x00%P%x00%an%x00%ae%x00%at%x00%s%x00%D%x1e"


class NoSuchCommit(Missing):
    """The repository has no such commit."""


class NoFileThere(Missing):
    """The commit has no such file."""


@dataclass(slots=True)
class Entry:
    """A commit as the log lists it. `lane` is the column of its dot; columns pass it by, come in from above, go out below."""

    id: str
    parents: tuple[str, ...]
    author: str
    email: str
    when: datetime
    subject: str
    names: tuple[str, ...]  # branches and tags that point to it
    lane: int = 0
    passing: list[int] = field(default_factory=list)
    incoming: list[int] = field(default_factory=list)
    outgoing: list[int] = field(default_factory=list)

    @property
    def short(self) -> str:
        return self.id[:7]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, with who wrote it last."""

    number: int
    text: str
    commit: str
    author: str
    when: datetime
    subject: str


@dataclass(frozen=True, slots=True)
class Changed:
    """What a commit did to one file: a letter, and the lines it added and removed (None for what is no text)."""

    path: str
    letter: str
    added: int | None
    removed: int | None


def log(worktree: Worktree, *, path: str = "", skip: int = 0, count: int = PAGE, own: bool = False) -> list[Entry]:
    """The commits of a copy and of the shared branch (`own`: of the copy alone), newest first, or those that changed a path."""
    git = worktree.git.reading()
    ends = [end for end in (worktree.head(), None if own else worktree.upstream()) if end]
    if not ends:
        return []
    inside = ["--", "/".join(clean_file(path))] if path else ["--"]
    shown = ["--decorate-refs=refs/remotes/origin/*", "--decorate-refs=refs/tags/*", f"--decorate-refs={worktree.own}"]
    said = git.text("log", "--topo-order", f"--format={_FORM}", *shown, f"--skip={max(skip, 0)}", f"--max-count={count}", *ends, *inside)
    entries = [_entry(text.lstrip("\n").split("\0"), worktree) for text in said.split("\x1e") if text.strip()]
    if not path:
        draw(entries)
    return entries


def _entry(fields: list[str], worktree: Worktree) -> Entry:
    commit, parents, author, email, when, subject, names = fields
    own = worktree.own.removeprefix("refs/heads/")
    shown = [name.removeprefix("HEAD -> ").removeprefix("tag: ") for name in names.split(", ") if name]
    shown = [worktree.branch if name == own else name for name in shown if name != "HEAD"]
    return Entry(commit, tuple(parents.split()), author, email, datetime.fromtimestamp(int(when), UTC), subject, tuple(shown))


def draw(entries: Sequence[Entry]) -> None:
    """Give each commit its column, and the lines that lead past it and to its parents."""
    lanes: list[str | None] = []  # the commit that each column waits for
    for entry in entries:
        entry.incoming = [column for column, waited in enumerate(lanes) if waited == entry.id]
        entry.lane = entry.incoming[0] if entry.incoming else _take(lanes, entry.id)
        entry.passing = [column for column, waited in enumerate(lanes) if waited not in (None, entry.id)]
        lanes = [None if waited == entry.id else waited for waited in lanes]
        for number, parent in enumerate(entry.parents):
            if number == 0:
                lanes[entry.lane] = parent
            elif parent not in lanes:
                _take(lanes, parent)
        entry.outgoing = [entry.lane if number == 0 else lanes.index(parent) for number, parent in enumerate(entry.parents)]
        while lanes and lanes[-1] is None:
            lanes.pop()


def _take(lanes: list[str | None], commit: str) -> int:
    """The first free column, which from now on waits for this commit."""
    if None not in lanes:
        lanes.append(None)
    column = lanes.index(None)
    lanes[column] = commit
    return column


def changed(worktree: Worktree, commit: str) -> list[Changed]:
    """The files that a commit changed, against the commit before it."""
    git = worktree.git.reading()
    found = known(worktree, commit)
    return between(git, _before(git, found), found)


def between(git: Git, before: str, after: str) -> list[Changed]:
    """The files that differ between two commits or trees."""
    options = ["-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all"]
    numbers = git.run("diff-tree", *options, "--numstat", before, after).decode(errors="replace").split("\0")[:-1]
    letters = git.run("diff-tree", *options, "--name-status", before, after).decode(errors="replace").split("\0")[:-1]
    by_path = dict(zip(letters[1::2], letters[::2], strict=True))
    found = []
    for line in numbers:
        added, removed, path = line.split("\t", 2)
        found.append(Changed(path, by_path[path], *(int(count) if count.isdigit() else None for count in (added, removed))))
    return found


def hunks(worktree: Worktree, commit: str, path: str) -> list[Hunk]:
    """What a commit did to a file, in pieces; none for what is no text."""
    git = worktree.git.reading()
    found = known(worktree, commit)
    return hunks_between(git, _before(git, found), found, path)


def hunks_between(git: Git, before: str, after: str, path: str) -> list[Hunk]:
    """How a file differs between two commits or trees, in pieces; `path` is one that Git told, be it such as no file here may have."""
    return [hunk for hunk, _ in patches.pieces(git.run("diff-tree", "-r", "-p", *patches.OPTIONS, before, after, "--", path))]


def _before(git: Git, commit: str) -> str:
    """The tree before a commit."""
    parent = git.commit_of(f"{commit}^1")
    return git.tree_of(parent) if parent else git.text("mktree")


def entry(worktree: Worktree, commit: str) -> Entry:
    """One commit as the log tells it. Raises `NoSuchCommit`."""
    said = worktree.git.reading().text("log", "-1", f"--format={_FORM}", known(worktree, commit))
    return _entry(said.removesuffix("\x1e").split("\0"), worktree)


def message(worktree: Worktree, commit: str) -> str:
    """The whole message of a commit."""
    return worktree.git.reading().text("show", "-s", "--format=%B", known(worktree, commit)).strip()


def known(worktree: Worktree, commit: str) -> str:
    """The whole id of a commit of the repository. Raises `NoSuchCommit`."""
    if not re.fullmatch(r"[0-9a-f]{4,64}", commit):
        raise NoSuchCommit
    found = worktree.git.commit_of(commit)
    if found is None:
        raise NoSuchCommit
    return found


def file_at(worktree: Worktree, commit: str, path: str) -> bytes:
    """The content of a file as a commit has it. Raises `NoFileThere`."""
    git = worktree.git.reading()
    entry = git.run("ls-tree", "-z", known(worktree, commit), "--", "/".join(clean_file(path))).decode(errors="replace")
    about = entry.partition("\t")[0].split()
    if about[1:2] != ["blob"]:
        raise NoFileThere
    return git.content(about[2])


def before_and_after(worktree: Worktree, commit: str, path: str) -> tuple[bytes | None, bytes | None]:
    """The content of a file before a commit and with it; None where there is none."""
    found = known(worktree, commit)
    sides: list[bytes | None] = []
    for name in (worktree.git.commit_of(f"{found}^1"), found):
        try:
            sides.append(file_at(worktree, name, path) if name else None)
        except NoFileThere:
            sides.append(None)
    return sides[0], sides[1]


def blame(worktree: Worktree, path: str) -> list[Line]:
    """Who wrote each line of a file as it is now; what is not committed has an empty commit. Raises `NoFileThere`."""
    git = worktree.git.reading()
    name = "/".join(clean_file(path))
    if worktree.head() is None or not git.run("ls-files", "-z", "--", name):
        raise NoFileThere("This file was never committed.")
    said = git.run("blame", "--line-porcelain", "--", name).decode(errors="replace")
    lines: list[Line] = []
    about: dict[str, str] = {}
    for text in said.split("\n"):
        if text.startswith("\t"):
            commit = "" if set(about["id"]) == {"0"} else about["id"]
            when = datetime.fromtimestamp(int(about["author-time"]), UTC)
            author = about["author"] if commit else "Not committed"
            lines.append(Line(len(lines) + 1, text[1:], commit, author, when, about.get("summary", "") if commit else ""))
            about = {}
        elif not about:
            about["id"] = text.split(" ")[0]
        else:
            word, _, rest = text.partition(" ")
            about[word] = rest
    return lines


def tags_of(namespace: str) -> list[str]:
    """The tags of the remote, newest first."""
    listed = repositories.store(namespace).text("for-each-ref", "--sort=-creatordate", "--format=%(refname:lstrip=2)", "refs/tags")
    return [name for name in listed.split("\n") if name]


def commit_named(worktree: Worktree, name: str) -> str:
    """The commit of a branch, tag or id."""
    return commit_of(worktree.git, name)
