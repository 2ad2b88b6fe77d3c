"""A real browser in front of a running product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import machine
from tests.journeys.signing import signed_in
from tests.stack import Stack

WORD = "a long enough password"


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Headless Chromium, as long as the block."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox", "--disable-background-networking"])
        yield opened
        opened.close()


def sign_in(page: Page, stack: Stack) -> None:
    """Sign in by the form, as the administrator."""
    page.goto(f"{stack.url}/signin/")
    page.get_by_label("Email").fill(stack.user)
    page.get_by_label("Password", exact=True).fill(stack.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{stack.url}/")


def settled(page: Page) -> None:
    """Wait until what htmx has put into the page is wired: it takes 20 ms, in which a person clicks nothing and a test may."""
    page.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling, .htmx-added')")


def another_person(browser: Browser, stack: Stack, namespace: str, *, email: str = "bob@example.org") -> BrowserContext:
    """The browser of Bob Baker, new here, who is a member of a namespace, signed in with a password of their own."""
    with closing(signed_in(stack)) as pages:
        shown = pages.post("/people/add/", data={"email": email, "name": "Bob Baker"}).text
        first = re.search(r'id="new-password-text">([^<]+)<', shown)
        assert first
        pages.post(f"/namespaces/{namespace}/members/add/", data={"email": email, "role": "member"})
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=stack.url)
    page = context.new_page()
    page.goto("/signin/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(first[1])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Present password").fill(first[1])
    page.get_by_label("New password", exact=True).fill(WORD)
    page.get_by_label("New password again").fill(WORD)
    page.locator("main button[type=submit], main button.btn[data-kind=primary]").first.click()
    page.wait_for_url(f"{stack.url}/**")
    page.close()
    return context
