"""People and namespaces in a real browser: by keyboard where people use it, without a breach of the content security policy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django import Settings

from kv import services as kv
from namespaces import files
from namespaces.models import Role, Secret, User
from namespaces.services import versions
from tests import builders, machine

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NS = "company.team"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread, our queries do not await it
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox", "--disable-background-networking"])
        yield found
        found.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")
    if before is not None:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def mara(settings: Settings, tmp_path: Path) -> User:
    settings.KESTRA_STORAGE = tmp_path
    user = builders.person("mara")
    user.set_password(PASSWORD)
    user.save()
    builders.member(user, Role.OWNER, NS)
    return user


@pytest.fixture
def page(browser: Any, live_server: Any, mara: User) -> Iterator[Page]:
    """A page of Mara, signed in through the form; the test fails on every error in its console."""
    context = browser.new_context(base_url=live_server.url, color_scheme="light")
    found = context.new_page()
    wrong: list[str] = []
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    found.goto("/account/")
    found.keyboard.type("mara@example.com")  # the first field has the focus
    found.keyboard.press("Tab")
    found.keyboard.type(PASSWORD)
    found.keyboard.press("Enter")
    found.wait_for_url(f"{live_server.url}/account/")
    found.set_default_timeout(8000)
    yield found
    context.close()
    expected = ("status of 4", "/dist/", "/ws/")  # refused forms; the editor's bundle and sockets, which this server does not have
    assert [text for text in wrong if not any(part in text for part in expected)] == []


def test_a_file_is_made_written_renamed_deleted_and_brought_back(page: Page) -> None:
    page.goto(f"/namespaces/{NS}/files/")
    page.keyboard.press("n")
    page.get_by_label("Path", exact=True).fill("models/a.sql")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?path=models%2Fa.sql")
    page.locator("[data-ready] #file-view").locator(".cm-content, textarea").locator("visible=true").first.click()
    page.keyboard.type("select 1")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("a.sql saved")).to_be_visible()
    assert files.read(NS, "models/a.sql") == b"select 1"
    page.keyboard.press("F2")
    page.get_by_label("New path").fill("models/marts/b.sql")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?path=models%2Fmarts%2Fb.sql")
    assert [entry.path for entry in files.walk(NS)] == ["models", "models/marts", "models/marts/b.sql"]
    page.locator("[popovertarget=file-menu]").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("b.sql is back")).to_be_visible()
    assert files.read(NS, "models/marts/b.sql") == b"select 1"


def test_what_someone_else_saved_meanwhile_is_not_lost(page: Page) -> None:
    files.write(NS, "a.txt", b"first\n\n\nlast\n")
    page.goto(f"/namespaces/{NS}/files/?path=a.txt")
    text = page.locator("[data-ready] #file-view").locator(".cm-content, textarea").locator("visible=true").first
    text.click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("my ")
    files.write(NS, "a.txt", b"first\n\n\nlast of theirs\n")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("a.txt saved together with")).to_be_visible()
    assert files.read(NS, "a.txt") == b"my first\n\n\nlast of theirs\n"
    page.locator("[data-ready] #file-view").wait_for()
    text.click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("again ")
    files.write(NS, "a.txt", b"their first\n")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Someone changed the same lines meanwhile")).to_be_visible()
    assert files.read(NS, "a.txt") == b"their first\n"
    expect(page.locator("#file-view")).to_contain_text("again my first")
    page.locator("[data-ready] #file-view").wait_for()
    text.click()
    page.keyboard.press("Control+s")
    expect(page.get_by_text("a.txt saved", exact=True)).to_be_visible()
    assert files.read(NS, "a.txt").startswith(b"<<<<<<< yours\nagain my first\n")


def test_what_was_deleted_is_listed_and_brought_back_and_a_version_restored(page: Page) -> None:
    for content in (b"one\n", b"two\n"):
        versions.write(NS, "models/a.sql", content, author=versions.SYSTEM)
    page.goto(f"/namespaces/{NS}/files/history/?path=models/a.sql")
    expect(page.locator("#changes tr[data-diff=added]")).to_have_text(["1two"])
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_text("a.sql is as in version 1")).to_be_visible()
    assert files.read(NS, "models/a.sql") == b"one\n"
    versions.delete(NS, "models", author=versions.SYSTEM)
    versions.write(NS, "b.sql", b"x", author=versions.SYSTEM)
    versions.delete(NS, "b.sql", author=versions.SYSTEM)
    page.goto(f"/namespaces/{NS}/files/trash/")
    page.get_by_role("button", name="Bring back models").click()
    expect(page.get_by_text("models is back")).to_be_visible()
    assert files.read(NS, "models/a.sql") == b"one\n"
    page.get_by_role("button", name="Empty the trash").click()
    page.get_by_role("dialog").get_by_role("button", name="Empty").click()
    expect(page.get_by_text("The trash is empty")).to_be_visible()


def test_files_are_uploaded_and_found(page: Page) -> None:
    page.goto(f"/namespaces/{NS}/files/")
    page.get_by_role("button", name="Upload").first.click()
    page.locator("#upload-files").set_input_files([
        {"name": "one.csv", "mimeType": "text/csv", "buffer": b"a,b"},
        {"name": "two.bin", "mimeType": "application/octet-stream", "buffer": b"\x00"},
    ])  # fmt: skip
    page.locator("#upload").get_by_role("button", name="Upload").click()
    expect(page.get_by_text("2\u00a0files uploaded")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("two")
    expect(page.locator("#file-tree a")).to_have_count(1)
    page.locator("#file-tree a").click()
    expect(page.get_by_text("Not a text")).to_be_visible()
    page.locator("[data-filter]").fill("a,b")
    expect(page.get_by_role("tree", name="Files that hold it").locator("p")).to_have_text(["1 a,b"])


def test_a_whole_folder_is_uploaded(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "chosen"
    for path in ("models/a.sql", "models/deep/a.sql"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    page.goto(f"/namespaces/{NS}/files/")
    page.get_by_role("button", name="Upload").first.click()
    page.get_by_label("A whole folder").check()
    page.locator("#upload-files").set_input_files(folder)
    page.locator("#upload").get_by_role("button", name="Upload").click()
    expect(page.get_by_text("2\u00a0files uploaded")).to_be_visible()
    assert files.paths(NS) == ["chosen/models/a.sql", "chosen/models/deep/a.sql"]
    assert files.read(NS, "chosen/models/deep/a.sql") == b"models/deep/a.sql"


def test_a_secret_goes_in_and_leaves_after_its_key_is_typed(page: Page) -> None:
    page.goto(f"/namespaces/{NS}/secrets/")
    page.get_by_role("button", name="New secret").click()
    page.get_by_label("Key", exact=True).fill("not a key!")
    page.get_by_label("Value").fill("hidden value")
    page.get_by_role("button", name="Set secret").click()
    expect(page.get_by_text("A key has letters")).to_be_visible()
    page.get_by_label("Key", exact=True).fill("TOKEN")
    page.get_by_label("Value").fill("hidden value")
    page.get_by_role("button", name="Set secret").click()
    expect(page.get_by_text("TOKEN is set")).to_be_visible()
    assert "hidden value" not in page.content()
    page.get_by_role("button", name="Delete TOKEN").click()
    page.get_by_label("Type TOKEN to delete it").fill("TOKEN")
    page.keyboard.press("Enter")
    expect(page.get_by_text("TOKEN is deleted")).to_be_visible()
    assert not Secret.objects.exists()


def test_a_key_keeps_its_type(page: Page) -> None:
    page.goto(f"/namespaces/{NS}/kv/")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Key", exact=True).fill("last_id")
    page.get_by_label("Type").select_option("NUMBER")
    page.get_by_label("Value").fill("twelve")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("twelve is not a number.")).to_be_visible()
    expect(page.get_by_label("Value")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("12")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("last_id is set")).to_be_visible()
    assert kv.get(NS, "last_id") == 12
    page.get_by_role("button", name="Delete last_id").click()
    page.locator("#confirm").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("last_id is deleted")).to_be_visible()
    assert kv.keys(NS) == []


def test_the_keyboard_reaches_everything_and_choices_are_kept(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("namesp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/namespaces/")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("f")
    page.wait_for_url("**/flows/")
    page.goto("/account/")
    page.set_viewport_size({"width": 1400, "height": 800})
    with page.expect_response("**/account/appearance/"):
        page.keyboard.press("[")
    with page.expect_response("**/account/appearance/"):
        page.get_by_role("button", name="Switch theme").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("body")).to_have_attribute("data-nav", "rail")


def test_a_token_is_shown_once(page: Page) -> None:
    page.get_by_role("button", name="New token").click()
    page.locator("#new-token").get_by_label("Name").fill("script")
    page.keyboard.press("Enter")
    token = page.locator("#new-token-text").inner_text()
    assert token.startswith("kw_")
    page.reload()
    assert token not in page.content()
    page.get_by_role("button", name="Revoke").click()
    page.locator("#confirm").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("No token", exact=True)).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways(page: Page, width: int) -> None:
    files.write(NS, f"{'a' * 120}/{'b' * 120}.sql", b"x" * 500)
    kv.set(NS, "k" * 200, "v" * 2000)
    page.set_viewport_size({"width": width, "height": 800})
    addresses = ["/account/", "/namespaces/", "/secrets/", *(f"/namespaces/{NS}/{tab}/" for tab in ("files", "kv", "secrets", "members"))]
    addresses.append(f"/namespaces/{NS}/files/?path={'a' * 120}/{'b' * 120}.sql")
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
