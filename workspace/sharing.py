"""Giving a branch to others: push, and the address where a pull request is opened."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from namespaces import rights
from namespaces.models import Role
from plugins.git._places import commit_url
from ui.errors import Conflict, Invalid, KestraError
from workspace import changes, history, repositories, trees
from workspace.repositories import BranchProtected, branch_name, is_protected
from workspace.worktrees import Worktree


@dataclass(frozen=True, slots=True)
class Pushed:
    """What the remote has now. `request` is where a pull request is opened; addresses are empty where the remote has no pages."""

    branch: str
    commit: str
    page: str
    request: str


def push(worktree: Worktree, *, new_branch: str = "") -> Pushed:
    """Push the commits of a copy to its branch, or to a new one. Raises `BranchProtected`, `repositories.Moved`, `RemoteFailed`."""
    row = worktree.repository
    rights.require(worktree.user, row.namespace, Role.MEMBER)
    target = branch_name(new_branch) if new_branch.strip() else worktree.branch
    if is_protected(row, target):
        raise BranchProtected(f"The branch {target} is protected: push to a new branch and open a pull request.")
    with trees.working(worktree):
        head = worktree.head()
        if head is None:
            raise Invalid("There is no commit to push yet.")
        if target == worktree.branch and head == worktree.upstream():
            raise Conflict("There is nothing to push: the remote has all commits of this branch.")
    repositories.push_commit(row, head, target, new=target != worktree.branch)  # it may take long: the copy is not held for it
    base = row.default_branch
    request = request_url(row.url, target, base) if target != base else ""
    return Pushed(target, head, page_url(row.url, head, target), request)


def tag(worktree: Worktree, commit: str, name: str, message: str = "") -> str:
    """Give a commit a name for everybody, in the name of whose copy it is; answers it. Raises `Conflict` where the name is taken."""
    row, name = worktree.repository, branch_name(name)
    rights.require(worktree.user, row.namespace, Role.MEMBER)
    git = repositories.store(row.namespace)
    found = history.known(worktree, commit)
    if git.answered("show-ref", "--verify", "--quiet", f"refs/tags/{name}", ok=(0, 1))[0] == 0:
        raise Conflict(f"There is a tag {name} already: choose another name.")
    text = message.strip() or name
    git.by(*changes.person(worktree.user)).run("tag", "--annotate", "--no-sign", "--file=-", "--", name, found, data=text.encode())
    try:
        repositories.push_tag(row, name)
    except KestraError:
        git.run("update-ref", "-d", f"refs/tags/{name}")
        raise
    return name


def page_url(url: str, commit: str, branch: str) -> str:
    """Where a browser shows a commit; empty for a repository of this machine."""
    return "" if url.startswith("file://") else commit_url(url, commit, branch)


def request_url(url: str, branch: str, base: str) -> str:
    """Where a browser opens a pull request from `branch` to `base`; empty for a repository of this machine."""
    if url.startswith("file://"):
        return ""
    site = commit_url(url, "x", branch).rpartition("/commit")[0]
    host = (urlsplit(site).hostname or "").lower()
    source, target = quote(branch, safe="/"), quote(base, safe="/")
    if "gitlab" in host:
        values = {"merge_request[source_branch]": branch, "merge_request[target_branch]": base}
        return f"{site}/-/merge_requests/new?{urlencode(values)}"
    if "bitbucket" in host:
        return f"{site}/pull-requests/new?{urlencode({'source': branch, 'dest': base})}"
    if host.endswith(("dev.azure.com", "visualstudio.com")):
        return f"{site}/pullrequestcreate?{urlencode({'sourceRef': branch, 'targetRef': base})}"
    suffix = "?expand=1" if host == "github.com" or host.startswith("github.") else ""
    return f"{site}/compare/{target}...{source}{suffix}"  # GitHub, Gitea, Forgejo
