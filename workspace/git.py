"""Git on this machine: commands that ask nothing of a remote, in a repository that only the server writes to.

Nothing that a repository brings can run: hooks are off, no filter, driver or textconv is set, no protocol is allowed, links are checked out
as text. Every path is taken literally.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from namespaces.paths import namespace_folders
from plugins.core.runner._environment import minimal
from plugins.git import _child
from plugins.git._repository import QUIET, Access, safety
from ui.errors import Conflict, Invalid

STORE = "_git"
KEPT, ANSWERS = "refs/kestra/kept", "refs/kestra/answers"  # below them, names end with the time in nanoseconds
PATIENCE = 30.0  # seconds that an operation waits for the one before it
_NOBODY = Access(url="")
_SETTINGS = {
    **{f"protocol.{name}.allow": "never" for name in ("https", "http", "ssh", "file", "ext", "git")},
    "core.fileMode": "false",
    "core.symlinks": "false",
    "core.protectNTFS": "true",
    "core.protectHFS": "true",
    "core.quotePath": "true",
    "core.autocrlf": "false",
    "core.untrackedCache": "true",
    "core.logAllRefUpdates": "always",
    "core.commitGraph": "false",
    "diff.renames": "true",
    "diff.algorithm": "histogram",
    "merge.conflictStyle": "merge",
    "merge.directoryRenames": "false",
    "status.submoduleSummary": "false",
    "log.showSignature": "false",
    "gc.worktreePruneExpire": "never",
}
_ARGUMENTS = ["git", *safety(_NOBODY), *(part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}"))]


class GitRefused(Conflict):
    """Git could not do this."""

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class Busy(Conflict):
    """Another Git operation works on this copy: try again in a moment."""


@dataclass(frozen=True, slots=True)
class Git:
    """A repository (`directory`), the folder that is its working tree, if any, and another index than its own, if any."""

    directory: Path
    tree: Path | None = None
    index: Path | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, data: bytes = b"", ok: Sequence[int] = (0,), timeout: float = 120.0) -> bytes:
        """The output of a command. GitRefused, with Git's own last words, where it ends with another status than those in `ok`."""
        return self.answered(*arguments, data=data, ok=ok, timeout=timeout)[1]

    def answered(self, *arguments: str, data: bytes = b"", ok: Sequence[int] = (0,), timeout: float = 120.0) -> tuple[int, bytes]:
        """As `run`, with the status that it ended with."""
        status, out, errors = ended([*_ARGUMENTS, *arguments], self._environment(), self.tree or self.directory, data, timeout)
        if status not in ok:
            lines = [line for line in errors.decode(errors="replace").splitlines() if line.strip()]
            last = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "no message")
            raise GitRefused(f"Git could not do this: {last.partition(': ')[2] or last}.", "\n".join(lines))
        return status, out

    def text(self, *arguments: str, data: bytes = b"", ok: Sequence[int] = (0,)) -> str:
        """The output as text without the line end."""
        return self.run(*arguments, data=data, ok=ok).decode(errors="replace").rstrip("\n")

    def commit_of(self, name: str) -> str | None:
        """The id of the commit that a full reference or id names; None where there is none."""
        return self.text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", ok=(0, 1, 128)) or None

    def tree_of(self, name: str) -> str:
        """The id of the tree of a commit."""
        return self.text("rev-parse", "--verify", "--end-of-options", f"{name}^{{tree}}")

    def with_index(self, index: Path) -> Git:
        """The same, on another index."""
        return Git(self.directory, self.tree, index, self.extra)

    def reading(self) -> Git:
        """The same, writing nothing: not even what Git would keep to be quicker the next time."""
        return Git(self.directory, self.tree, self.index, {**self.extra, "GIT_OPTIONAL_LOCKS": "0"})

    def by(self, name: str, email: str, when: int | None = None, *, author: tuple[str, str, str] | None = None) -> Git:
        """The same, committing as this person; `author` (name, address, date) is whose work it is where that is someone else."""
        stamp = f"{when if when is not None else int(time.time())} +0000"
        wrote = author or (name, email, stamp)
        people = {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": email, "GIT_COMMITTER_DATE": stamp}
        people |= {"GIT_AUTHOR_NAME": wrote[0], "GIT_AUTHOR_EMAIL": wrote[1], "GIT_AUTHOR_DATE": wrote[2]}
        return Git(self.directory, self.tree, self.index, {**self.extra, **people})

    def contents(self, names: Sequence[str]) -> Iterator[bytes]:
        """The contents of objects (`<id>`), one after the other."""
        if not names:
            return
        arguments = [*_ARGUMENTS, "cat-file", "--batch"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(arguments, env=self._environment(), cwd=self.directory, **pipes) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            _child.bounded(child.pid)
            try:
                for name in names:
                    child.stdin.write(f"{name}\n".encode())
                    child.stdin.flush()
                    head = child.stdout.readline().split()
                    if len(head) != 3:
                        raise GitRefused(f"The repository does not have the object {name}.")
                    if int(head[2]) > _child.MOST:
                        raise GitRefused(f"The repository has a file of {int(head[2]) >> 20} MB: the most is {_child.MOST >> 20}.")
                    yield child.stdout.read(int(head[2]))
                    child.stdout.read(1)
            finally:
                child.kill()

    def content(self, sha: str) -> bytes:
        """The content of one blob."""
        return self.run("cat-file", "blob", sha)

    def keep_bytes(self, content: bytes) -> str:
        """Put a content into the repository; answers its id."""
        return self.text("hash-object", "-w", "--stdin", data=content)

    def _environment(self) -> dict[str, str]:
        places = {"GIT_DIR": str(self.directory)}
        if self.tree:
            places["GIT_WORK_TREE"] = str(self.tree)
        if self.index:
            places["GIT_INDEX_FILE"] = str(self.index)
        return minimal(str(self.directory), {**QUIET, "GIT_LITERAL_PATHSPECS": "1", **_SOMEBODY, **places, **self.extra})


_SOMEBODY = {
    "GIT_AUTHOR_NAME": "Kestra Web",
    "GIT_AUTHOR_EMAIL": "kestra-web@localhost",
    "GIT_COMMITTER_NAME": "Kestra Web",
    "GIT_COMMITTER_EMAIL": "kestra-web@localhost",
}


def ended(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, data: bytes = b"", timeout: float = 120.0
) -> tuple[int, bytes, bytes]:
    """Run a command to its end: its status, output and errors. `Invalid` where it takes too long; then all that it started is ended."""
    try:
        return _child.ended(arguments, environment, folder, data, timeout)
    except FileNotFoundError as error:
        raise Invalid("git is not installed on this server.") from error
    except _child.StoppedError as error:
        raise Invalid(f"Git {error}, and was stopped.") from error


def folder_of(namespace: str) -> Path:
    """Where the objects of a namespace's repository lie."""
    return Path(settings.KESTRA_STORAGE).joinpath(*namespace_folders(namespace), STORE)


@contextmanager
def locked(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Alone with what the file `path` stands for, among all processes of this machine. `Busy` after `patience` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise Busy from error
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)
