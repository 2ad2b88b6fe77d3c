"""Triggers in a real browser: switched in place, backfilled from the dialog, the bar that grows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browsing import sign_in
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.redis]

FLOW = """id: timed
namespace: company.team.timed
inputs:
  - {id: mode, type: SELECT, values: [calm, loud], defaults: calm}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.mode }} {{ trigger.date }}"}
triggers:
  - {id: hourly, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 * * * *"}
  - {id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: "@daily", description: once a day}
"""
PAGE = "/flows/company.team.timed/timed/triggers/"


@pytest.fixture(scope="module")
def client(live_server_stack: Stack) -> Iterator[httpx.Client]:
    """The API, with the flow saved and its triggers seen by the scheduler."""
    stack = live_server_stack
    with httpx.Client(base_url=f"{stack.url}/api/v1/main", auth=(stack.user, stack.password)) as client:
        answer = client.post("/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"})
        assert answer.status_code == 200, answer.text
        wait_until(lambda: len(states(client)) == 2, 10, "the scheduler saw the triggers")
        yield client


def states(client: httpx.Client) -> dict[str, dict[str, object]]:
    return {one["triggerId"]: one for one in client.get("/triggers/company.team.timed/timed").json()["results"]}


@pytest.fixture
def page(browser: Browser, client: httpx.Client, live_server_stack: Stack) -> Iterator[Page]:
    """A page of someone who is signed in; anything that goes wrong in it fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=live_server_stack.url)
    opened = context.new_page()
    sign_in(opened, live_server_stack)
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda told: wrong.append(told.text) if told.type == "error" and "status of 422" not in told.text else None)
    yield opened
    context.close()
    assert wrong == []


@pytest.mark.parametrize("url", ["/triggers/?q=timed", PAGE])
def test_a_trigger_is_switched_off_and_on_in_place(url: str, page: Page, client: httpx.Client) -> None:
    page.goto(url)
    switch = page.get_by_role("switch", name="daily of timed")
    expect(switch).to_have_attribute("aria-checked", "true")
    switch.click()
    expect(page.get_by_role("switch", name="daily of timed")).to_have_attribute("aria-checked", "false")
    expect(page.locator(".toast")).to_contain_text("Trigger daily is off")
    assert states(client)["daily"]["disabled"] is True
    assert page.url.endswith(url)
    page.get_by_role("switch", name="daily of timed").click()
    expect(page.get_by_role("switch", name="daily of timed")).to_have_attribute("aria-checked", "true")
    assert states(client)["daily"]["disabled"] is False
    page.reload()
    expect(page.get_by_role("switch", name="daily of timed")).to_have_attribute("aria-checked", "true")


def test_the_list_follows_its_filters_and_the_calendar_shows_what_comes(page: Page) -> None:
    page.goto("/triggers/?q=timed")
    expect(page.locator("#trigger-calendar")).to_contain_text("hourly")
    marks = page.locator("#trigger-calendar li", has_text="hourly").locator("rect")
    assert marks.count() in (23, 24, 25)
    page.get_by_label("State").select_option("off")
    expect(page.get_by_text("No trigger matches")).to_be_visible()
    assert "status=off" in page.url
    page.get_by_label("State").select_option("on")
    expect(page.locator("#trigger-rows").get_by_role("link", name="daily", exact=True)).to_be_visible()


def test_a_backfill_is_begun_in_the_dialog_watched_paused_and_ended(page: Page, client: httpx.Client) -> None:
    page.goto(PAGE)
    page.get_by_role("button", name="More for hourly").click()
    page.get_by_role("link", name="Backfill…").first.click()
    dialog = page.locator("#backfill-dialog")
    expect(dialog).to_be_visible()
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=200)
    page.get_by_label("From").fill(start.strftime("%Y-%m-%dT%H:%M"))
    page.get_by_label("From").press("Tab")
    expect(page.locator("#backfill-effect")).to_contain_text("201\u00a0executions")
    page.get_by_text("Other inputs than usual").click()
    page.get_by_label("mode").select_option("loud")
    page.get_by_role("button", name="Begin the backfill").click()
    bar = page.get_by_role("progressbar", name="Backfill of hourly")
    expect(bar).to_be_visible()
    first = bar.get_attribute("aria-valuenow") or ""
    expect(bar).not_to_have_attribute("aria-valuenow", first, timeout=15_000)  # the page follows by itself
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Backfill paused")).to_be_visible()
    backfill = states(client)["hourly"]["backfill"]
    assert isinstance(backfill, dict)
    assert (backfill["paused"], backfill["inputs"]) == (True, {"mode": "loud"})
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="End").click()
    page.locator("#confirm").get_by_role("button", name="End").click()
    expect(page.get_by_role("progressbar", name="Backfill of hourly")).to_have_count(0)

    found: list[dict[str, Any]] = client.get("/executions/search?namespace=company.team.timed&size=100").json()["results"]
    assert {one["inputs"]["mode"] for one in found} == {"loud"}
    dates = [one["trigger"]["variables"]["date"] for one in found]
    assert len(set(dates)) == len(dates)


def test_an_impossible_backfill_is_told_in_the_dialog(page: Page) -> None:
    page.goto(PAGE)
    page.get_by_role("button", name="More for daily").click()
    page.get_by_role("link", name="Backfill…").last.click()
    page.get_by_label("From").fill("2020-01-01T10:00")
    page.locator("#backfill-end").fill("2020-01-01T11:00")
    page.get_by_role("button", name="Begin the backfill").click()
    expect(page.locator("#backfill-dialog")).to_contain_text("no date between")
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("#backfill-dialog")).not_to_be_visible()


def test_a_trigger_has_a_page_of_its_own(page: Page) -> None:
    page.goto(PAGE)
    page.locator("#trigger-rows").get_by_role("link", name="daily", exact=True).click()
    page.wait_for_url(re.compile(r"/triggers/daily/$"))
    expect(page.locator("#trigger-facts")).to_contain_text("@daily")
    expect(page.locator("#trigger-log")).to_contain_text("It has said nothing")
