"""Every page, open menu and dialog as axe-core sees it in both themes, and at 200 % zoom: nothing serious, nothing too wide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.journeys.browsing import open_browser, sign_in
from tests.journeys.signing import signed_in
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.timeout(180)]

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
NAMESPACE = "company.team.shown"
FLOW = f"""id: shows
namespace: {NAMESPACE}
description: One of everything that pages show.
labels: {{env: dev}}
inputs:
  - {{id: name, type: STRING, defaults: a, description: A name}}
  - {{id: choice, type: SELECT, values: [one, two], allowCustomValue: true, defaults: one}}
  - {{id: upload, type: FILE, required: false}}
  - {{id: sure, type: BOOLEAN, defaults: true}}
tasks:
  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {{id: warn, type: io.kestra.plugin.core.log.Log, level: WARN, message: take care}}
      - id: shell
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
        outputFiles: ["*.txt"]
        commands:
          - echo hello > hello.txt
          - >-
            echo '::{{"outputs":{{"rows":3}},"metrics":[{{"name":"rows","type":"counter","value":3,"tags":{{"of":"hello"}}}}]}}::'
  - {{id: fails, type: io.kestra.plugin.core.execution.Fail, errorMessage: on purpose}}
triggers:
  - {{id: nightly, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 3 * * *", disabled: true}}
"""
FLOW_PAGE, NAMESPACE_PAGE = f"/flows/{NAMESPACE}/shows", f"/namespaces/{NAMESPACE}"
PAGES = (
    *(
        "/",
        "/flows/",
        "/flows/new/",
        "/flows/import/",
        "/executions/",
        "/logs/",
        "/triggers/",
        "/plugins/",
        "/plugins/io.kestra.plugin.dbt.cli.DbtCLI/",
    ),
    *("/secrets/", "/namespaces/", "/people/", "/account/", "/account/password/", "/storage/", "/api/docs", "/no/such/page/"),
    *("/workspace/", f"/workspace/{NAMESPACE}/?path=notes.md"),
    *(
        f"{FLOW_PAGE}/{tab}"
        for tab in (
            "",
            "editor/",
            "topology/",
            "topology/?node=root.both",
            "dependencies/",
            "executions/",
            "revisions/",
            "triggers/",
            "logs/",
            "metrics/",
            "execute/",
        )
    ),
    *(
        f"{NAMESPACE_PAGE}/{tab}"
        for tab in ("files/", "files/?path=/notes.md", "files/trash/", "files/history/?path=/notes.md", "kv/", "secrets/", "members/")
    ),
    *(f"{NAMESPACE_PAGE}/{tab}" for tab in ("variables/", "plugin-defaults/", "dependencies/")),
    *(
        f"EXECUTION/{tab}"
        for tab in ("", "gantt/", "logs/", "topology/", "topology/?node=root.both.shell", "outputs/", "metrics/", "labels/")
    ),
)
CHECK = """async (only) => (await axe.run(document, {resultTypes: ['violations'], ...only})).violations
  .filter((found) => ['serious', 'critical'].includes(found.impact))
  .map((found) => `${found.id}: ${found.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`)"""
CONTRAST = {"runOnly": ["color-contrast"]}  # what a theme changes
WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 390, "height": 844}
YAML = {"Content-Type": "application/x-yaml"}
WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"


@pytest.fixture(scope="module")
def execution(live_server_stack: Stack) -> str:
    """The address of an execution that has failed, in a namespace with one of everything."""
    with live_server_stack.client() as client:
        client.post("/api/v1/main/flows", content=FLOW, headers=YAML).raise_for_status()
        changed = FLOW.replace("take care", "take great care")
        client.put(f"/api/v1/main/flows/{NAMESPACE}/shows", content=changed, headers=YAML).raise_for_status()
        client.put(f"/api/v1/main/namespaces/{NAMESPACE}/kv/last_id", content="42").raise_for_status()
        files = {"fileContent": ("notes.md", b"# Notes\n")}
        client.post(f"/api/v1/main/namespaces/{NAMESPACE}/files", params={"path": "/notes.md"}, files=files).raise_for_status()
        made = client.post(f"/api/v1/main/executions/{NAMESPACE}/shows", files={"name": (None, "b")}).raise_for_status().json()["id"]
        _fill(signed_in(live_server_stack))
        wait_until(lambda: _state(client, made) == "FAILED", 30, "the end of the execution")
    return f"/executions/{made}"


def _fill(client: httpx.Client) -> None:
    for address, fields in (
        (f"{NAMESPACE_PAGE}/secrets/put/", {"key": "PASSWORD", "value": "hush", "description": "of the warehouse"}),
        ("/people/add/", {"email": "mara@example.org", "name": "Mara Lind"}),
        (f"{NAMESPACE_PAGE}/members/add/", {"email": "mara@example.org", "role": "member"}),
    ):
        client.post(address, data=fields).raise_for_status()


def _state(client: httpx.Client, identity: str) -> Any:
    return client.get(f"/api/v1/main/executions/{identity}").json()["state"]["current"]


@pytest.fixture
def page(live_server_stack: Stack) -> Iterator[Page]:
    """A page with axe in it, without the motion in which colours pass through others."""
    with open_browser() as browser:
        context = browser.new_context(base_url=live_server_stack.url, reduced_motion="reduce", color_scheme="light")
        context.add_init_script(path=AXE)
        yield context.new_page()
        context.close()


STILL = """() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling') && document.getAnimations()
  .every(each => each.playState !== 'running' || each.effect.getComputedTiming().iterations === Infinity)"""


def findings(page: Page, address: str) -> list[str]:
    """What is wrong with the page that is open, once nothing in it changes any more."""
    page.wait_for_function(STILL)
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    found = [f"{address} light {one}" for one in page.evaluate(CHECK, {})]
    page.emulate_media(color_scheme="dark")
    found += [f"{address} dark {one}" for one in page.evaluate(CHECK, CONTRAST)]
    page.set_viewport_size({"width": 640, "height": 400})  # what 1280 by 800 has at 200 %
    wide, seen = page.evaluate(WIDTHS)
    return [*found, *([f"{address} scrolls sideways at 200 %"] if wide > seen else [])]


def test_no_page_has_a_serious_finding(page: Page, execution: str, live_server_stack: Stack) -> None:
    page.goto("/signin/")
    found = findings(page, "/signin/")
    sign_in(page, live_server_stack)
    for place in PAGES:
        address = place.replace("EXECUTION", execution)
        page.goto(address)
        found += findings(page, place)
    assert not found, "\n".join(found)


# --- open menus and dialogs ---------------------------------------------------------------------------------------------------------------

OPENERS = """() => [...document.querySelectorAll('[popovertarget], [data-dialog-open]')]
  .map((button) => button.getAttribute('popovertarget') ?? button.dataset.dialogOpen)"""
# A button that stands in a menu is pressed there.
OPEN = """(id) => {
  const button = document.querySelector(`[popovertarget="${id}"], [data-dialog-open="${id}"]`);
  button.closest('[popover]')?.showPopover();
  button.closest('[hidden]')?.removeAttribute('hidden');
  button.click();
}"""
SHOWN = "() => document.querySelector('dialog[open], :popover-open') !== null"
CLOSE = """() => {
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  for (const menu of document.querySelectorAll(':popover-open')) menu.hidePopover();
}"""
OUTSIDE = """() => [...document.querySelectorAll('dialog[open], :popover-open')].map((open) => [open.id, open.getBoundingClientRect()])
  .filter(([, box]) => box.left < 0 || box.top < 0 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1).map(([id]) => id)"""
ROW = '#execution-rows [name="id"]'
BULK = ("restart", "replay", "kill", "delete", "pause", "resume", "run-now", "unqueue", "labels", "change-status")
HEADER_MENU = "#execution-header [popovertarget=execution-menu]"
PRESSED = (
    *(
        ("/executions/", (ROW, *(("[popovertarget=bulk-menu]",) if verb in BULK[4:] else ()), f"[data-bulk-action={verb}]"))
        for verb in BULK
    ),
    *(
        (f"/flows/?namespace={NAMESPACE}", ("#flow-list tbody [name=id]", f"[data-bulk-action={verb}]"))
        for verb in ("enable", "disable", "delete")
    ),
    ("EXECUTION/", (HEADER_MENU, "#execution-menu >> text=Replay with changes", "[name=_change]")),
    ("EXECUTION/", (HEADER_MENU, "#execution-menu >> text=Delete")),
    ("EXECUTION/", ("#execution-header >> text=Replay",)),
    ("EXECUTION/gantt/", (".gantt-row >> text=shell", ".step-pane >> text=Replay from here")),
    ("EXECUTION/gantt/", (".gantt-row >> text=shell", ".set-state button")),
    (f"{FLOW_PAGE}/", ("[popovertarget=flow-menu]", "#flow-menu >> text=Delete")),
    ("/triggers/", (f"tr:has-text('{NAMESPACE}') [popovertarget^=trigger-menu]", ":popover-open >> text=Backfill")),
    ("/triggers/", (f"tr:has-text('{NAMESPACE}') [popovertarget^=trigger-menu]", ":popover-open >> text=Restart")),
    ("PAUSED/", ("#execution-header >> text=Resume",)),
    ("PAUSED/", ("#execution-header >> text=Kill",)),
)


def _openfindings(page: Page, name: str) -> list[str]:
    """What is wrong with what is open on the page."""
    page.wait_for_function(SHOWN)
    page.emulate_media(color_scheme="light")
    found = [f"{name} light {one}" for one in page.evaluate(CHECK, {})]
    page.emulate_media(color_scheme="dark")
    return found + [f"{name} dark {one}" for one in page.evaluate(CHECK, CONTRAST)]


@pytest.fixture(scope="module")
def paused(live_server_stack: Stack) -> str:
    """The address of an execution that waits for a person's answer."""
    source = f"""id: asks
namespace: {NAMESPACE}
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Pause
    onResume: [{{id: reason, type: STRING}}, {{id: kind, type: SELECT, values: [a, b], allowCustomValue: true}}, {{id: paper, type: FILE}}]
"""
    with live_server_stack.client() as client:
        client.post("/api/v1/main/flows", content=source, headers=YAML).raise_for_status()
        made = client.post(f"/api/v1/main/executions/{NAMESPACE}/asks", files={"-": (None, "")}).raise_for_status().json()["id"]
        wait_until(lambda: _state(client, made) == "PAUSED", 30, "the pause")
    return f"/executions/{made}"


@pytest.mark.timeout(400)
def test_no_open_menu_or_dialog_has_a_serious_finding(page: Page, execution: str, paused: str, live_server_stack: Stack) -> None:
    sign_in(page, live_server_stack)
    found: list[str] = []
    seen: set[str] = set()
    for place in (*PAGES, "PAUSED/"):
        page.set_viewport_size(WIDE)
        page.goto(place.replace("EXECUTION", execution).replace("PAUSED", paused))
        for target in page.evaluate(OPENERS):
            kind = re.sub(r"\d+|-(?=[0-9a-f]{8})\S+", "", target)
            if kind in seen:
                continue
            seen.add(kind)
            if target == "nav":  # a drawer in narrow windows only
                page.set_viewport_size(NARROW)
            page.evaluate(OPEN, target)
            found += _openfindings(page, f"{place} #{target}")
            page.evaluate(CLOSE)
            page.set_viewport_size(NARROW)
            page.evaluate(OPEN, target)
            found += [f"{place} #{one} does not fit in a narrow window" for one in page.evaluate(OUTSIDE)]
            page.evaluate(CLOSE)
            page.set_viewport_size(WIDE)
    assert {"nav", "account-menu", "state-menu", "columns-menu", "execution-menu", "status-dialog", "flow-menu", "trigger-menu-"} <= seen
    assert not found, "\n".join(found)


@pytest.mark.timeout(400)
def test_no_dialog_that_the_server_sends_and_no_question_has_a_serious_finding(
    page: Page, execution: str, paused: str, live_server_stack: Stack
) -> None:
    sign_in(page, live_server_stack)
    found: list[str] = []
    for place, steps in PRESSED:
        page.set_viewport_size(WIDE)
        page.goto(place.replace("EXECUTION", execution).replace("PAUSED", paused))
        for step in steps:
            page.locator(step).first.click()
        page.wait_for_selector("dialog[open]")
        found += _openfindings(page, f"{place} {steps[-1]}")
        page.set_viewport_size(NARROW)
        found += [f"{place} {steps[-1]} does not fit in a narrow window" for _ in page.evaluate(OUTSIDE)]
    assert not found, "\n".join(found)


WAITS = f"""id: waits
namespace: {NAMESPACE}
tasks:
  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: {NAMESPACE}, flowId: shows, transmitFailed: false}}
      - {{id: lines, type: io.kestra.plugin.core.debug.Return, format: x}}
      - id: approve
        type: io.kestra.plugin.core.flow.Pause
        onResume:
          - {{id: reason, type: STRING}}
          - {{id: target, type: SELECT, values: [dev, prod], allowCustomValue: true}}
          - {{id: token, type: SECRET}}
      - {{id: attach, type: io.kestra.plugin.core.flow.Pause, onResume: [{{id: document, type: FILE}}, {{id: pages, type: INT, max: 9}}]}}
"""


def test_nothing_that_opens_on_an_execution_has_a_serious_finding(page: Page, execution: str, live_server_stack: Stack) -> None:
    with live_server_stack.client() as client:
        client.post("/api/v1/main/flows", content=WAITS, headers=YAML).raise_for_status()
        made = client.post(f"/api/v1/main/executions/{NAMESPACE}/waits").raise_for_status().json()["id"]
        runs = lambda: client.get(f"/api/v1/main/executions/{made}").json()["taskRunList"]  # noqa: E731
        wait_until(lambda: sum(run["state"]["current"] == "PAUSED" for run in runs()) == 2, 30, "two tasks that wait")
    sign_in(page, live_server_stack)
    page.set_viewport_size(WIDE)
    page.goto(f"/executions/{made}/")
    expect(page.locator("#execution-children")).to_be_visible()
    page.get_by_role("button", name="Answer and resume").click()
    for name in ("Resume approve", "Resume attach"):
        page.get_by_role("button", name=name).click()
    expect(page.locator(".resume-form .error")).to_have_count(5)
    found = findings(page, "the resume dialog")
    page.goto(f"/executions/{made}/outputs/")
    page.locator("#expression").focus()
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("listbox")).to_be_visible()
    found += findings(page, "the list of completions")
    assert not found, "\n".join(found)
