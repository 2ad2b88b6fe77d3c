"""A repository that was made to do harm: names that no file may have, trees without a floor, attributes, texts that look like marks."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from namespaces import files
from namespaces.files import TooLarge
from namespaces.merging import joined
from namespaces.models import Repository, User
from plugins.git import _child
from tests.plugins.git.remotes import AUTHOR, Remote
from tests.workspace.conftest import FILES, NAMESPACE
from tests.workspace.test_git_pages import Browser
from workspace import changes, deploying, history, merging, repositories, worktrees

pytestmark = pytest.mark.django_db
ENVIRONMENT = {**AUTHOR, "PATH": os.environ["PATH"]}
NAMES = [
    b"-x", b"--help", b"a\nb.sql", b"tab\there.sql", b'quo"te.sql', b"back\\slash.sql", b"not-utf8-\xff\xfe.sql", "né.sql".encode(),
    "\u202egnp.sql".encode(), b"CON.sql", b"aux", b"trailing.", b" leading", b"a:b", b"*", b":(top)x", b"$(touch x)", b"`id`.sql",
    b"x" * 250,
    b"<script>alert(1)</script>.sql", b"{{ 7 * 7 }}.sql", b"_flows/-x.yml", b"_flows/a\nb.yml",
]  # fmt: skip


def imported(remote: Remote, names: list[bytes] | dict[bytes, bytes]) -> None:
    """Commit files of any name to `main`, without a file system that could refuse them."""
    lines = b"commit refs/heads/main\ncommitter X <x@example.com> 1700000000 +0000\ndata 4\nharm\nfrom refs/heads/main^0\n"
    for name in names:
        content = names[name] if isinstance(names, dict) else b"select 'harm'\n"
        quoted = b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
        lines += b"M 100644 inline %b\ndata %d\n%b\n" % (quoted, len(content), content)
    subprocess.run(["git", "--git-dir", remote.folder, "fast-import", "--quiet"], input=lines, check=True, capture_output=True)


def test_odd_names_are_left_out_or_shown_as_they_are_and_nothing_breaks(bound: Remote, ada: User, tmp_path: Path) -> None:
    imported(bound, NAMES)
    repositories.fetch(user=ada, namespace=NAMESPACE)
    browser = Browser(ada)
    tree = browser.tree
    shown = {entry.path for entry in files.walk(tree.place)}
    assert {"-x", "--help", "né.sql", "*", "$(touch x)"} <= shown
    assert not {"CON.sql", "aux", "a\nb.sql", "a:b"} & shown
    assert changes.status(tree).changes == ()
    for path in ("-x", "--help", "*", "{{ 7 * 7 }}.sql", "<script>alert(1)</script>.sql"):
        files.write(tree.place, path, b"mine\n")
        for page in ("difference/", "blame/", "log/"):
            answer = browser.get(page, path=path)
            assert answer.status_code == 200, (page, path)
            assert "<script>alert(1)" not in answer.content.decode()
        assert browser.post("stage/", path=path).status_code == 200
    assert len(changes.status(tree).chosen) == 5
    assert browser.get(f"commits/{tree.head()}/").status_code == 200
    assert browser.get("deploy/").status_code == 200
    assert browser.post("commit/", message="mine").status_code == 200
    listed = subprocess.run(["git", "--git-dir", tree.git.directory, "ls-tree", "-r", "-z", "HEAD"], capture_output=True, check=True)
    assert all(b"\t" + name + b"\0" in listed.stdout for name in NAMES), "what was left out is still in the commit"
    assert browser.post("push/").status_code == 200
    assert not (tmp_path / "x").exists()


def test_a_tree_without_a_floor_is_refused(bound: Remote, ada: User) -> None:
    worktrees.find(user=ada, namespace=NAMESPACE)
    imported(bound, [b"/".join([b"d"] * 10_000) + b"/x.sql"])
    browser = Browser(ada)
    answers = [browser.post("pull/"), browser.get("deploy/", htmx=True), browser.get(f"commits/{bound.head('main')}/", htmx=True)]
    assert all(answer.status_code < 500 for answer in answers)
    assert files.read(browser.tree.place, "dbt_project.yml").decode() == FILES["dbt_project.yml"]


def test_attributes_of_a_repository_change_no_byte_and_start_nothing(bound: Remote, ada: User, tmp_path: Path) -> None:
    spoils = tmp_path / "spoils"
    attributes = "* text eol=crlf ident filter=evil diff=evil merge=evil working-tree-encoding=UTF-16 conflict-marker-size=3\n"
    config = f'[filter "evil"]\n\tsmudge = touch {spoils}\n[core]\n\tfsmonitor = touch {spoils}\n'
    texts = {".gitattributes": attributes, ".gitconfig": config, ".lfsconfig": config, "a.sql": "$Id$\nselect 1\n"}
    imported(bound, {name.encode(): text.encode() for name, text in texts.items()})
    repositories.fetch(user=ada, namespace=NAMESPACE)
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    assert files.read(tree.place, "a.sql") == b"$Id$\nselect 1\n"
    files.write(tree.place, "a.sql", b"$Id$\r\nselect 'ada'\n")
    changes.choose(tree, [])
    changes.commit(tree, message="mine")
    imported(bound, {b"a.sql": b"$Id$\nselect 'colleague'\n"})
    assert [clash.path for clash in merging.pull(tree).clashes] == ["a.sql"]
    assert not spoils.exists()


def test_what_looks_like_marks_of_a_clash_is_text(bound: Remote, ada: User) -> None:
    marks = "<<<<<<< ours\nselect 1\n=======\nselect 2\n>>>>>>> theirs\n"
    bound.commit({"a.sql": f"{marks}one\n"})
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    files.write(tree.place, "a.sql", f"{marks}ada\n".encode())
    changes.choose(tree, [])
    changes.commit(tree, message="mine")
    bound.commit({"a.sql": f"{marks}colleague\n"})
    found = merging.pull(tree)
    parts = merging.segments(tree, found, found.clashes[0])
    assert [part.same for part in parts if part.same is not None] == [marks]
    merging.resolve(tree, "a.sql", content=joined(parts, ["both\n"]).encode())
    merging.finish(tree)
    assert files.read(tree.place, "a.sql").decode() == f"{marks}both\n"


def test_names_that_differ_in_case_or_form_alone_are_all_kept(bound: Remote, ada: User) -> None:
    imported(bound, [b"a.sql", b"A.sql", "é.sql".encode(), "é.sql".encode()])
    repositories.fetch(user=ada, namespace=NAMESPACE)
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    assert changes.status(tree).changes == ()
    assert history.changed(tree, tree.head() or "")


def test_a_file_that_is_a_folder_on_the_other_side_is_told(bound: Remote, ada: User) -> None:
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    files.write(tree.place, "thing", b"a file\n")
    changes.choose(tree, [])
    changes.commit(tree, message="a file")
    bound.commit({"thing/inside.sql": "select 1\n"})
    found = merging.pull(tree)
    assert found.clashes
    merging.cancel(tree)
    assert files.read(tree.place, "thing") == b"a file\n"
    assert deploying.plan(user=ada, origin=NAMESPACE, ref="main").files


def made(remote: Remote, entries: list[tuple[str, str, str]]) -> str:
    """A tree of (mode, id, name), made without a look at what the names are."""
    lines = b"".join(b"%b %b %b\t%b\0" % (mode.encode(), _kind(mode), sha.encode(), name.encode()) for mode, sha, name in entries)
    return _plumbed(remote, "mktree", "-z", "--missing", data=lines)


def _kind(mode: str) -> bytes:
    return {"040000": b"tree", "160000": b"commit"}.get(mode, b"blob")


def _plumbed(remote: Remote, *arguments: str, data: bytes = b"") -> str:
    done = subprocess.run(["git", "--git-dir", remote.folder, *arguments], input=data, check=True, capture_output=True, env=ENVIRONMENT)
    return done.stdout.decode().strip()


def pushed(remote: Remote, tree: str) -> str:
    """A commit of this tree on `main`, on top of what is there."""
    commit = _plumbed(remote, "commit-tree", tree, "-p", "main", "-m", "harm")
    _plumbed(remote, "update-ref", "refs/heads/main", commit)
    return commit


def grown(remote: Remote, levels: int = 9) -> str:
    """A folder that has the same folder ten times, and so on: some kilobytes that name a milliard of files."""
    tree = made(remote, [("100644", _plumbed(remote, "hash-object", "-w", "--stdin", data=b"x\n"), f"{n}.sql") for n in range(10)])
    for _ in range(levels):
        tree = made(remote, [("040000", tree, f"d{n}") for n in range(10)])
    return tree


@pytest.mark.long
def test_a_tree_that_grows_without_end_is_refused_by_every_page(bound: Remote, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_child, "MOST", 4 << 20)
    worktrees.find(user=ada, namespace=NAMESPACE)
    commit = pushed(bound, grown(bound))
    browser = Browser(ada)
    began = time.monotonic()
    answers = [browser.post("pull/"), browser.get("deploy/", htmx=True), browser.get(f"commits/{commit}/", htmx=True)]
    answers += [browser.post("fetch/"), browser.post("branches/create/", name="grown", start=commit), browser.get("", branch="grown")]
    answers += [browser.get("log/"), browser.get("blame/", path="d0/d0/d0"), browser.get("")]
    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []
    assert time.monotonic() - began < 60
    assert files.read(browser.tree.place, "dbt_project.yml").decode() == FILES["dbt_project.yml"]


def test_one_small_object_that_fills_a_disk_is_not_checked_out(bound: Remote, ada: User, settings: Settings) -> None:
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "upload_bytes": 1 << 20}
    blob = _plumbed(bound, "hash-object", "-w", "--stdin", data=b"\0" * (1 << 20))
    pushed(bound, made(bound, [("100644", blob, f"{number}.bin") for number in range(20)]))
    repositories.fetch(user=ada, namespace=NAMESPACE)
    with pytest.raises(TooLarge):
        worktrees.find(user=ada, namespace=NAMESPACE)
    assert Browser(ada).get("").status_code == 422
    assert not list(worktrees.Worktree(bound_row(), ada, "main", "main").folder.glob("*.bin"))


def bound_row() -> Repository:
    return repositories.find(NAMESPACE)


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", ".git ", ".git.", ".g\u200cit", "\uff0egit", "..", "."])
def test_a_commit_with_a_place_of_gits_own_writes_nothing_there(bound: Remote, ada: User, name: str, tmp_path: Path) -> None:
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    blob = _plumbed(bound, "hash-object", "-w", "--stdin", data=b"[core]\n\tfsmonitor = touch spoils\n")
    inner = made(bound, [("100644", blob, "config"), ("100755", blob, "spoils")])
    commit = pushed(bound, made(bound, [("040000", inner, name), ("100644", blob, "seen.sql")]))
    browser = Browser(ada)
    before = {path for path in tmp_path.rglob("*") if path.name in ("config", "spoils")}
    answers = [browser.post("pull/"), browser.get(f"commits/{commit}/", htmx=True), browser.get("deploy/", htmx=True), browser.get("")]
    answers.append(browser.post("branches/create/", name="other", start=commit))
    answers.append(browser.get("", branch="other"))
    assert all(answer.status_code < 500 for answer in answers), [answer.status_code for answer in answers]
    new = {path for path in tmp_path.rglob("*") if path.name in ("config", "spoils")} - before
    assert all(tree.folder.parent in path.parents for path in new), new
    assert not any(part.casefold() in (".git", "git~1") for path in new for part in path.relative_to(tree.folder.parent).parts)
