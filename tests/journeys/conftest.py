"""What journeys share: one running product for all of them, and a browser for each module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.journeys.browsing import open_browser, sign_in
from tests.stack import Stack


@pytest.fixture(scope="session")
def live_server_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The product as `make up` starts it, with its demo; every journey may use it, none may stop it."""
    stack = Stack(tmp_path_factory.mktemp("stack") / "home")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, with no page open yet."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def signed_in(browser: Browser, live_server_stack: Stack) -> Any:
    """The cookies of someone who has signed in."""
    context = browser.new_context()
    sign_in(context.new_page(), live_server_stack)
    state = context.storage_state()
    context.close()
    return state
