"""Rows that come into an open Gantt: the page loaded before plus the messages equals the page loaded after, without asking for it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.timeout(180)]

# Tells of nodes as dbt does, those that run side by side in each other's midst: tests before and after what they test, a failure with
# tests below it, one that was not known to belong below a model when it began.
SAYING = """import json, time
from datetime import datetime, timezone

def say(name, kind, node, status, model=""):
    now = datetime.now(timezone.utc).isoformat()
    made = {"unique_id": f"{kind}.shop.{node}", "node_name": node, "resource_type": kind, "node_started_at": now, "node_status": status}
    if status != "started":
        made["node_finished_at"] = now
    info = {"name": name, "level": "info", "msg": f"{name} {node}", "ts": now, "invocation_id": "i", "thread": "Thread-1"}
    about = {"attached_node": f"model.shop.{model}"} if model else {}
    print(json.dumps({"info": info, "data": {"node_info": made, "execution_time": 0.1, "status": status, **about}}), flush=True)
    time.sleep(0.02)

time.sleep(4)
say("LogStartLine", "test", "test_of_orders_0", "started")
for n in range(60):
    say("LogStartLine", "model", f"model_{n:02}", "started")
    if n > 1:
        say("LogModelResult", "model", f"model_{n - 2:02}", "error" if n % 20 == 9 else "success")
        say("LogStartLine", "test", f"test_{n:02}", "started", f"model_{n - 2:02}")
        say("LogTestResult", "test", f"test_{n:02}", "fail" if n % 20 == 11 else "pass", f"model_{n - 2:02}")
say("LogTestResult", "test", "test_of_orders_0", "pass", "model_05")
say("LogModelResult", "model", "model_58", "success")
say("LogModelResult", "model", "model_59", "success")
"""
FLOW = f"""id: many_rows
namespace: company.team.rows
tasks:
  - id: loop
    type: io.kestra.plugin.core.flow.ForEach
    values: [1, 2, 3]
    concurrencyLimit: 3
    tasks:
      - id: dbt
        type: io.kestra.plugin.dbt.cli.DbtCLI
        taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
        containerImage: ubuntu
        inputFiles:
          say.py: {json.dumps(SAYING)}
        commands: [python3 say.py]
"""
ROWS = """() => [...document.querySelectorAll('#gantt-body > .gantt-row')].map((row) => [row.id, row.dataset.parent, row.ariaLevel,
  row.ariaExpanded, row.dataset.state, row.dataset.from, row.dataset.to, row.hidden, row.querySelector('.gantt-time').textContent,
  row.querySelector('.gantt-name').textContent, row.querySelectorAll('.bar').length].join('|'))"""


@pytest.fixture
def page(browser: Browser, signed_in: Any, live_server_stack: Stack) -> Iterator[Page]:
    """A page of someone who is signed in; anything that goes wrong in it fails the test."""
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 900}, base_url=live_server_stack.url)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    assert wrong == []


@pytest.mark.long
def test_rows_that_come_stand_where_a_reload_puts_them(page: Page, live_server_stack: Stack) -> None:
    with live_server_stack.client() as client:
        client.post("/api/v1/main/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"}).raise_for_status()
        identity = client.post("/api/v1/main/executions/company.team.rows/many_rows", files={"x": ("", b"")}).json()["id"]
        page.goto(f"/executions/{identity}/gantt/")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if request.url.rstrip("/").endswith("/gantt") else None)
        state = lambda: client.get(f"/api/v1/main/executions/{identity}").json()["state"]  # noqa: E731
        wait_until(lambda: state().get("endDate"), 90, "the execution ends")
    expect(page.locator("#execution-header .state").first).to_have_attribute("data-state", state_word(live_server_stack, identity))
    expect(page.locator('.gantt-row:not([data-to])[data-state="RUNNING"]')).to_have_count(0)
    page.wait_for_timeout(3000)  # longer than the page waits for rows that it lacks
    shown = page.evaluate(ROWS)
    again = len(asked)
    page.reload()
    assert shown == page.evaluate(ROWS)
    assert len(shown) > 3 * 110
    assert again <= 3, f"the page asked {again} times for all of its rows"


def state_word(stack: Stack, identity: str) -> str:
    with stack.client() as client:
        return str(client.get(f"/api/v1/main/executions/{identity}").json()["state"]["current"])
