"""The submodules of a clone: each is fetched as a clone of its own, from where the repository came from and from nowhere else.

Who writes a flow names a repository; who writes in that repository names its submodules. Another host, or another port of this one, is
therefore never asked on their word, and never sees the credentials.
"""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from plugins.contract import RunContext, TaskFailed
from plugins.git._repository import Access, Git, GitFailed, address, checked, opened
from plugins.git._trees import OURS
from plugins.scripts import _folders

MOST = 100
DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Submodule:
    """Where a submodule lies in the working tree, which commit it is at, and what `.gitmodules` says of its address."""

    path: str
    commit: str
    url: str


def submodules(git: Git) -> Iterator[Submodule]:
    """Those of the commit that is checked out, by path."""
    rows = (row.partition("\t") for row in git.plumb("ls-tree", "-r", "-z", "HEAD").decode(errors="replace").split("\0"))
    commits = {path: about.split()[2] for about, _, path in rows if about.startswith("160000 ")}
    urls = _addresses(git) if commits else {}
    return (Submodule(path, commit, urls.get(path, "")) for path, commit in sorted(commits.items()))


def _addresses(git: Git) -> dict[str, str]:
    try:
        told = git.plumb("config", "--blob", "HEAD:.gitmodules", "--null", "--list").decode(errors="replace")
    except GitFailed:
        return {}
    settings = {name: value for name, _, value in (entry.partition("\n") for entry in told.split("\0")) if name.startswith("submodule.")}
    return {path: settings.get(name[: -len("path")] + "url", "") for name, path in settings.items() if name.endswith(".path")}


def bring(context: RunContext, access: Access, git: Git, target: Path, *, depth: int = DEEPEST) -> None:
    """Fetch and check out the submodules of what `git` has checked out below `target`, and theirs. TaskFailed where one cannot be had."""
    for number, found in enumerate(submodules(git)):
        if number == MOST or not depth:
            context.log("WARN", f"The submodule {found.path} and what follows is left out: {MOST} of them, {DEEPEST} deep, are brought")
            return
        near = _near(context, access, found)
        if near is not None:
            _one(context, near, found, target, depth)


def _near(context: RunContext, access: Access, found: Submodule) -> Access | None:
    """How to reach a submodule that lies where the repository does; None, with a line in the log, for every other."""
    asked = dataclasses.replace(access, url=_resolved(access.url, found.url))
    try:
        near = checked(asked, context.working_dir, context.settings.git_file_roots)
    except TaskFailed as error:
        context.log("WARN", f"The submodule {found.path} is left out: {error.message}")
        return None
    if address(near.url) != address(access.url):
        context.log("WARN", f"The submodule {found.path} is left out: it lies at {near.host}, and the repository at {access.host}")
        return None
    return near


def _resolved(base: str, url: str) -> str:
    """The address of a submodule, which may be relative to that of its repository."""
    if not url.startswith(("./", "../")):
        return url
    if "://" not in base:
        host, _, path = base.partition(":")
        return f"{host}:{posixpath.normpath(posixpath.join(path, url))}"
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=posixpath.normpath(posixpath.join(parts.path, url))))


def _one(context: RunContext, access: Access, found: Submodule, target: Path, depth: int) -> None:
    folder = _folders.inside(target, found.path)
    if folder.is_symlink() or any(OURS.fullmatch(part) for part in found.path.split("/")):
        raise TaskFailed(f"The submodule {found.path} lies where none may lie", retryable=False)
    if not folder.is_dir():
        return  # git makes the folder of each submodule that is not left out by `sparse`
    with opened(context, access, folder) as git:
        git.run("init", "--quiet", "--initial-branch=kestra-clone", "--template=")
        git.run("remote", "add", "--", "origin", access.url)
        _fetch(git, found)
        git.hand_over()
        git.run_here("checkout", "--force", "--detach", found.commit, "--")
        bring(context, access, git, folder, depth=depth - 1)
        git.settle()
    context.log("INFO", f"Cloned the submodule {found.path} at {found.commit[:7]}")


def _fetch(git: Git, found: Submodule) -> None:
    """The one commit; every branch where the server does not give single commits."""
    options = ("--no-recurse-submodules", "--no-tags", "--progress")
    try:
        git.run("fetch", *options, "--depth=1", "--", "origin", found.commit)
    except GitFailed:
        git.run("fetch", *options, "--", "origin", "+refs/heads/*:refs/remotes/origin/*")
