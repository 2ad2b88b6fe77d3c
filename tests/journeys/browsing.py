"""A real browser in front of a running product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from tests import machine
from tests.stack import Stack


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
