"""The demo's first flow, from Execute to its end: through the API with a container, and in a real browser; and its kill."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import machine
from tests.journeys.signing import signed_in
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.docker, pytest.mark.timeout(240)]

FLOW = "company.team.dbt/dbt_duckdb"
ENDED = ("SUCCESS", "WARNING", "FAILED", "KILLED")
NODES = ("model.", "test.", "seed.", "snapshot.", "unit_test.", "operation.")
ROWS = """() => [...document.querySelectorAll('.gantt-row')].map(
  (row) => [row.querySelector('.gantt-name').textContent.trim(), row.dataset.state])"""


def _execution(client: httpx.Client, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/main/executions/{identity}").json()
    return found


def _start(client: httpx.Client) -> str:
    return str(client.post(f"/api/v1/main/executions/{FLOW}", files={"x": ("", b"")}).json()["id"])


def _nodes(execution: dict[str, Any]) -> dict[str, str]:
    return {run["taskId"]: run["state"]["current"] for run in execution.get("taskRunList") or [] if run["taskId"].startswith(NODES)}


@pytest.fixture(scope="module")
def page(live_server_stack: Stack) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(
            executable_path=machine.chromium(), args=["--no-sandbox", "--disable-background-networking"]
        )
        opened = browser.new_page()
        opened.goto(f"{live_server_stack.url}/signin/")
        opened.fill("input[type=email], input[name=username], input[name=email]", live_server_stack.user)
        opened.fill("input[type=password]", live_server_stack.password)
        opened.press("input[type=password]", "Enter")
        opened.wait_for_url(f"{live_server_stack.url}/")
        yield opened
        browser.close()


@pytest.mark.browser
def test_rows_of_the_gantt_appear_while_dbt_builds(live_server_stack: Stack, page: Page) -> None:
    page.goto(f"{live_server_stack.url}/flows/{FLOW}/execute/")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/executions/**")
    identity = page.url.split("/executions/")[1].split("/")[0]
    page.goto(f"{live_server_stack.url}/executions/{identity}/gantt/")
    seen: set[tuple[tuple[str, str], ...]] = set()
    with live_server_stack.client() as client:
        deadline = time.monotonic() + 120
        while (state := _execution(client, identity)["state"]["current"]) not in ENDED:
            assert time.monotonic() < deadline, "the demo does not end"
            seen.add(tuple((name, row) for name, row in page.evaluate(ROWS)))
            time.sleep(0.15)
        assert state == "WARNING"
        assert len(seen) >= 5
        nodes = _nodes(_execution(client, identity))
    assert len(nodes) >= 15
    assert "WARNING" in nodes.values()
    wait_until(lambda: len(page.evaluate(ROWS)) >= len(nodes), 5, "a row for every dbt node")


def test_a_container_builds_the_demo_and_the_header_names_it(live_server_stack: Stack) -> None:
    with live_server_stack.client() as client:
        identity = _start(client)
        wait_until(lambda: _execution(client, identity)["state"]["current"] in ENDED, 120, "the end of the demo")
        assert _execution(client, identity)["state"]["current"] == "WARNING"
        assert "ghcr.io/kestra-io/dbt-duckdb" in signed_in(live_server_stack).get(f"/executions/{identity}/").text


def test_a_killed_build_leaves_no_container_and_keeps_what_finished(live_server_stack: Stack) -> None:
    with live_server_stack.client() as client:
        identity = _start(client)
        wait_until(lambda: "SUCCESS" in _nodes(_execution(client, identity)).values(), 90, "a finished node")
        finished = {name for name, state in _nodes(_execution(client, identity)).items() if state == "SUCCESS"}
        client.delete(f"/api/v1/main/executions/{identity}/kill").raise_for_status()
        wait_until(lambda: _execution(client, identity)["state"]["current"] == "KILLED", 5, "KILLED")
        nodes = _nodes(_execution(client, identity))
    assert all(nodes[name] == "SUCCESS" for name in finished)
    labels = subprocess.run(["docker", "ps", "--format", "{{.Labels}}"], capture_output=True, text=True, check=True).stdout
    assert identity not in labels
