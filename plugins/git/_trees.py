"""Branches of a remote as trees of blobs, in a repository without a working tree.

Nothing is ever checked out: no filter, link or hook of the repository gets a chance, and only what differs is read.
"""

from __future__ import annotations

import codecs
import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from plugins.contract import RunContext, TaskFailed
from plugins.git._child import MOST
from plugins.git._kept import kept
from plugins.git._repository import Access, Git, GitFailed, RefMissing, opened, safe_name

IGNORE = ".kestraignore"  # at the top of a folder: what is left out of it, in the syntax of .gitignore
NOTHING = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # the tree without files
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_LINK, _MODULE = "120000", "160000"
MOST_LINKS = 8  # links that one path may lead through
MOST_PUSHES = 5  # times that a push is tried against others who push
OURS = re.compile(r"\.git|git~\d+", re.IGNORECASE)  # where Git keeps its own things, as Windows and macOS would read it, too
_MOVED = re.compile(r"non-fast-forward|fetch first|cannot lock ref|stale info|reference already exists|incorrect old value", re.IGNORECASE)
_HUNK = re.compile(rb"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", re.MULTILINE)


def blob_id(content: bytes) -> str:
    """The name that Git gives to this content."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of a tree: its mode (`100644`, `100755`) and the id of its content; links are followed within the tree."""

    mode: str
    sha: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does to one file: lines added, deleted and changed."""

    file: str
    additions: int
    deletions: int
    changes: int

    def row(self) -> dict[str, str]:
        """As Kestra writes it."""
        return {"file": self.file, "additions": f"+{self.additions}", "deletions": f"-{self.deletions}", "changes": str(self.changes)}


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes a commit."""

    name: str = "Kestra Web"
    email: str = "kestra-web@localhost"

    def __post_init__(self) -> None:
        if any(sign in self.name + self.email for sign in "<>\n\0") or not self.name.strip():
            raise TaskFailed(f"'{self.name} <{self.email}>' is no valid author of a commit", retryable=False)


class PushRefused(TaskFailed):
    """The remote took the commit for an old one: the branch has moved."""


@contextmanager
def reading(context: RunContext, access: Access) -> Iterator[Trees]:
    """The branches of a remote, in a repository that may know of them from an earlier task."""
    with kept(context.settings.home, access) as repository, opened(context, access, context.working_dir, repository) as git:
        yield Trees(git, access.url)


class Trees:
    """The branches of one remote, over a `Git` whose repository is new or was made here."""

    def __init__(self, git: Git, url: str) -> None:
        self._git = git
        _begin(git.repository, url)

    def last(self, branch: str) -> str | None:
        """The commit that the branch had when it was last read or pushed with this login; None where it never was."""
        with suppress(FileNotFoundError):
            found = (self._git.repository / _reference(branch)).read_text().strip()
            return found if _COMMIT.fullmatch(found) else None
        return None

    def fetch(self, branch: str, *, whole: bool = False) -> str | None:
        """The newest commit of a branch; None where the remote has no such branch. `whole` brings the history too."""
        last = None if whole else self.last(branch)
        if last is not None and (told := self._told(branch)) in (last, None):
            return told
        depth = self._deepen() if whole else ["--depth=1"]
        with suppress(RefMissing):
            refs = f"+refs/heads/{safe_name('branch', branch)}:{_reference(branch)}"
            self._git.run("fetch", *depth, "--no-tags", "--no-recurse-submodules", "--", "origin", refs)
            return self.last(branch)
        return None

    def _told(self, branch: str) -> str | None:
        """The commit of a branch as the remote says now; None where it has no such branch."""
        name = f"refs/heads/{safe_name('branch', branch)}"
        for line in self._git.run("ls-remote", "--heads", "--", "origin", name).split("\n"):
            commit, _, found = line.partition("\t")
            if found == name:
                return commit
        return None

    def default_branch(self) -> str | None:
        """The branch that the remote gives to who asks for none; None for an empty repository."""
        if named := self._git.remote_head():
            return named
        known = self.branches()
        return next((name for name in ("main", "master", *known) if name in known), None)

    def branches(self) -> list[str]:
        """The names of all branches of the remote."""
        listed = self._git.run("ls-remote", "--heads", "--", "origin").split("\n")
        return [line.partition("\trefs/heads/")[2] for line in listed if "\trefs/heads/" in line]

    def must_fetch(self, branch: str, shown: str) -> str:
        """As `fetch`; TaskFailed, with the branches that there are, where the remote does not have it."""
        commit = self.fetch(branch)
        if commit is None:
            names = self.branches()
            there = f"its branches are {', '.join(names[:20])}{' …' if len(names) > 20 else ''}" if names else "it has no branches yet"
            raise TaskFailed(f"The branch '{branch}' was not found in the repository {shown}: {there}", retryable=False)
        return commit

    def files(self, commit: str, folder: str, warn: Callable[[str], None] = lambda _: None) -> dict[str, Blob] | None:
        """The files below a folder by their paths in it; None where the commit has no such folder. Submodules and links that lead
        nowhere in the tree are told to `warn` and left out."""
        every = self._every(commit)
        top = f"{folder}/" if folder else ""
        found: dict[str, Blob] = {}
        for path, (mode, sha) in every.items():
            if path.startswith(top):
                blob = self._followed(every, path) if mode == _LINK else None if mode == _MODULE else Blob(mode, sha)
                if blob is None:
                    warn(
                        f"{path} is left out: it is a {'submodule' if mode == _MODULE else 'link that leads to no file of the repository'}"
                    )
                else:
                    found[path[len(top) :]] = blob
        return found if found or not folder else None

    def _every(self, commit: str) -> dict[str, tuple[str, str]]:
        listed = self._git.plumb("ls-tree", "-r", "-z", "--full-tree", commit)
        entries: dict[str, tuple[str, str]] = {}
        for line in listed.split(b"\0")[:-1]:
            about, _, name = line.partition(b"\t")
            mode, _, sha = about.decode().split(" ")
            entries[name.decode(errors="surrogateescape")] = (mode, sha)
        return entries

    def _followed(self, every: Mapping[str, tuple[str, str]], path: str) -> Blob | None:
        for _ in range(MOST_LINKS):
            mode, sha = every.get(path, ("", ""))
            if mode != _LINK:
                return Blob(mode, sha) if mode not in ("", _MODULE) else None
            target = self.content(sha).decode(errors="surrogateescape")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        return None

    def content(self, sha: str) -> bytes:
        """The content of one blob; GitFailed where the repository does not have it."""
        return self._git.plumb("cat-file", "blob", sha)

    def content_of_history(self, sha: str) -> bytes:
        """The content of a blob that an older commit may have; empty where none has it."""
        with suppress(GitFailed):
            return self.content(sha)
        self._fetch_history()
        with suppress(GitFailed):
            return self.content(sha)
        return b""

    def at_clone(self, commit: str) -> dict[str, str] | None:
        """The ids of the contents of every file at a commit of the history; None where the remote does not have it."""
        self._fetch_history()
        with suppress(GitFailed):
            return {path: blob.sha for path, blob in (self.files(commit, "") or {}).items()}
        return None

    def contents(self, shas: Sequence[str]) -> Iterator[bytes]:
        """The contents of blobs, one after the other, in this order."""
        if not shas:
            return
        with self._git.piped("cat-file", "--batch", "--buffer", data="".join(f"{sha}\n" for sha in shas).encode()) as answers:
            for sha in shas:
                head = answers.readline().split()
                if len(head) != 3:
                    raise GitFailed(f"The repository does not have the blob {sha}")
                if int(head[2]) > MOST:
                    raise TaskFailed(f"The repository has a file of {int(head[2]) >> 20} MB: the most is {MOST >> 20}", retryable=False)
                yield answers.read(int(head[2]))
                answers.read(1)

    def commit(
        self, parent: str | None, writes: Mapping[str, tuple[str, bytes]], removes: Iterable[str], message: str, author: Author, now: int
    ) -> str | None:
        """A new commit that writes some files (mode, content) and removes others; None where it would change nothing. `now`: seconds."""
        if own := next((path for path in writes if any(OURS.fullmatch(part) for part in path.split("/"))), None):
            raise TaskFailed(f"The file '{own}' lies where Git keeps its own things, and is in no commit", retryable=False)
        who = f"{author.name} <{author.email}> {now} +0000".encode()
        text = message.encode()
        stream = [b'ls %b ""\n' % parent.encode()] if parent else []
        stream.append(b"commit refs/kestra/new\nmark :1\nauthor %b\ncommitter %b\ndata %d\n%b\n" % (who, who, len(text), text))
        if parent:
            stream.append(b"from %b\n" % parent.encode())
        stream += [b"D %b\n" % _quoted(path) for path in sorted(removes)]
        stream += [
            b"M %b inline %b\ndata %d\n%b\n" % (mode.encode(), _quoted(path), len(data), data) for path, (mode, data) in writes.items()
        ]
        stream.append(b'\nls :1 ""\nget-mark :1\n')
        said = self._git.plumb("fast-import", "--quiet", "--force", "--date-format=raw", data=b"".join(stream)).decode().splitlines()
        *trees, made = said
        return None if len(trees) == 2 and trees[0] == trees[1] else made

    def changes(self, before: str | None, after: str) -> list[Change]:
        """What `after` changes of each file, by path; everything is new where there is nothing before."""
        shown = ("--patch-with-raw", "-U0", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv")
        raw, _, patch = self._git.plumb("diff-tree", "-r", *shown, before or NOTHING, after).partition(b"\n\n")
        names = [_unquoted(line.partition(b"\t")[2]) for line in raw.split(b"\n") if line]
        pieces = re.split(rb"^diff --git ", patch, flags=re.MULTILINE)[1:]
        return [_change(name.decode(errors="replace"), piece) for name, piece in zip(names, pieces, strict=True)]

    def push(self, commit: str, branch: str, expected: str | None) -> None:
        """Put a commit on a branch of the remote that has the `expected` one, or None, now. PushRefused where it has moved; TaskFailed with
        the remote's own words else."""
        lease = f"--force-with-lease=refs/heads/{branch}:{expected or ''}"
        try:
            self._git.run("push", "--no-verify", "--no-follow-tags", lease, "--", "origin", f"{commit}:refs/heads/{branch}")
        except GitFailed as error:
            if any(_MOVED.search(line) for line in error.said):
                raise PushRefused(f"The branch '{branch}' has moved meanwhile") from error
            remarks = [line.removeprefix("remote:").strip() for line in error.said if line.startswith("remote:")]
            reasons = [*filter(None, remarks), *(line.strip() for line in error.said if "rejected]" in line)]
            raise TaskFailed(f"{error.message}{': ' + ' '.join(reasons) if reasons else ''}") from error
        reference = self._git.repository / _reference(branch)
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(f"{commit}\n")

    def last_touched(self, commit: str, path: str) -> str:
        """Who changed a path last in the history of a commit: `Ada <ada@example.org> in 1a2b3c4 "subject"`."""
        return self._text("log", "-1", '--format=%an <%ae> in %h "%s"', commit, "--", path)

    def merged(self, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
        """Both changes of one text; None where they touch the same lines or are no text."""
        if any(b"\0" in text for text in (base, ours, theirs)):
            return None
        files = [self._git.scratch / name for name in ("ours", "base", "theirs")]
        for file, text in zip(files, (ours, base, theirs), strict=True):
            file.write_bytes(text)
        try:
            return self._git.plumb("merge-file", "-p", *map(str, files))
        except GitFailed:
            return None

    def left_out(self, paths: Iterable[str], folder: Mapping[str, Blob]) -> set[str]:
        """Which of these paths the `.kestraignore` at the top of a folder leaves out; none where it has none."""
        return self._ignored(paths, self.content(folder[IGNORE].sha)) if IGNORE in folder else set()

    def _ignored(self, paths: Iterable[str], patterns: bytes) -> set[str]:
        """Which of these paths a text in the syntax of .gitignore excludes."""
        rules = self._git.scratch / "ignored"
        rules.write_bytes(patterns)
        empty = self._git.scratch / "empty"
        empty.mkdir(exist_ok=True)
        asked = b"".join(path.encode(errors="surrogateescape") + b"\0" for path in paths)
        options = ("-c", f"core.excludesFile={rules}", "--work-tree", str(empty), "check-ignore", "--no-index", "--stdin", "-z")
        with suppress(GitFailed):  # it ends with 1 where none is ignored
            answer = self._git.plumb("-c", "core.bare=false", *options, data=asked, at=empty)
            return {name.decode(errors="surrogateescape") for name in answer.split(b"\0")[:-1]}
        return set()

    def _fetch_history(self) -> None:
        self._git.run("fetch", *self._deepen(), "--no-tags", "--prune", "--", "origin", "+refs/heads/*:refs/history/*")

    def _deepen(self) -> list[str]:
        """How to ask for the whole history; git refuses that of what it has whole already."""
        return ["--unshallow"] if self._text("rev-parse", "--is-shallow-repository") == "true" else []

    def _text(self, *arguments: str) -> str:
        return self._git.plumb(*arguments).decode(errors="replace").strip()


def _begin(repository: Path, url: str) -> None:
    """An empty repository without a working tree, if there is none yet: what `git init` and `git remote add` would make."""
    if (repository / "HEAD").exists():
        return
    for name in ("objects", "refs"):
        (repository / name).mkdir(parents=True, exist_ok=True)
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    (repository / "config").write_text(
        f'[core]\n\trepositoryformatversion = 0\n\tbare = true\n[transfer]\n\tunpackLimit = 1\n[remote "origin"]\n\turl = "{quoted}"\n'
    )
    (repository / "HEAD").write_text("ref: refs/heads/kestra-none\n")


def _reference(branch: str) -> str:
    """Where a commit of a branch is noted: a name of one length, so that `a` may become `a/b` in the remote."""
    return f"refs/kestra/{hashlib.sha1(branch.encode(errors='surrogateescape'), usedforsecurity=False).hexdigest()}"


def _quoted(path: str) -> bytes:
    name = path.encode(errors="surrogateescape")
    escaped = name.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"%b"' % escaped


def _unquoted(name: bytes) -> bytes:
    """A path as Git shows it: in quotes, with escapes, where it has other than plain signs."""
    return codecs.escape_decode(name[1:-1])[0] if name.startswith(b'"') else name


def _change(name: str, patch: bytes) -> Change:
    additions = deletions = changes = 0
    for found in _HUNK.finditer(patch):
        before, after = (int(count) if count is not None else 1 for count in found.groups())
        if not before:
            additions += after
        elif not after:
            deletions += before
        else:
            changes += after
    return Change(name, additions, deletions, changes)
