"""What the workspace page does with a dbt project, in a real browser: its lineage, where it runs, what is written and renamed, its SQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.timeout(240)]
NS = "company.team.shop"
PROFILES = "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:'}\n    prod: {type: duckdb, path: prod.duckdb}\n"
FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\n",
    "profiles.yml": PROFILES,
    ".sqlfluff": "[sqlfluff]\nrules = CP01\n",
    "models/sources.yml": (
        "sources:\n  - name: raw\n    tables:\n      - {name: payments, columns: [{name: PaymentId}, {name: amount}]}\n"
        "models:\n  - name: orders\n    description: \"{{ doc('orders') }}\"\n"
    ),
    "models/docs.md": "{% docs orders %}Every order, once.{% enddocs %}\n",
    "models/orders.sql": "select * from {{ source('raw', 'payments') }}\n",
    "models/kinds.sql": "select 1 as kind\nFROM {{ ref('orders') }}\n",
    "models/board.sql": "select * from {{ ref('kinds') }}\n",
}


@pytest.fixture
def page(browser: Browser, live_server_stack: Stack, signed_in: Any) -> Iterator[Page]:
    with live_server_stack.client() as client:
        for path, text in FILES.items():
            sent = {"fileContent": (path, text.encode())}
            client.post(f"/api/v1/main/namespaces/{NS}/files", params={"path": f"/{path}"}, files=sent).raise_for_status()
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 800}, base_url=live_server_stack.url)
    found = context.new_page()
    wrong: list[str] = []
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.set_default_timeout(20000)
    yield found
    context.close()
    assert wrong == []


def opened(page: Page, path: str) -> None:
    page.goto(f"/workspace/{NS}/?path={path}")
    page.locator("[data-workspace][data-ready]").wait_for()
    expect(page.get_by_text("shop: 3 nodes, 1 sources")).to_be_visible()


def command(page: Page, name: str) -> None:
    """Choose a command by its name, without a mouse."""
    page.keyboard.press("F1")
    page.keyboard.type(name)
    expect(page.get_by_role("option").first).to_contain_text(name)
    page.keyboard.press("Enter")


def content(stack: Stack, path: str) -> str:
    with stack.client() as client:
        return client.get(f"/api/v1/main/namespaces/{NS}/files", params={"path": f"/{path}"}).raise_for_status().text


def test_lineage_leads_from_file_to_file_and_files_are_written_and_renamed(page: Page, live_server_stack: Stack) -> None:
    opened(page, "models/kinds.sql")
    page.locator(".cm-content").click()
    page.keyboard.press("Alt+l")
    graph = page.locator("#work-lineage")
    expect(graph.get_by_role("link", name="kinds model")).to_have_attribute("aria-current", "true")
    expect(graph.get_by_role("link")).to_have_count(4)
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("join {{ ref('board') }}")  # a cycle, which the graph has to bear while somebody types nonsense
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+s")
    graph.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="board.sql", exact=True)).to_have_attribute("aria-selected", "true")
    expect(graph.get_by_role("link", name="board model")).to_have_attribute("aria-current", "true")
    page.locator("[data-target-button]").first.click()
    page.get_by_role("button", name="prod duckdb").click()
    expect(page.locator("[data-target-button]").first).to_have_text("prod")

    command(page, "Write a staging model of a table")
    page.get_by_label("Source and table, as shop.orders").fill("raw.payments")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="stg_raw__payments.sql, not saved")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("PaymentId as payment_id")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("tab", name="stg_raw__payments.sql", exact=True)).to_be_visible()

    page.get_by_role("tab", name="kinds.sql", exact=True).click()
    command(page, "Rename this model")
    page.get_by_label("New name; what refers to it follows").fill("sorts")
    page.keyboard.press("Enter")
    preview = page.get_by_role("dialog", name="kinds becomes sorts")
    expect(preview).to_contain_text("models/kinds.sql → models/sorts.sql")
    expect(preview).to_contain_text("models/board.sql")
    assert "ref('kinds')" in content(live_server_stack, "models/board.sql")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="sorts.sql", exact=True)).to_be_visible()
    assert "ref('sorts')" in content(live_server_stack, "models/board.sql")


@pytest.mark.long
@pytest.mark.dbt
def test_sql_is_formatted_as_shown_before_and_linted_at_its_line(page: Page, live_server_stack: Stack) -> None:
    opened(page, "models/kinds.sql")
    page.set_default_timeout(120_000)  # the first use makes the environment of both tools
    page.locator(".cm-content").click()
    command(page, "Lint")
    expect(page.get_by_role("tab", name="Problems 1")).to_have_attribute("aria-selected", "true", timeout=120_000)
    finding = page.locator("#pane-problems li")
    expect(finding).to_contain_text("2:1")
    page.locator("#pane-problems a").click()
    expect(page.get_by_text("Ln 2, Col 1")).to_be_visible()
    expect(page.locator(".cm-lint-marker-warning")).to_have_count(1)
    page.keyboard.press("Alt+Shift+F")
    shown = page.get_by_role("dialog", name="Format kinds.sql")
    expect(shown.locator(".cm-changedLine").first).to_be_visible(timeout=120_000)
    expect(shown.get_by_label("Formatted")).to_contain_text("from {{ ref(")
    page.keyboard.press("Enter")
    expect(page.locator(".cm-content").first).to_contain_text("from {{ ref(")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("tab", name="kinds.sql", exact=True)).to_be_visible()
    assert "FROM" not in content(live_server_stack, "models/kinds.sql")
