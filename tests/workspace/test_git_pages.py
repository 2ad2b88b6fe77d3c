"""The Git panel and what it opens, as a person uses them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test import Client

from namespaces import files
from namespaces.models import Repository, User
from namespaces.selectors import versions as selectors
from tests import builders
from tests.plugins.git.remotes import Remote, git
from tests.workspace.conftest import FILES, NAMESPACE
from workspace import history, worktrees
from workspace.worktrees import Worktree

pytestmark = pytest.mark.django_db
ORDERS, STORES = "models/orders.sql", "models/stores.sql"
BASE = f"/workspace/{NAMESPACE}/git/"
LONG = "".join(f"line {number}\n" for number in range(1, 31))


class Browser:
    """A person at the page of one branch."""

    def __init__(self, user: User, branch: str = "main") -> None:
        self.client, self.branch, self.user = Client(), branch, user
        self.client.force_login(user)

    def get(self, page: str = "", htmx: bool = False, **query: str) -> Any:
        headers = {"HX-Request": "true"} if htmx else {}
        return self.client.get(f"{BASE}{page}?{urlencode({'branch': self.branch, **query})}", headers=headers)

    def post(self, verb: str, htmx: bool = True, **form: Any) -> Any:
        headers = {"HX-Request": "true"} if htmx else {}
        return self.client.post(f"{BASE}{verb}?{urlencode({'branch': self.branch})}", form, headers=headers)

    @property
    def tree(self) -> Worktree:
        return worktrees.find(user=self.user, namespace=NAMESPACE, branch=self.branch)

    def write(self, path: str, text: str) -> None:
        files.write(self.tree.place, path, text.encode())


def words(answer: HttpResponse) -> str:
    """What a person reads."""
    text = re.sub(r"<(script|style|template)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def toast(answer: HttpResponse) -> str:
    return str(answer.headers.get("HX-Trigger-After-Settle", ""))


def test_without_a_repository_only_an_owner_is_shown_how_to_bind_one(remote: Remote, owner: User, ada: User) -> None:
    assert "An owner of the namespace binds it" in words(Browser(ada).get())
    assert "Bind a repository" in words(Browser(owner).get())
    assert Browser(ada).get("binding/").status_code == 403
    answer = Browser(owner).post("bind/", htmx=False, url="https://ada:token@example.org/x")
    assert (answer.status_code, "Leave the login out" in words(answer)) == (422, True)
    answer = Browser(owner).post("bind/", htmx=False, url=remote.url, protected="main\nrelease/*\n")
    assert answer.status_code == 302
    assert Repository.objects.get().protected == ["main", "release/*"]
    assert remote.url in Browser(owner).get("binding/").content.decode()
    assert Browser(owner).post("unbind/", htmx=False).status_code == 302
    assert not Repository.objects.exists()


def test_the_panel_is_a_page_and_a_part_of_another_page(bound: Remote, ada: User) -> None:
    browser = Browser(ada)
    page = browser.get()
    assert "<html" in page.content.decode()
    assert "Same as origin" in words(page)
    part = browser.get("panel/", htmx=True)
    assert part.content.decode().startswith("<aside")
    assert "Nothing has changed since the last commit." in words(part)


def test_a_change_is_looked_at_chosen_and_committed(bound: Remote, ada: User) -> None:
    browser = Browser(ada)
    browser.write(ORDERS, "select '<b>nine</b>'\n")
    browser.write("models/new.sql", "select 1\n")
    assert "Commit all 2 files" in words(browser.get("panel/", htmx=True))
    shown = browser.get("difference/", htmx=True, path=ORDERS)
    assert "select '&lt;b&gt;nine" in shown.content.decode().replace("&#x27;", "'")
    assert "select 1 as id" in words(shown)
    assert "new file" in words(browser.get("difference/", htmx=True, path="models/new.sql"))
    answer = browser.post("stage/", path=ORDERS)
    assert answer["HX-Trigger"] == "gitChanged"
    assert "Commit 1 file" in words(answer)
    assert "chosen" in words(browser.get("difference/", path=ORDERS))
    assert browser.post("commit/", message="").status_code == 422
    answer = browser.post("commit/", message="Nine orders", sign_off="on")
    assert "made" in toast(answer)
    assert "1 commit ahead" in words(answer)
    made = history.log(browser.tree)[0]
    assert (made.subject, made.author) == ("Nine orders", "Ada")
    shown = browser.get(f"commits/{made.id}/")
    assert "Signed-off-by: Ada <ada@example.com>" in words(shown)
    assert ORDERS in words(shown)
    assert "Amend the last" in words(answer)
    assert "amended" in toast(browser.post("commit/", message="Ten orders", amend="on", all="1"))
    assert [entry.subject for entry in history.log(browser.tree)] == ["Ten orders", "change"]


def test_one_piece_is_chosen_on_the_page(bound: Remote, ada: User) -> None:
    bound.commit({"long.txt": LONG})
    browser = Browser(ada)
    browser.post("pull/")
    browser.write("long.txt", LONG.replace("line 2\n", "line two\n").replace("line 29\n", "line 29b\n"))
    page = browser.get("difference/", htmx=True, path="long.txt").content.decode()
    hunks = re.findall(r'name="hunk" value="(\w+)"', page)
    assert len(hunks) == 4  # each can be discarded, and chosen
    assert hunks[0] == hunks[1]
    assert 'aria-checked="mixed"' in browser.post("stage-hunk/", path="long.txt", hunk=hunks[0]).content.decode()
    assert browser.post("stage-hunk/", path="long.txt", hunk="0" * 16).status_code == 409
    assert browser.post("discard-hunk/", path="long.txt", hunk=hunks[0]).status_code == 409  # it is chosen
    browser.post("stage-hunk/", path="long.txt", hunk=hunks[0], back="1")
    assert 'aria-checked="false"' in browser.get("panel/", htmx=True).content.decode()
    answer = browser.post("discard-hunk/", path="long.txt", hunk=hunks[2])
    assert "A piece of long.txt discarded" in toast(answer)
    assert files.read(browser.tree.place, "long.txt").decode() == LONG.replace("line 2\n", "line two\n")
    undo = re.search(r'"undo": "([^"]+)"', toast(answer))
    assert undo
    browser.client.post(undo[1])
    assert "29b" in files.read(browser.tree.place, "long.txt").decode()


def test_what_is_discarded_lies_in_the_trash_and_is_brought_back_by_undo(bound: Remote, ada: User) -> None:
    browser = Browser(ada)
    browser.write("models/new.sql", "select 1\n")
    answer = browser.post("discard/", path="models/new.sql")
    assert "new.sql discarded" in toast(answer)
    assert [row.path for row in selectors.trash(browser.tree.place)] == ["models/new.sql"]
    undo = re.search(r'"undo": "([^"]+)"', toast(answer))
    assert undo
    assert browser.client.post(undo[1]).status_code == 302
    assert files.read(browser.tree.place, "models/new.sql") == b"select 1\n"


def test_two_people_meet_in_one_line_and_the_later_decides(bound: Remote, ada: User, bob: User) -> None:
    hers, his = Browser(ada), Browser(bob)
    for browser, text in ((hers, "select 'ada'\n"), (his, "select 'bob'\n")):
        browser.write(ORDERS, text)
    assert f"Ada changed {ORDERS}" in words(his.get("others/", htmx=True))
    hers.post("commit/", message="hers", all="1")
    his.post("commit/", message="his", all="1")
    assert "Pushed to main" in toast(hers.post("push/"))
    refused = his.post("push/")
    assert (refused.status_code, "pull first" in words(refused)) == (409, True)
    answer = his.post("pull/")
    assert "1 file to decide" in words(answer)
    page = his.get("clash/", path=ORDERS).content.decode()
    assert "select &#x27;ada&#x27;" in page
    assert "select &#x27;bob&#x27;" in page
    key = unescape(re.findall(r'name="key" value="([^"]+)"', page)[0])
    assert his.post("clash/finish/").status_code == 409
    assert his.post("clash/resolve/", path=ORDERS, key="another", part="x").status_code == 422
    answer = his.post("clash/resolve/", path=ORDERS, key=key, part="select 'both'\r\n")
    assert "Everything is decided" in words(answer)
    assert files.read(his.tree.place, ORDERS) == b"select 'bob'\n"
    his.post("clash/reopen/", path=ORDERS)
    his.post("clash/resolve/", path=ORDERS, key=key, part="select 'both'\r\n")
    his.post("clash/finish/")
    assert files.read(his.tree.place, ORDERS) == b"select 'both'\n"
    assert "Pushed" in toast(his.post("push/"))
    assert bound.files()[ORDERS] == "select 'both'"
    assert "History of" in words(his.get("clash/", htmx=True, path=ORDERS))


def test_a_pull_can_be_cancelled(bound: Remote, ada: User) -> None:
    browser = Browser(ada)
    browser.write(ORDERS, "select 'ada'\n")
    browser.post("commit/", message="hers", all="1")
    bound.commit({ORDERS: "select 'colleague'\n"})
    assert "decide" in toast(browser.post("pull/", how="rebase"))
    assert "as it was" in toast(browser.post("clash/cancel/"))
    assert files.read(browser.tree.place, ORDERS) == b"select 'ada'\n"


def test_a_protected_branch_is_pushed_to_a_new_one_with_a_link_to_the_pull_request(bound: Remote, ada: User) -> None:
    Repository.objects.update(protected=["main"])
    browser = Browser(ada)
    browser.write(ORDERS, "select 9\n")
    answer = browser.post("commit/", message="nine", all="1")
    assert "Propose" in words(answer)
    assert browser.post("push/").status_code == 403
    answer = browser.post("push/", new_branch="nine")
    assert "Pushed to nine" in words(answer)
    assert "go on in nine" in words(answer)
    Repository.objects.update(url="https://github.com/a/b.git")
    assert "https://github.com/a/b/compare/main...nine?expand=1" in browser.get(pushed="nine").content.decode()
    assert "evil" not in browser.get(pushed="evil").content.decode().replace("pushed=evil", "")


def test_branches_are_made_switched_and_merged(bound: Remote, ada: User) -> None:
    git(bound.clone, "tag", "v1")
    git(bound.clone, "push", "-q", "origin", "v1")
    bound.commit({"models/dev.sql": "select 1\n"}, "dev")
    browser = Browser(ada)
    browser.write(ORDERS, "select 'open'\n")
    browser.post("fetch/")
    assert "v1" in words(browser.get("branches/"))
    answer = browser.client.post(f"{BASE}branches/create/", {"name": "fix/x", "start": "dev"})
    assert answer["Location"] == f"{BASE}?branch=fix%2Fx"
    assert files.exists(Browser(ada, "fix/x").tree.place, "models/dev.sql")
    assert files.read(browser.tree.place, ORDERS) == b"select 'open'\n"
    assert "dev merged" in toast(browser.post("branches/merge/", other="dev"))
    assert files.exists(browser.tree.place, "models/dev.sql")
    assert browser.client.post(f"{BASE}branches/create/", {"name": "-x"}).status_code == 422
    inside = {"HX-Request": "true", "HX-Current-URL": f"http://testserver/workspace/{NAMESPACE}/?branch=main"}
    answer = browser.client.post(f"{BASE}branches/create/", {"name": "fix/y"}, headers=inside)
    assert answer["HX-Redirect"] == f"/workspace/{NAMESPACE}/?branch=fix%2Fy"


def test_history_blame_and_files_as_they_were_are_shown(bound: Remote, ada: User) -> None:
    browser = Browser(ada)
    browser.write(ORDERS, "select 9\n")
    browser.post("commit/", message="nine", all="1")
    made = history.log(browser.tree)[0]
    browser.write("models/new.sql", "select 1\n")
    for page in ("log/", "blame/", f"commits/{made.id}/", f"commits/{made.id}/file/"):
        for htmx in (True, False):
            answer = browser.get(page, htmx=htmx, path=ORDERS)
            assert answer.status_code == 200, page
            assert ("new.sql" in words(answer)) is not htmx, page
    assert FILES[ORDERS].strip() in words(browser.get(f"commits/{made.parents[0]}/file/", path=ORDERS))
    assert "reverted" in toast(browser.post(f"commits/{made.id}/revert/"))
    assert files.read(browser.tree.place, ORDERS).decode() == FILES[ORDERS]


def test_a_commit_is_given_a_name_for_everybody(bound: Remote, ada: User) -> None:
    browser = Browser(ada)
    head = browser.tree.head() or ""
    assert "Tag v1.0 is made" in toast(browser.post(f"commits/{head}/tag/", name="v1.0", message="The first"))
    assert git(bound.folder, "rev-parse", "v1.0^{commit}") == head
    assert git(bound.folder, "for-each-ref", "--format=%(taggername) %(subject)", "refs/tags/v1.0") == "Ada The first"
    assert browser.post(f"commits/{head}/tag/", name="v1.0").status_code == 409
    git(bound.folder, "tag", "v2.0")
    assert browser.post(f"commits/{head}/tag/", name="v2.0").status_code == 409
    assert history.tags_of(NAMESPACE) == ["v1.0"]
    for wrong in ("", "-d", "--force", "a b", "../x", "refs/tags/x"):
        assert browser.post(f"commits/{head}/tag/", name=wrong).status_code == 422
    assert browser.post("commits/no-commit/tag/", name="x").status_code == 404


WRONG = [
    "", "..", "../x", "/etc/passwd", "-x", "--all", ".git/config", "a\nb", "a\x00b", "x" * 2000, "\u202egnp.sql", "models", "no/such.sql",
    ":(top)x", ":!x", "*", "a/" * 40 + "b", "\ud7ff", "%2e%2e", "'; drop", "<script>alert(1)</script>", "\\..\\x", "CON", "a:b",
]  # fmt: skip


def test_nothing_odd_breaks_a_page(bound: Remote, ada: User) -> None:
    browser = Browser(ada)
    browser.write(ORDERS, "select 9\n")
    made = browser.tree.head() or ""
    for text in WRONG:
        for page in ("", "log/", "difference/", "blame/", "clash/", f"commits/{made}/", f"commits/{made}/file/"):
            answer = browser.get(page, htmx=bool(page), path=text, skip=text, pushed=text)
            assert answer.status_code < 500, (page, text)
            assert "<script>alert(1)" not in answer.content.decode(), page
        for verb in ("stage/", "stage-hunk/", "discard/", "discard-hunk/", "clash/resolve/", "branches/merge/", "branches/create/"):
            form = {"path": text, "hunk": text, "other": text, "name": text, "start": text, "side": text, "key": text}
            assert browser.post(verb, **form).status_code < 500, (verb, text)
        assert browser.post("push/", new_branch=text or "-").status_code < 500
        assert browser.client.get(f"{BASE}?{urlencode({'branch': text})}").status_code < 500
    assert files.read(browser.tree.place, "dbt_project.yml").decode() == FILES["dbt_project.yml"]


def test_a_stranger_learns_nothing_and_a_reader_may_not(bound: Remote) -> None:
    for page in ("", "panel/", "log/"):
        assert Browser(builders.person(f"stranger{len(page)}")).get(page).status_code == 404
