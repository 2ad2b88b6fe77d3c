"""A person makes a connection, tries it, mends it, and a flow builds with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browsing import settled, sign_in
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.dbt, pytest.mark.timeout(300)]

FLOW = """id: connected
namespace: company.shop
tasks:
  - id: build
    type: io.kestra.plugin.dbt.cli.DbtCLI
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    containerImage: ghcr.io/kestra-io/dbt-duckdb
    inputFiles:
      dbt_project.yml: |
        name: shop
        version: "1.0"
        profile: shop
      models/one.sql: select 1 as one
    commands:
      - dbt build
"""


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Stack:
    made = make_stack(KESTRA_WEB_DEMO="false")
    made.start()
    return made


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    sign_in(page, stack)
    yield page
    page.close()


def look(page: Page, name: str) -> None:
    """Keep pictures where somebody wants to look at them."""
    folder = os.environ.get("KESTRA_WEB_TEST_SHOTS")
    if folder:
        for scheme in ("light", "dark"):
            for width in (1280, 390):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 800})
                page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1280, "height": 800})


def test_a_connection_is_made_tested_and_used(page: Page, stack: Stack, tmp_path: Path) -> None:
    with httpx.Client(base_url=stack.url, auth=(stack.user, stack.password)) as client:
        assert client.post("/api/v1/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"}).status_code == 200
        page.goto(f"{stack.url}/namespaces/company.shop/connections/")
        look(page, "empty")
        page.get_by_role("link", name="New connection").first.click()
        page.get_by_label("Adapter").select_option("snowflake")
        expect(page.get_by_label("Private key")).to_be_visible()
        look(page, "form")
        page.get_by_label("Adapter").select_option("duckdb")
        expect(page.get_by_label("Path")).to_be_visible()
        settled(page)
        page.get_by_label("Name", exact=True).fill("local")
        page.get_by_label("Path").fill(str(tmp_path / "none" / "shop.duckdb"))
        page.get_by_label("Use it where a task names no connection").check()
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Test local").click()
        expect(page.locator(".connection-test [data-state=FAILED]")).to_be_visible(timeout=120_000)
        expect(page.locator(".connection-test .error")).to_contain_text("No such file or directory")
        expect(page.locator(".connection-test pre")).to_be_hidden()
        look(page, "failed")

        page.get_by_role("link", name="local").click()
        page.get_by_label("Path").fill(str(tmp_path / "shop.duckdb"))
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Test local").click()
        expect(page.locator(".connection-test [data-state=SUCCESS]")).to_be_visible(timeout=60_000)
        look(page, "works")

        started = client.post("/api/v1/executions/company.shop/connected").json()["id"]
        wait_until(lambda: client.get(f"/api/v1/executions/{started}").json()["state"].get("endDate"), 60, "the flow ends")
        assert client.get(f"/api/v1/executions/{started}").json()["state"]["current"] == "SUCCESS"
        assert (tmp_path / "shop.duckdb").exists()
