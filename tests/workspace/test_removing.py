"""A copy is removed with its local branch; what was only there can be had again."""

from __future__ import annotations

import re

import pytest

from namespaces import files
from namespaces.models import User
from namespaces.services import versions
from namespaces.services.versions import Author
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import FILES, NAMESPACE
from tests.workspace.test_git_pages import ORDERS, STORES, Browser, words
from tests.workspace.test_nothing_is_lost import reachable
from ui.errors import Conflict
from workspace import changes, removing, sharing, worktrees
from workspace.removing import NotKept, NotThere, StillNeeded

pytestmark = pytest.mark.django_db


def test_a_copy_with_nothing_of_its_own_goes(bound: Remote, ada: User) -> None:
    tree = worktrees.find(user=ada, namespace=NAMESPACE)
    assert not removing.only_there(tree)
    removing.remove(tree)
    assert not tree.folder.exists()
    assert worktrees.of_person(user=ada, namespace=NAMESPACE) == []
    with pytest.raises(NotThere):
        removing.mine(user=ada, namespace=NAMESPACE, branch="main")
    again = worktrees.find(user=ada, namespace=NAMESPACE)  # whoever looks at the branch again has a copy again
    assert files.read(again.place, ORDERS).decode() == FILES[ORDERS]


def test_what_is_only_in_a_copy_is_told_kept_and_brought_back(bound: Remote, ada: User, bob: User) -> None:
    tree = worktrees.create(user=ada, namespace=NAMESPACE, branch="fix/x")
    versions.write(tree.place, ORDERS, b"select 'first'\n", author=Author(ada))
    changes.choose(tree, [])
    amended = changes.commit(tree, message="First")
    versions.write(tree.place, ORDERS, b"select 'second'\n", author=Author(ada))
    changes.choose(tree, [])
    changes.commit(tree, message="Second", amend=True)
    files.write(tree.place, STORES, b"select 'chosen'\n")
    changes.choose(tree, [STORES])
    chosen = files.blob(tree.place, STORES)
    files.write(tree.place, STORES, b"select 'open'\n")
    files.write(tree.place, "new.sql", b"new\n")
    only = removing.only_there(tree)
    assert (only.files, [line.partition(" ")[2] for line in only.commits]) == ([STORES, "new.sql"], ["Second"])
    with pytest.raises(StillNeeded):
        removing.remove(tree)
    kept = removing.remove(tree, anyway=True)
    assert {amended, chosen} <= reachable()
    assert [row.branch for row in removing.removed(user=ada, namespace=NAMESPACE)] == ["fix/x"]
    with pytest.raises(NotKept):
        removing.bring_back(user=bob, namespace=NAMESPACE, kept=kept)
    worktrees.create(user=ada, namespace=NAMESPACE, branch="fix/x")
    with pytest.raises(Conflict, match="remove that first"):
        removing.bring_back(user=ada, namespace=NAMESPACE, kept=kept)
    fresh = removing.remove(removing.mine(user=ada, namespace=NAMESPACE, branch="fix/x"), anyway=True)
    assert [row.kept for row in removing.removed(user=ada, namespace=NAMESPACE)] == [fresh]
    again = removing.bring_back(user=ada, namespace=NAMESPACE, kept=kept)
    assert [files.read(again.place, path) for path in (ORDERS, STORES, "new.sql")] == [b"select 'second'\n", b"select 'open'\n", b"new\n"]
    assert [change.path for change in changes.status(again).changes] == [STORES, "new.sql"]
    assert [row.kept for row in removing.removed(user=ada, namespace=NAMESPACE)] == [fresh]
    assert {amended, chosen} <= reachable()
    changes.discard(again, [STORES, "new.sql"])
    sharing.push(again)
    removing.remove(again)  # all of it is in the remote


def test_a_copy_is_removed_on_the_page(bound: Remote, ada: User) -> None:
    browser = Browser(ada)
    other = Browser(ada, "dev")
    browser.client.post("/workspace/company.team/git/branches/create/", {"name": "dev", "start": "main"})
    other.write(ORDERS, "select 9\n")
    assert "Remove your copy of dev" in browser.get("branches/", htmx=True).content.decode()
    shown = words(browser.get("branches/copy/", htmx=True, name="dev"))
    assert "Not committed 1 models/orders.sql" in shown
    assert browser.post("branches/remove/", name="dev").status_code == 409
    answer = browser.post("branches/remove/", name="dev", anyway="1", htmx=False)
    assert answer["Location"].endswith("/git/?branch=main")
    listed = browser.get("branches/", htmx=True).content.decode()
    address = re.search(r'action="([^"]+/branches/return/[^"]+)"', listed)
    assert address
    assert browser.client.post(address[1])["Location"].endswith("/git/?branch=dev")
    assert files.read(other.tree.place, ORDERS) == b"select 9\n"
    assert browser.client.post(address[1]).status_code == 422
    for name in ("nowhere", "", "../x"):
        assert browser.get("branches/copy/", name=name).status_code == 422
        assert browser.post("branches/remove/", name=name).status_code == 422
    assert browser.client.post(f"/workspace/{NAMESPACE}/git/branches/return/{'0' * 40}/").status_code == 422
