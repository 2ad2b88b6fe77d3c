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
from tests.journeys.test_accessibility import AXE, findings
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]

FLOW = "company.team.dbt/build_warehouse"
ENDED = ("SUCCESS", "WARNING", "FAILED", "KILLED")


def build(stack: Stack, nodes: str) -> str:
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
    wait_until(lambda: "newest row was" in _page_of(client, "shop.orders"), 60, "the catalog knows how fresh the sources are")
    return str(started)


def _page_of(client: httpx.Client, name: str) -> str:
    """The page of the first node that a search finds; empty where it finds none."""
    found = re.search(r'href="(/catalog/\d+/nodes/[^"]+)"', client.get("/catalog/", params={"q": name}).text)
    return client.get(found[1]).text if found else ""


@pytest.fixture(scope="module")
def built(live_server_stack: Stack) -> str:
    """An execution that built the demo's project."""
    return build(live_server_stack, "company_analytics")


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


def test_lineage_is_walked_by_keys(page: Page, live_server_stack: Stack) -> None:
    page.goto(f"{live_server_stack.url}/catalog/?q=fct_orders")
    page.get_by_role("region", name="Found").get_by_role("link").filter(has=page.get_by_text("fct_orders", exact=True)).click()
    page.get_by_role("link", name="Lineage", exact=True).click()
    page.wait_for_selector("[data-lineage][data-ready]")
    node = page.locator("#lineage-graph a.node")
    everything = node.count()
    assert everything > 8
    page.keyboard.press("/")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("+fct_orders --exclude resource_type:seed")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-lineage][data-ready]")
    expect(page.get_by_role("link", name=re.compile("^raw_"))).to_have_count(0)

    page.get_by_role("link", name=re.compile("^fct_orders incremental")).click()
    panel = page.get_by_role("complementary", name="Chosen node")
    expect(panel.get_by_role("heading", level=2)).to_have_text("fct_orders")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("a.node[aria-current=true]")).to_have_attribute("aria-label", re.compile("^int_orders__settled"))
    expect(panel.get_by_role("heading", level=2)).to_have_text("int_orders__settled")
    assert "node=model.company_analytics.int_orders__settled" in page.url
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()

    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("heading", level=2)).to_have_text("fct_orders")
    panel.get_by_role("link", name="Focus").click()
    page.wait_for_selector("[data-lineage][data-ready]")
    expect(page.get_by_label("Selector")).to_have_value("2+fct_orders+2")
    page.get_by_role("button", name="One step less up").click()
    page.wait_for_selector("[data-lineage][data-ready]")
    expect(page.get_by_label("Selector")).to_have_value("1+fct_orders+2")
    page.get_by_role("button", name="Freshness").click()
    orders = page.get_by_role("link", name=re.compile("^fct_orders incremental"))
    expect(orders).to_have_attribute("data-state", "SUCCESS")  # what feeds it is fresh
    page.get_by_role("button", name="State", exact=True).click()
    expect(orders).to_have_attribute("data-state", "WARNING")  # one of its tests warns


def test_a_column_is_followed_through_the_graph(page: Page, live_server_stack: Stack) -> None:
    page.goto(live_server_stack.url)
    page.keyboard.press("ControlOrMeta+k")
    page.keyboard.type("order_total_eur")
    hit = page.get_by_role("option").filter(has_text="column of fct_orders")
    expect(hit).to_contain_text("company_analytics")
    expect(hit).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("fct_orders")
    page.get_by_role("link", name="order_total_eur", exact=True).click()
    page.wait_for_selector("[data-lineage][data-ready]")
    panel = page.get_by_role("complementary", name="Chosen node")
    expect(panel.get_by_role("heading", level=2)).to_have_text("order_total_eur")
    expect(panel.get_by_text("SUM(int_order_lines__priced.net_eur)")).to_be_visible()
    expect(panel.locator(".unknown")).to_contain_text("revenue_dashboard")
    settled_node = page.locator("a.node", has_text="int_orders__settled")
    expect(settled_node).to_have_class(re.compile("on-way"))
    expect(settled_node).to_have_attribute("aria-label", re.compile("^int_orders__settled order_total_eur"))
    expect(page.locator("a.node", has_text="stg_shop__returns")).to_have_class(re.compile("off-way"))

    page.locator("a.node[aria-current=true]").focus()  # the arrows keep to the way, and the panel goes on telling of it
    page.keyboard.press("ArrowLeft")
    expect(page.locator("a.node[aria-current=true]")).to_have_attribute("aria-label", re.compile("^int_orders__settled"))
    expect(panel.get_by_role("heading", level=2)).to_have_text("order_total_eur")
    page.keyboard.press("Enter")
    expect(panel.get_by_text("Column of int_orders__settled")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel.get_by_role("heading", level=2)).to_have_text("int_orders__settled")
    expect(panel.get_by_role("link", name="order_total_eur", exact=True)).to_be_focused()
    expect(page.locator("a.node.off-way")).to_have_count(0)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("heading", level=2)).not_to_have_text("int_orders__settled")
    assert "column=" in page.url


def test_a_selector_that_is_none_says_which_there_are(page: Page, live_server_stack: Stack) -> None:
    page.goto(f"{live_server_stack.url}/catalog/")
    page.get_by_role("link", name="company_analytics").click()
    page.get_by_role("link", name="Lineage", exact=True).click()
    page.get_by_label("Selector").fill("tog:x")
    page.keyboard.press("Enter")
    expect(page.get_by_text("`tog:` is not known here")).to_be_visible()


def test_two_executions_are_compared(page: Page, live_server_stack: Stack, built: str) -> None:
    later = build(live_server_stack, "fct_orders")
    page.goto(f"{live_server_stack.url}/executions/{later}/")
    page.get_by_role("link", name="compare").click()
    expect(page.get_by_label("Compare with")).to_have_value(built)
    expect(page.get_by_role("row", name="input nodes company_analytics fct_orders")).to_be_visible()
    nodes = page.get_by_role("table").last
    expect(nodes.get_by_role("row").filter(has_text="not here").first).to_be_visible()
    page.get_by_role("link", name="All nodes").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="fct_orders", exact=True))
    row.get_by_role("link", name="fct_orders", exact=True).click()
    shown = page.get_by_role("region", name="Compiled SQL")
    expect(shown.get_by_role("heading")).to_have_text("Compiled SQL of fct_orders")
    expect(shown.locator("[data-diff=added]").first).to_be_visible()  # the second build takes only what is new
    page.keyboard.press("Escape")
    expect(shown).to_be_hidden()
    page.get_by_role("link", name="Swap").click()
    expect(page.get_by_label("Compare with")).to_have_value(later)


def test_its_pages_have_no_serious_finding(page: Page, live_server_stack: Stack, built: str) -> None:
    page.context.add_init_script(path=AXE)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{live_server_stack.url}/catalog/?q=fct_orders")
    node = page.get_by_role("region", name="Found").get_by_role("link").filter(has=page.get_by_text("fct_orders", exact=True))
    address = str(node.get_attribute("href"))
    project, _, name = address.rstrip("/").partition("nodes/")
    places = ["/catalog/", "/catalog/?q=orders", project, f"{project}?kind=test", address, f"{project}lineage/?select=tog:x"]
    places += [f"{project}lineage/?select=%2Bfct_orders%2B&node={name}&column=order_total_eur"]
    places += [f"{project}lineage/?select=2%2Bfct_orders%2B2&node={name}", f"/executions/{built}/compare/?show=all&node={name}"]
    found = []
    for place in places:
        page.goto(f"{live_server_stack.url}{place}")
        if page.locator("[data-stage]:visible").count():
            page.wait_for_selector("[data-lineage][data-ready]")
        found += findings(page, place)
    assert not found, "\n".join(found)
