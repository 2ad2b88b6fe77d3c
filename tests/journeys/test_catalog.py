"""What dbt leaves is looked at: a build fills the catalog, a search finds a column, a node tells all of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browsing import settled
from tests.journeys.signing import signed_in as client_of
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]

FLOW = "company.team.dbt/build_warehouse"
ENDED = ("SUCCESS", "WARNING", "FAILED", "KILLED")


def build(stack: Stack, nodes: str = "company_analytics") -> str:
    """Execute the demo's flow and wait until the catalog has what it left; answers the id of the execution."""
    client = client_of(stack)
    started = (
        client.post(f"/api/v1/main/executions/{FLOW}", files={"nodes": (None, nodes)}, auth=(stack.user, stack.password))
        .raise_for_status()
        .json()["id"]
    )

    def ended() -> bool:
        return client.get(f"/api/v1/main/executions/{started}", auth=(stack.user, stack.password)).json()["state"]["current"] in ENDED

    wait_until(ended, 120, "the build has ended")
    wait_until(lambda: started in _page_of(client, "fct_orders"), 60, "the catalog has what the build left")
    return str(started)


def _page_of(client: httpx.Client, name: str) -> str:
    """The page of the first node that a search finds; empty where it finds none."""
    found = re.search(r'href="(/catalog/\d+/nodes/[^"]+)"', client.get("/catalog/", params={"q": name}).text)
    return client.get(found[1]).text if found else ""


@pytest.fixture(scope="module")
def built(live_server_stack: Stack) -> str:
    """An execution that built the demo's project."""
    return build(live_server_stack)


@pytest.fixture
def page(browser: Browser, signed_in: Any, built: str) -> Iterator[Page]:
    """A page of someone who has signed in, that stays free of errors."""
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []
    context.close()


def test_a_column_is_searched_and_its_node_looked_at(page: Page, live_server_stack: Stack) -> None:
    page.goto(live_server_stack.url)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Catalog").click()
    expect(page.get_by_role("link", name="company_analytics")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("order_total")
    expect(page.get_by_role("region", name="Found").get_by_role("link").filter(has_text="fct_orders").first).to_be_visible()
    settled(page)
    assert "q=order_total" in page.url
    page.get_by_role("region", name="Found").get_by_role("link").filter(has=page.get_by_text("fct_orders", exact=True)).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("fct_orders")
    for shown in ("A row per order; every build adds to it.", "orders_delivered_unpaid", "order_total_eur", "Compiled SQL"):
        expect(page.get_by_text(shown, exact=True).first).to_be_visible()
    page.get_by_role("complementary", name="Facts").get_by_role("link", name="int_orders__settled").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("int_orders__settled")
