"""Open pages while a part of the server is killed: the run goes on, the pages come back by themselves and are right."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.journeys.browsing import sign_in
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.linux]
MakeStack = Callable[..., Stack]

# Begins and ends task runs all the time, so that rows and lines come while the server is away and after it.
FLOW = """id: goes_on
namespace: company.team.pages
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    tasks:
      - id: tick
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner: {type: io.kestra.plugin.core.runner.Process}
        commands: ['for n in 1 2 3 4 5; do echo "tick {{ taskrun.value }}.$n"; sleep 0.2; done']
"""
# A row as the page shows it: of one that goes on without its duration, which grows.
ROWS = """() => [...document.querySelectorAll('.gantt-row')].map((row) => [row.id, row.dataset.parent, row.dataset.state, row.dataset.from,
  row.dataset.to, row.hidden, row.dataset.to && row.querySelector('.gantt-time').textContent,
  row.querySelector('.gantt-name').textContent].join('|'))"""
LINES = "() => [...document.querySelectorAll('#log-window li')].map((line) => `${line.id}|${line.dataset.state}|${line.textContent}`)"
STATE = "() => document.querySelector('#execution-header .state').dataset.state"
# What the page says of its connection, and that it was never loaded again.
NOTE_LOSSES = """() => { window.losses = []; const dot = document.querySelector('#connection');
  const note = () => { if (dot.dataset.link === 'lost') window.losses.push(dot.textContent.trim()) };
  new MutationObserver(note).observe(dot, {attributes: true}) }"""


def _start(stack: Stack) -> str:
    with stack.client() as client:
        client.post("/api/v1/main/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"}).raise_for_status()
        return str(client.post("/api/v1/main/executions/company.team.pages/goes_on", files={"x": ("", b"")}).json()["id"])


def _open(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    return page


def _shown(gantt: Page, logs: Page) -> tuple[Any, ...]:
    return (gantt.evaluate(STATE), gantt.evaluate(ROWS), logs.evaluate(STATE), logs.evaluate(LINES))


@pytest.mark.parametrize("part", ["web", "redis"])
def test_an_open_page_comes_back_and_equals_its_reload(make_stack: MakeStack, browser: Browser, part: str) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    context = browser.new_context()
    sign_in(context.new_page(), stack)
    identity = _start(stack)
    address = f"{stack.url}/executions/{identity}"
    gantt, logs = _open(context, f"{address}/gantt/"), _open(context, f"{address}/logs/")
    expect(gantt.locator(".gantt-row", has_text="tick").first).to_have_attribute("data-state", "SUCCESS", timeout=20_000)
    expect(logs.locator("#log-window")).to_contain_text("tick 2.1", timeout=20_000)
    for page in (gantt, logs):
        page.evaluate(NOTE_LOSSES)
    before = stack.pid(part)
    killed = datetime.now(UTC)
    os.kill(before, signal.SIGKILL)
    for page in (gantt, logs):
        wait_until(lambda page=page: "Reconnecting" in page.evaluate("window.losses"), 5, "the page says that it is reconnecting")
    wait_until(lambda: stack.has_new(part, before), 10, f"{part} runs again")
    back = datetime.now(UTC)
    for page in (gantt, logs):
        expect(page.locator("#connection")).to_have_text("Live", timeout=20_000)
        assert page.evaluate("window.losses.length") > 0, "the page was loaded again"

    def equals_its_reload() -> bool:
        other = [_open(context, page.url) for page in (gantt, logs)]
        same = _shown(*other) == _shown(gantt, logs)
        for page in other:
            page.close()
        return same

    assert gantt.evaluate(STATE) == "RUNNING", "it was to come back before the end"
    wait_until(equals_its_reload, 10, "the open pages equal their reload while it runs")
    expect(gantt.locator("#execution-header .state")).to_have_attribute("data-state", "SUCCESS", timeout=40_000)
    expect(logs.locator("#execution-header .state")).to_have_attribute("data-state", "SUCCESS", timeout=5_000)
    time.sleep(1)
    assert equals_its_reload()
    assert len(gantt.evaluate(ROWS)) == 13
    assert [line for line in logs.evaluate(LINES) if "tick" not in line.split("|")[2]] == []
    with stack.client() as client:
        written = [datetime.fromisoformat(line["timestamp"]) for line in client.get(f"/api/v1/main/logs/{identity}").json()]
    assert [moment for moment in written if killed < moment < back], "the run went on meanwhile"
    context.close()
