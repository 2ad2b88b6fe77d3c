"""Two people in two browsers work on one branch of a repository behind a real Git server, and nothing that either typed is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.git_servers import over_http
from tests.journeys.browsing import another_person
from tests.journeys.signing import signed_in as client_of
from tests.journeys.test_accessibility import AXE, findings
from tests.plugins.git.remotes import git
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.timeout(300)]
NS = "company.team.together"
TOKEN = "glpat-0nly-for-this-journey-1147"
MODEL = "models/orders.sql"
FILES = {
    "dbt_project.yml": "name: shop\nprofile: shop\nmodel-paths: [models]\n",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: ':memory:'}}}\n",
    "models/days.sql": "select 1 as day\n",
    MODEL: "select\n    1 as order_id,\n    2 as amount,\n    3 as store_id,\n    4 as customer_id\nfrom orders\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A bare repository whose branch `main` has a project."""
    bare, work = tmp_path / "git" / "shop.git", tmp_path / "work"
    bare.parent.mkdir()
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    git(tmp_path, "init", "-q", "-b", "main", str(work))
    for path, text in FILES.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text)
    git(work, "add", "-A")
    git(work, "commit", "-qm", "A shop")
    git(work, "push", "-q", str(bare), "main")
    return bare


@pytest.fixture
def address(live_server_stack: Stack, repository: Path) -> Iterator[str]:
    """The workspace of a namespace that is bound to it, with the token in a secret."""
    stack = live_server_stack
    with over_http(repository.parent, f"git_username:{TOKEN}") as server, closing(client_of(stack)) as pages, stack.client() as client:
        client.post("/api/v1/main/namespaces", json={"id": NS})
        client.put(f"/api/v1/main/namespaces/{NS}/secrets", json={"key": "GIT_TOKEN", "value": TOKEN}).raise_for_status()
        form = {"url": f"{server}/shop.git", "username": "git_username", "password_secret": "GIT_TOKEN", "default_branch": "main"}
        answer = pages.post(f"/workspace/{NS}/git/bind/", data=form).raise_for_status()
        assert "A shop" in answer.text
        yield f"/workspace/{NS}/?branch=main"


@pytest.fixture
def bob(live_server_stack: Stack, browser: Browser, address: str) -> Iterator[BrowserContext]:
    """The browser of a second person, a member of the namespace."""
    context = another_person(browser, live_server_stack, NS)
    yield context
    context.close()


def page_of(context: BrowserContext, wrong: list[str]) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.set_default_timeout(20000)
    return page


def opened(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("[data-workspace][data-ready]").wait_for()


def change(page: Page, old: str, new: str) -> None:
    """Replace a line of the file that is open, and save."""
    line = page.locator(".cm-line", has_text=old).first
    line.click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.type(new)
    with page.expect_response("**/save/**"):
        page.keyboard.press("Control+s")


def committed(page: Page, message: str) -> None:
    page.get_by_role("tab", name="Git").click()
    page.get_by_label("Message").fill(message)
    page.get_by_role("button", name="Commit all 1 file").click()
    expect(page.locator("#git-panel .git-last li").first).to_contain_text(message)


def test_two_people_change_one_model_and_nothing_is_lost(
    browser: Browser, live_server_stack: Stack, signed_in: Any, bob: BrowserContext, address: str, repository: Path
) -> None:
    wrong: list[str] = []
    first = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 800}, base_url=live_server_stack.url)
    ada, his = page_of(first, wrong), page_of(bob, wrong)
    for page in (ada, his):
        opened(page, f"{address}&path={MODEL}")
    change(his, "2 as amount", "    2 as amount_of_bob,")
    change(his, "4 as customer_id", "    4 as customer_of_bob")
    change(ada, "2 as amount", "    2 as amount_of_ada,")
    committed(his, "Bob renames two columns")
    committed(ada, "Ada renames one")
    expect(ada.locator("#git-others")).to_contain_text("Bob Baker")

    his.get_by_role("button", name="Push").click()
    expect(his.locator("#git-panel")).to_contain_text("Same as origin")
    ada.get_by_role("button", name="Push").click()
    expect(ada.locator("#page-messages")).to_contain_text("pull first")
    ada.get_by_role("button", name="Pull", exact=True).click()
    ada.locator("#git-panel").get_by_role("link", name=MODEL).click()
    expect(ada.locator("#git-view [data-theirs]")).to_contain_text("amount_of_bob")
    ada.locator("#git-view [data-take=both]").click()
    ada.get_by_role("button", name="This is the result").click()
    ada.get_by_role("button", name="Finish").click()
    expect(ada.locator("#git-panel")).to_contain_text("2 commits ahead")
    ada.get_by_role("button", name="Push").click()
    expect(ada.locator("#git-panel")).to_contain_text("Same as origin")
    merged = git(repository, "show", f"main:{MODEL}")
    assert all(word in merged for word in ("amount_of_ada", "amount_of_bob", "customer_of_bob"))
    assert "<<<<" not in merged
    authors = git(repository, "log", "--no-merges", "--format=%an %s", "main").splitlines()
    assert "Bob Baker Bob renames two columns" in authors

    # She types on, closes the browser without saving, and signs in elsewhere.
    opened(ada, f"{address}&path={MODEL}")
    ada.locator(".cm-content").click()
    with ada.expect_response("**/draft/**"):
        ada.keyboard.type("-- not saved ")
    first.close()
    elsewhere = browser.new_context(storage_state=signed_in, base_url=live_server_stack.url)
    again = page_of(elsewhere, wrong)
    opened(again, f"{address}&path={MODEL}")
    expect(again.locator(".cm-content")).to_contain_text("-- not saved")
    elsewhere.close()
    assert wrong == []
    assert not told(live_server_stack)


def told(stack: Stack) -> list[str]:
    """Where the token can be read: files below the data folder, the database among them, what the product printed, processes."""
    found = [str(path) for path in stack.home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    listed = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    return [*found, *(["output"] if TOKEN in stack.output else []), *(["processes"] if TOKEN in listed else [])]


def test_no_page_of_git_has_a_serious_finding(
    browser: Browser, live_server_stack: Stack, signed_in: Any, address: str, repository: Path
) -> None:
    context = browser.new_context(storage_state=signed_in, base_url=live_server_stack.url, reduced_motion="reduce")
    context.add_init_script(path=AXE)
    page = context.new_page()
    here = f"/workspace/{NS}/git/"
    with closing(client_of(live_server_stack)) as pages:
        pages.post(f"{here}branches/create/", data={"name": "looks", "start": "main"}).raise_for_status()
        base = pages.get(f"/workspace/{NS}/text/", params={"branch": "looks", "path": MODEL}).json()["base"]
        for path, started in ((MODEL, base), ("models/new.sql", "")):
            sent = {"path": path, "base": started, "text": "select 1 as mine\n"}
            pages.post(f"/workspace/{NS}/save/?branch=looks", json=sent).raise_for_status()
    found = []
    head = git(repository, "rev-parse", "main")
    for part in ("", f"difference/?path={MODEL}", f"blame/?path={MODEL}", "branches/", f"commits/{head}/", "deploy/", "binding/"):
        page.goto(f"{here}{part}{'&' if '?' in part else '?'}branch=looks")
        page.locator("main h2").first.wait_for()
        found += findings(page, f"git/{part}")
    context.close()
    assert not found, "\n".join(found)


def test_a_change_is_previewed_and_committed_by_keyboard_alone(
    browser: Browser, live_server_stack: Stack, signed_in: Any, address: str
) -> None:
    wrong: list[str] = []
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 800}, base_url=live_server_stack.url)
    page = page_of(context, wrong)
    opened(page, address)
    page.keyboard.press("Control+p")
    page.keyboard.type("days.sql")
    page.keyboard.press("Enter")
    expect(page.get_by_label("days.sql, source")).to_be_focused()
    page.keyboard.press("Control+End")
    page.keyboard.type("union all select 41 + 1")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("cell", name="42")).to_be_visible(timeout=150_000)  # the first time makes an environment with dbt
    with page.expect_response("**/save/**"):
        page.keyboard.press("Control+s")
    expect(page.get_by_role("treeitem", name="days.sql")).to_contain_text("M")
    page.keyboard.press("Control+Shift+G")
    expect(page.get_by_label("Message")).to_be_focused()
    expect(page.get_by_role("button", name="Commit all 1 file")).to_be_visible()
    page.keyboard.type("A day more")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#git-panel .git-last li").first).to_contain_text("A day more")
    context.close()
    assert wrong == []
