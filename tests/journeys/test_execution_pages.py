"""Pages of executions in a real browser: from the flow to the running Gantt, its keys, the log lines, the verbs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.redis]

FLOW = """id: ticks
namespace: company.team.pages
inputs:
  - {id: mode, type: SELECT, values: [calm, loud], allowCustomValue: true, defaults: calm}
  - {id: count, type: INT, min: 1, max: 500, defaults: 12}
  - {id: list, type: FILE, required: false}
tasks:
  - id: together
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - id: greet
        type: io.kestra.plugin.core.log.Log
        message: "mode {{ inputs.mode }}"
      - id: careful
        type: io.kestra.plugin.core.log.Log
        level: WARN
        message: take care
      - id: tick
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner: {type: io.kestra.plugin.core.runner.Process}
        commands:
          - for n in $(seq {{ inputs.count }}); do echo "tick $n"; sleep 0.2; done
"""
ROWS = """() => [...document.querySelectorAll('.gantt-row')].map((row) => [row.id, row.dataset.parent, row.dataset.state, row.dataset.from,
  row.dataset.to, row.hidden, row.querySelector('.gantt-time').textContent, row.querySelector('.gantt-name').textContent].join('|'))"""


@pytest.fixture
def page(browser: Browser, signed_in: Any, live_server_stack: Stack) -> Iterator[Page]:
    """A page of someone who is signed in; anything that goes wrong in it fails the test."""
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 800}, base_url=live_server_stack.url)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    # A form that comes back with errors is a 422, which the browser calls an error of its own.
    opened.on(
        "console", lambda message: wrong.append(message.text) if message.type == "error" and "status of 422" not in message.text else None
    )
    yield opened
    context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def flow(live_server_stack: Stack) -> str:
    """The address of the flow that these tests execute."""
    with httpx.Client(base_url=live_server_stack.url, auth=(live_server_stack.user, live_server_stack.password)) as client:
        answer = client.post("/api/v1/main/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"})
        assert answer.status_code in (200, 409, 422), answer.text
    return "/flows/company.team.pages/ticks"


def execute(page: Page, flow: str, **inputs: str) -> str:
    """Execute by the form; answers the address of the execution."""
    page.goto(f"{flow}/execute/")
    for name, value in inputs.items():
        page.locator(f"#input-{name}").fill(value)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/executions/\w+/gantt/"))
    return page.url.removesuffix("gantt/")


def state_of(page: Page) -> Any:
    return page.locator("#execution-header .state")


def test_rows_appear_while_it_runs_and_a_live_page_equals_its_reload(page: Page, flow: str) -> None:
    execute(page, flow)
    expect(page.locator(".gantt-row", has_text="tick")).to_have_attribute("data-state", "RUNNING", timeout=20_000)
    bar = page.locator(".gantt-row", has_text="tick").locator(".bar")
    expect(page.locator("#gantt-axis .now")).to_be_visible()
    first = float((bar.get_attribute("width") or "0").rstrip("%"))
    page.wait_for_timeout(900)
    assert float((bar.get_attribute("width") or "0").rstrip("%")) > first
    expect(state_of(page)).to_have_attribute("data-state", "SUCCESS", timeout=30_000)
    expect(page.locator("#gantt-axis .now")).to_have_count(0)
    live = page.evaluate(ROWS)
    page.reload()
    assert page.evaluate(ROWS) == live
    assert len(live) == 4


def test_the_gantt_is_used_by_keyboard(page: Page, flow: str) -> None:
    execute(page, flow, count="1")
    expect(state_of(page)).to_have_attribute("data-state", "SUCCESS", timeout=20_000)
    page.locator('.gantt-row[tabindex="0"]').focus()
    outer = page.locator(".gantt-row", has_text="together")
    expect(outer).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(outer).to_have_attribute("aria-expanded", "false")
    expect(page.locator(".gantt-row:visible")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".gantt-row:visible")).to_have_count(4)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".gantt-row", has_text="careful")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".step-pane")).to_contain_text("take care")
    assert "row=" in page.url
    page.keyboard.press("Escape")
    expect(page.locator(".step-pane")).to_have_count(0)
    page.keyboard.press("/")
    page.keyboard.type("greet")
    expect(page.locator(".gantt-row:visible")).to_have_count(2)


def test_the_logs_follow_and_jump(page: Page, flow: str) -> None:
    address = execute(page, flow, count="25")
    page.goto(f"{address}logs/")
    page.locator("[data-log-follow]").click()
    expect(page.locator("#log-window")).to_contain_text("tick 3", timeout=20_000)
    expect(page.locator("#log-window")).to_contain_text("tick 25", timeout=20_000)
    expect(state_of(page)).to_have_attribute("data-state", "SUCCESS", timeout=20_000)
    page.locator("#log-lines").focus()
    page.keyboard.press("w")
    expect(page.locator("#log-window li[aria-current]")).to_contain_text("take care")
    page.locator("[data-log-search]").fill("TICK 17")
    expect(page.locator("[data-search-count]")).to_have_text("1 of 1")
    expect(page.locator("#log-window li[aria-current] mark")).to_have_text("tick 17")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#log-window li[aria-current]")).to_contain_text("tick 17")
    page.locator("[data-log-level]").select_option("WARN")
    expect(page.locator("#log-window li")).to_have_count(1)


def test_a_typed_value_is_the_last_option_of_the_combobox(page: Page, flow: str) -> None:
    page.goto(f"{flow}/execute/")
    field = page.locator("#input-mode")
    field.click()
    expect(page.get_by_role("option", name="calm")).to_be_visible()
    field.fill("my own")
    expect(page.locator(".combo [data-own]")).to_contain_text("my own")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(field).to_have_value("my own")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/gantt/"))
    page.goto(page.url.replace("/gantt/", "/"))
    expect(page.locator("#execution-values")).to_contain_text("my own")


def test_a_wrong_value_is_told_at_its_field_and_nothing_is_lost(page: Page, flow: str) -> None:
    page.goto(f"{flow}/execute/")
    page.locator("#input-count").fill("9999")
    page.locator("#input-list").set_input_files({"name": "names.txt", "mimeType": "text/plain", "buffer": b"Ada"})
    with page.expect_response(re.compile("/execute/")) as answer:
        page.keyboard.press("Control+Enter")
    assert answer.value.status == 422
    expect(page.locator("#input-count")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#input-count")).to_be_focused()
    expect(page.locator(".file-drop")).to_contain_text("names.txt")
    page.locator("#input-count").fill("1")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/gantt/"))
    page.goto(page.url.replace("/gantt/", "/"))
    page.get_by_role("link", name="names.txt").click()
    expect(page.locator("main")).to_contain_text("Ada")


def test_pressed_twice_it_starts_once(page: Page, flow: str, live_server_stack: Stack) -> None:
    def count() -> int:
        with live_server_stack.client() as client:
            found = client.get("/api/v1/main/executions/search", params={"namespace": "company.team.pages", "flowId": "ticks"})
            return int(found.json()["total"])

    before = count()
    page.goto(f"{flow}/execute/")
    page.locator("#input-count").fill("1")
    page.evaluate("() => { const form = document.querySelector('#execute-form'); form.requestSubmit(); form.requestSubmit(); }")
    page.wait_for_url(re.compile(r"/gantt/"))
    assert count() == before + 1


def test_kill_asks_first_and_then_stops(page: Page, flow: str) -> None:
    execute(page, flow, count="200")
    expect(page.locator(".gantt-row", has_text="tick")).to_have_attribute("data-state", "RUNNING", timeout=20_000)
    page.get_by_role("button", name="Kill", exact=True).click()
    dialog = page.locator("#confirm")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Kill").click()
    expect(state_of(page)).to_have_attribute("data-state", "KILLED", timeout=15_000)
    expect(page.locator(".gantt-row", has_text="greet")).to_have_attribute("data-state", "SUCCESS")


def test_lists_change_in_place(page: Page, flow: str, live_server_stack: Stack) -> None:
    page.goto("/executions/?flow=ticks")
    with httpx.Client(base_url=live_server_stack.url, auth=(live_server_stack.user, live_server_stack.password)) as client:
        made = client.post("/api/v1/main/executions/company.team.pages/ticks", files={"count": (None, "1")}).json()
    expect(page.locator("[data-new-rows]")).to_contain_text("1 new", timeout=15_000)
    page.locator("[data-new-rows]").click()
    expect(page.locator(f"#execution-{made['id']}")).to_have_attribute("data-state-name", "SUCCESS", timeout=20_000)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways(width: int, scheme: Any, browser: Browser, signed_in: Any, flow: str, live_server_stack: Stack) -> None:
    context = browser.new_context(
        storage_state=signed_in,
        viewport={"width": width, "height": 800},
        base_url=live_server_stack.url,
        color_scheme=scheme,
        is_mobile=width < 768,
    )
    page = context.new_page()
    address = execute(page, flow, count="1")
    expect(state_of(page)).to_have_attribute("data-state", "SUCCESS", timeout=20_000)
    tabs = ("", "gantt/", "logs/", "topology/", "outputs/", "metrics/")
    for path in (
        "/",
        "/flows/",
        "/executions/",
        "/logs/",
        "/triggers/",
        f"{flow}/execute/",
        f"{flow}/executions/",
        *(f"{address}{tab}" for tab in tabs),
    ):
        page.goto(path)
        wide, seen = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= seen, path
    context.close()


PAUSE = """id: asks_first
namespace: company.team.pages
tasks:
  - {id: wait, type: io.kestra.plugin.scripts.shell.Commands, taskRunner: {type: io.kestra.plugin.core.runner.Process}, commands: [sleep 2]}
  - {id: approve, type: io.kestra.plugin.core.flow.Pause, onResume: [{id: reason, type: STRING}]}
  - {id: after, type: io.kestra.plugin.core.log.Log, message: "because {{ outputs.approve.onResume.reason }}"}
"""


def test_an_open_page_learns_what_a_pause_asks_for(page: Page, live_server_stack: Stack) -> None:
    with httpx.Client(base_url=live_server_stack.url, auth=(live_server_stack.user, live_server_stack.password)) as client:
        client.post("/api/v1/main/flows", content=PAUSE, headers={"Content-Type": "application/x-yaml"})
    execute(page, "/flows/company.team.pages/asks_first")
    expect(state_of(page)).to_have_attribute("data-state", "PAUSED", timeout=20_000)
    page.get_by_role("button", name="Resume").first.click()
    page.locator("#resume-dialog").get_by_label("reason").fill("it is Monday")
    page.locator("#resume-dialog button[type=submit]").click()
    expect(state_of(page)).to_have_attribute("data-state", "SUCCESS", timeout=20_000)
    page.locator(".gantt-row", has_text="after").click()
    expect(page.locator(".step-pane")).to_contain_text("because it is Monday")


def test_a_step_shows_its_sql_and_the_rows_become_threads(page: Page, live_server_stack: Stack) -> None:
    with httpx.Client(base_url=live_server_stack.url, auth=(live_server_stack.user, live_server_stack.password)) as client:
        answer = client.post("/api/v1/main/flows", content=json.dumps(_as_dbt_leaves_it()), headers={"Content-Type": "application/x-yaml"})
        assert answer.status_code in (200, 409, 422), answer.text
    execute(page, "/flows/company.team.pages/explained")
    expect(state_of(page)).to_have_attribute("data-state", "SUCCESS", timeout=30_000)
    expect(page.locator("#gantt-insights")).to_contain_text("Critical path 3.0 s in 2 steps", timeout=10_000)
    page.locator(".gantt-row", has_text="orders").first.click()
    pane = page.locator(".step-pane")
    pane.get_by_role("tab", name="Compiled SQL").click()
    expect(pane.locator("#panel-sql")).to_contain_text("from shop.orders")
    expect(pane.locator("#panel-log")).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    expect(pane.get_by_role("tab", name="Log")).to_be_focused()
    expect(pane.locator("#panel-log")).to_be_visible()
    page.locator("[data-path-toggle]").click()
    expect(page.locator(".gantt-row:visible")).to_have_count(3)
    page.get_by_role("navigation", name="Rows").get_by_role("link", name="Threads").click()
    expect(page.locator(".gantt-row:visible")).to_have_count(2)
    page.locator(".bar[data-step][data-label=items]").click()
    expect(page.locator(".step-pane h2")).to_have_text("items")
    page.locator(".slow-steps summary").click()
    expect(page.locator(".slow-steps tbody tr")).to_have_count(3)


def _as_dbt_leaves_it() -> dict[str, Any]:
    """A flow whose dbt task finds what dbt left: no dbt is needed to look at it."""
    results = [
        {
            "unique_id": f"model.shop.{name}",
            "status": "success",
            "thread_id": f"Thread-{thread}",
            "compiled_code": f"select 1 from shop.{name}",
            "execution_time": float(end - start),
            "timing": [{"name": "execute", "started_at": f"2026-01-01T00:00:0{start}Z", "completed_at": f"2026-01-01T00:00:0{end}Z"}],
        }
        for name, thread, start, end in (("orders", 1, 0, 1), ("items", 2, 0, 1), ("totals", 1, 1, 3))
    ]
    manifest = {"nodes": {"model.shop.totals": {"depends_on": {"nodes": ["model.shop.orders"]}}}}
    task = {
        "id": "build",
        "type": "io.kestra.plugin.dbt.cli.DbtCLI",
        "taskRunner": {"type": "io.kestra.plugin.core.runner.Process"},
        "containerImage": "ubuntu",
        "inputFiles": {"r.json": json.dumps({"results": results}), "m.json": json.dumps(manifest)},
        "commands": ["mkdir target && cp r.json target/run_results.json && cp m.json target/manifest.json"],
    }
    return {"id": "explained", "namespace": "company.team.pages", "tasks": [task]}
