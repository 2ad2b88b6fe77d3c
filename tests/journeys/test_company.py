"""Two people have one file of a namespace open: they see each other, what the other saves, and lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.journeys.browsing import another_person
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.timeout(240)]
NS = "company.team.company"
MODEL = "models/orders.sql"
TEXT = "select\n    1 as one,\n    2 as two,\n    3 as three,\n    4 as four,\n    5 as five\n"


@pytest.fixture
def ada(live_server_stack: Stack, browser: Browser, signed_in: Any) -> Iterator[BrowserContext]:
    """The browser of whoever made the namespace."""
    with live_server_stack.client() as client:
        client.post("/api/v1/main/namespaces", json={"id": NS})
        sent = {"fileContent": ("orders.sql", TEXT.encode())}
        client.post(f"/api/v1/main/namespaces/{NS}/files", params={"path": f"/{MODEL}"}, files=sent).raise_for_status()
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 800}, base_url=live_server_stack.url)
    yield context
    context.close()


@pytest.fixture
def bob(live_server_stack: Stack, browser: Browser, ada: BrowserContext) -> Iterator[BrowserContext]:
    context = another_person(browser, live_server_stack, NS, email="bob.company@example.org")
    yield context
    context.close()


def opened(context: BrowserContext, address: str, wrong: list[str]) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.set_default_timeout(20000)
    page.goto(address)
    page.locator("[data-ready]").first.wait_for()
    return page


def typed(page: Page, line: str, text: str) -> None:
    """Write at the end of a line."""
    page.locator(".cm-line", has_text=line).first.click()
    page.keyboard.press("End")
    page.keyboard.type(text)


def test_two_people_in_one_file_see_each_other_and_what_the_other_saves(
    live_server_stack: Stack, ada: BrowserContext, bob: BrowserContext
) -> None:
    wrong: list[str] = []
    hers, his = (opened(context, f"/workspace/{NS}/?path={MODEL}", wrong) for context in (ada, bob))
    face = hers.get_by_role("img", name="Bob Baker: in this file too")
    expect(face).to_be_visible(timeout=20000)
    typed(his, "1 as one", " -- his")
    expect(hers.get_by_role("img", name="Bob Baker: typing in this file")).to_be_visible()
    his.keyboard.press("Control+s")
    expect(hers.locator(".cm-content")).to_contain_text("1 as one, -- his")  # nothing was typed here: it is taken over
    typed(hers, "5 as five", " -- hers")
    typed(his, "2 as two", " -- his too")
    his.keyboard.press("Control+s")
    expect(hers.get_by_text("your text will be put together with it")).to_be_visible()
    hers.keyboard.press("Control+s")
    expect(hers.locator(".cm-content")).to_contain_text("2 as two, -- his too")
    expect(his.locator(".cm-content")).to_contain_text("5 as five -- hers")
    with live_server_stack.client() as client:
        saved = client.get(f"/api/v1/main/namespaces/{NS}/files?path=/{MODEL}").text
    assert saved == "select\n    1 as one, -- his\n    2 as two, -- his too\n    3 as three,\n    4 as four,\n    5 as five -- hers\n"

    files = opened(ada, f"/namespaces/{NS}/files/?path={MODEL}", wrong)
    expect(files.get_by_role("img", name="Bob Baker: in this file too")).to_be_visible()
    his.close()
    expect(files.get_by_role("img", name="Bob Baker")).to_have_count(0)
    expect(face).to_have_count(0)
    assert wrong == []
