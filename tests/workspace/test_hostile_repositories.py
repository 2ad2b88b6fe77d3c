"""A repository that was made to do harm: names that no file may have, trees without a floor, attributes, texts that look like marks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from namespaces import files
from namespaces.models import User
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import FILES, NAMESPACE
from tests.workspace.test_git_pages import Browser
from workspace import changes, deploying, history, merging, repositories, worktrees

pytestmark = pytest.mark.django_db
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
    merging.resolve(tree, "a.sql", content=merging.joined(parts, ["both\n"]).encode())
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
