"""A namespace bound to a repository: who may, to what, and a copy for each person and branch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from namespaces import files
from namespaces.models import Repository, User
from namespaces.paths import UnsafePath
from namespaces.services import tree
from namespaces.services.tree import NamespaceInUse
from tests import builders
from tests.plugins.git.remotes import Remote, git
from tests.workspace.conftest import FILES, NAMESPACE
from ui.errors import Forbidden, Invalid, KestraError, Missing
from workspace import repositories, worktrees

pytestmark = pytest.mark.django_db

WRONG_ADDRESSES = [
    "", " ", "-u", "--upload-pack=touch /tmp/x", "ext::sh -c id", "ext::sh%20-c%20id", "fd::3", "git://example.org/x", "http://example.org/x",
    "ftp://example.org/x", "file:///etc", "/etc", "file://../x", "../x", "relative/x", "https://", "https://-oProxyCommand=id/x", "ssh://-oProxyCommand=id/x",
    "-oProxyCommand=id@host:x", "https://ada:word@example.org/x", "https://ada@example.org/x", "https://example.org/a b", "https://example.org/a\nb",
    "https://exam\x00ple.org/x", "javascript:alert(1)", "data:,x", "transport::https://example.org", "https://[::1", "x" * 1001,
]  # fmt: skip
WRONG_BRANCHES = [
    "-x", "--force", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "/a", "a/", "a//b",
    "a.lock", "a.lock/b", ".a", "a/.b",
    "a.", "HEAD", "refs/heads/x", "a\nb", "a\x00b", "a\x7fb", "x" * 201, "\u202egnp", "a\u200bb",
    "+main", ":main", "a/../b", "../../config",
]  # fmt: skip


def test_binding_reaches_the_remote_and_finds_its_default_branch(remote: Remote, owner: User) -> None:
    row = repositories.bind(user=owner, namespace=NAMESPACE, url=remote.url, protected=["main", " ", "release/*"])
    assert (row.default_branch, row.protected) == ("main", ["main", "release/*"])
    assert repositories.branches(NAMESPACE) == ["main"]
    assert repositories.is_protected(row, "release/1")
    assert not repositories.is_protected(row, "dev")


def test_only_an_owner_binds_and_only_a_member_works(bound: Remote, ada: User) -> None:
    with pytest.raises(Forbidden):
        repositories.bind(user=ada, namespace=NAMESPACE, url=bound.url)
    with pytest.raises(Missing):
        worktrees.find(user=builders.person("stranger"), namespace=NAMESPACE)
    with pytest.raises(Forbidden):
        repositories.unbind(user=ada, namespace=NAMESPACE)


@pytest.mark.parametrize("url", WRONG_ADDRESSES)
def test_an_address_that_is_no_plain_remote_is_refused(remote: Remote, owner: User, url: str) -> None:
    with pytest.raises(Invalid):
        repositories.bind(user=owner, namespace=NAMESPACE, url=url)
    assert not Repository.objects.exists()


@pytest.mark.parametrize("branch", WRONG_BRANCHES)
def test_a_branch_that_could_be_taken_for_something_else_is_refused(bound: Remote, ada: User, branch: str) -> None:
    for act in (worktrees.find, worktrees.create):
        with pytest.raises(KestraError):
            act(user=ada, namespace=NAMESPACE, branch=branch)


def test_each_person_has_a_copy_of_their_own(bound: Remote, ada: User, bob: User) -> None:
    hers, his = (worktrees.find(user=user, namespace=NAMESPACE) for user in (ada, bob))
    assert {path: files.read(hers.place, path).decode() for path in FILES} == FILES
    files.write(hers.place, "models/orders.sql", b"select 3 as id\n")
    assert files.read(his.place, "models/orders.sql") == FILES["models/orders.sql"].encode()
    assert [(found.user, found.files) for found in worktrees.others(his)] == [(ada, ("models/orders.sql",))]
    again = worktrees.find(user=ada, namespace=NAMESPACE)
    assert files.read(again.place, "models/orders.sql") == b"select 3 as id\n"


def test_several_branches_at_once(bound: Remote, ada: User) -> None:
    bound.commit({"models/new.sql": "select 4\n"}, "feature/New")
    repositories.fetch(user=ada, namespace=NAMESPACE)
    feature = worktrees.find(user=ada, namespace=NAMESPACE, branch="feature/New")
    main = worktrees.find(user=ada, namespace=NAMESPACE)
    assert files.exists(feature.place, "models/new.sql")
    assert not files.exists(main.place, "models/new.sql")
    own = worktrees.create(user=ada, namespace=NAMESPACE, branch="fix")
    assert files.exists(own.place, "models/orders.sql")
    assert [found.branch for found in worktrees.of_person(user=ada, namespace=NAMESPACE)] == ["fix", "main", "feature/New"]
    with pytest.raises(KestraError, match="already"):
        worktrees.create(user=ada, namespace=NAMESPACE, branch="feature/New")


def test_branches_that_differ_in_little_have_folders_of_their_own() -> None:
    names = ["a-b", "a/b", "a_b", "A/b", "main", "Main", "ma-in", "a.b", "dev", "DEV", "é", "e", "x" * 60, "x" * 61]
    assert len({worktrees.slug_of(name) for name in names}) == len(names)
    assert all(worktrees.slug_of(name).isascii() and len(worktrees.slug_of(name)) <= 64 for name in names)


def test_a_repository_without_commits_can_be_begun(tmp_path: Path, remote: Remote, owner: User) -> None:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", tmp_path / "empty.git"], check=True)
    repositories.bind(user=owner, namespace=NAMESPACE, url=f"file://{tmp_path}/empty.git")
    found = worktrees.find(user=owner, namespace=NAMESPACE)
    assert found.head() is None
    assert files.list_dir(found.place) == []


@pytest.mark.parametrize(
    "path",
    [".git/config", ".GIT/hooks/pre-commit", "a/.Git", "git~1/x", "GIT~1", ".g\u200cit/config", "x/.git", ".git", "．git/x", ".\u00adgit"],
)
def test_what_git_keeps_for_itself_is_no_file(bound: Remote, ada: User, path: str) -> None:
    place = worktrees.find(user=ada, namespace=NAMESPACE).place
    for act in (files.read, files.make_dir, files.delete, lambda place, path: files.write(place, path, b"x")):
        with pytest.raises(UnsafePath):
            act(place, path)


def test_hooks_links_and_submodules_of_a_repository_do_nothing(tmp_path: Path, bound: Remote, ada: User) -> None:
    clone, spoils = bound.clone, tmp_path / "spoils"
    (clone / "out").symlink_to("/etc")
    (clone / "passwd").symlink_to("/etc/passwd")
    (clone / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (clone / ".gitmodules").write_text(f'[submodule "x"]\n\tpath = x\n\turl = ext::touch {spoils}\n\tupdate = !touch {spoils}\n')
    (clone / "aux.sql").write_text("select 1\n")
    run = ["git", "-C", str(clone)]
    head = subprocess.run([*run, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run([*run, "update-index", "--add", "--cacheinfo", f"160000,{head},x"], check=True)
    (clone / "x").mkdir()
    (clone / "hooks").mkdir()
    (clone / "hooks" / "post-checkout").write_text(f"#!/bin/sh\ntouch {spoils}\n")
    for arguments in (["add", "-A"], ["commit", "-qm", "tricks"], ["push", "-q", "origin", "main"]):
        git(clone, *arguments)
    repositories.fetch(user=ada, namespace=NAMESPACE)
    found = worktrees.find(user=ada, namespace=NAMESPACE)
    assert files.read(found.place, "passwd") == b"/etc/passwd"
    assert files.read(found.place, "out") == b"/etc"
    assert found.git.text("status", "--porcelain") == ""
    assert not spoils.exists()


def test_a_namespace_is_not_deleted_while_it_is_bound(bound: Remote, owner: User) -> None:
    with pytest.raises(NamespaceInUse, match="Git"):
        tree.delete(user=owner, name=NAMESPACE)
    repositories.unbind(user=owner, namespace=NAMESPACE)
    tree.delete(user=owner, name=NAMESPACE)
