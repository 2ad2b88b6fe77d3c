"""A real browser that is signed in to the product."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import sync_playwright

from bench.stack import EMAIL, PASSWORD, Client

MISSING = "left out, no Chromium on this machine"


def program() -> str | None:
    """The path of Chromium; None where there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def signed_in(client: Client, *, height: int = 900) -> Iterator[Any]:
    """A page of Chromium, signed in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox", "--disable-background-networking"])
        page = browser.new_page(viewport={"width": 1280, "height": height})
        page.goto(f"{client.url}/signin")
        page.fill("input[type=email], input[name=email], input[name=username]", EMAIL)
        page.fill("input[type=password]", PASSWORD)
        page.press("input[type=password]", "Enter")
        page.wait_for_url(lambda address: "signin" not in address)
        try:
            yield page
        finally:
            browser.close()
