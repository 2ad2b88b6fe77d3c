"""What people look at, in a real browser: topology, a paused execution, a long loop, outputs, all log lines, variables of a namespace."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browsing import settled
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.timeout(180)]

NS = "company.team.seen"
RETURN = "type: io.kestra.plugin.core.debug.Return"
FLOWS = {
    "inner": f"tasks: [{{id: deep, {RETURN}, format: deep}}]",
    "outer": f"""tasks:
  - id: choose
    type: io.kestra.plugin.core.flow.If
    condition: "{{{{ true }}}}"
    then: [{{id: taken, {RETURN}, format: yes}}]
    else: [{{id: left, {RETURN}, format: no}}]
  - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: {NS}, flowId: inner}}
""",
    "inside": """tasks:
  - {id: early, type: io.kestra.plugin.core.flow.Sleep, duration: PT3S}
  - {id: late, type: io.kestra.plugin.core.flow.Sleep, duration: PT3S}
""",
    "slow": f"""tasks:
  - {{id: first, type: io.kestra.plugin.core.flow.Sleep, duration: PT3S}}
  - {{id: breaks, type: io.kestra.plugin.core.execution.Fail, allowFailure: true}}
  - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: {NS}, flowId: inside}}
""",
    "asks": f"""tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Pause
    onResume: [{{id: reason, type: STRING}}, {{id: amount, type: INT, max: 9, defaults: 3}}]
  - {{id: told, {RETURN}, format: "{{{{ outputs.ask.onResume.reason }}}} {{{{ outputs.ask.onResume.amount }}}}"}}
""",
    "asks_twice": f"""tasks:
  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {{id: approve, type: io.kestra.plugin.core.flow.Pause, onResume: [{{id: reason, type: STRING}}]}}
      - id: attach
        type: io.kestra.plugin.core.flow.Sequential
        tasks:
          - {{id: wait, type: io.kestra.plugin.core.flow.Sleep, duration: PT4S}}
          - id: upload
            type: io.kestra.plugin.core.flow.Pause
            onResume: [{{id: document, type: FILE}}, {{id: pages, type: INT, max: 9}}]
  - {{id: told, {RETURN}, format: "{{{{ outputs.approve.onResume.reason }}}}, {{{{ read(outputs.upload.onResume.document) }}}}"}}
""",
    "loops": f"""tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{{{ range(1, 300) }}}}"
    concurrencyLimit: 0
    tasks: [{{id: one, {RETURN}, format: "v{{{{ taskrun.value }}}}"}}]
""",
    "spreads": f"""tasks:
  - {{id: lines, type: io.kestra.plugin.core.storage.Write, content: "{{% for i in range(1, 60) %}}{{{{ i }}}}\\n{{% endfor %}}"}}
  - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: {NS}, flowId: inner}}
  - {{id: each, type: io.kestra.plugin.core.flow.ForEachItem, items: "{{{{ outputs.lines.uri }}}}", namespace: {NS}, flowId: inner}}
""",
    "counts": f"""inputs: [{{id: text, type: STRING}}]
tasks:
  - {{id: first, {RETURN}, format: "{{{{ inputs.text }}}}"}}
  - {{id: second, {RETURN}, format: "{{{{ inputs.text }}}}!"}}
""",
    "speaks": "tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: a very peculiar sentence}]",
}


@pytest.fixture(scope="module", autouse=True)
def _flows(live_server_stack: Stack) -> None:
    with live_server_stack.client() as client:
        for flow_id, tasks in FLOWS.items():
            source = f"id: {flow_id}\nnamespace: {NS}\n{tasks}"
            client.post("/api/v1/main/flows", content=source, headers={"Content-Type": "application/x-yaml"}).raise_for_status()


@pytest.fixture
def page(browser: Browser, signed_in: Any, live_server_stack: Stack) -> Iterator[Page]:
    """A page of someone who is signed in; anything that goes wrong in it fails the test."""
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 800}, base_url=live_server_stack.url)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    assert wrong == []


def _ran(stack: Stack, flow_id: str, state: str = "SUCCESS", **inputs: str) -> str:
    """The address of an execution of the flow that has come to this state."""
    sent = {name: (None, value) for name, value in inputs.items()} or None
    with stack.client() as client:
        made = client.post(f"/api/v1/main/executions/{NS}/{flow_id}", files=sent).raise_for_status().json()["id"]
        wait_until(lambda: client.get(f"/api/v1/main/executions/{made}").json()["state"]["current"] == state, 60, f"{flow_id} is {state}")
    return f"/executions/{made}"


def test_the_topology_is_walked_by_keys_and_shows_what_happened(page: Page, live_server_stack: Stack) -> None:
    address = _ran(live_server_stack, "outer")
    page.goto(f"{address}/topology/")
    picture = page.locator("[data-topology]")
    expect(picture.locator('[data-uid="root.choose.taken"]')).to_have_attribute("data-state", "SUCCESS")
    expect(picture.locator('[data-uid="root.choose.left"]')).not_to_have_attribute("data-state", "SUCCESS")
    before = picture.locator(".topology-svg").get_attribute("viewBox")
    page.keyboard.press("+")
    expect(picture.locator(".topology-svg")).not_to_have_attribute("viewBox", before or "")
    picture.locator('[data-node="root.choose"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#topology-pane")).to_contain_text("Task runs")
    page.keyboard.press("Escape")
    expect(page.locator("#topology-pane")).to_be_hidden()
    picture.locator('[data-uid="root.call"] .topology-expand').click()
    expect(picture.locator('[data-uid="root.call.deep"]')).to_have_attribute("data-state", "SUCCESS")


STATES = """(uid) => new Promise((resolve) => {
  const seen = [], node = () => document.querySelector(`[data-uid="${uid}"]`);
  const look = () => {
    const now = node();
    const edge = now.querySelector(".state-edge");
    const told = [now.dataset.state ?? "", edge ? getComputedStyle(edge).fill : "", now.querySelector(".quiet").textContent.trim()];
    if (seen.at(-1)?.[0] !== told[0]) seen.push(told);
    if (["SUCCESS", "WARNING", "FAILED"].includes(told[0])) resolve(seen); else setTimeout(look, 50);
  };
  look();
})"""


def test_the_topology_changes_colour_while_it_is_watched(page: Page, live_server_stack: Stack) -> None:
    with live_server_stack.client() as client:
        made = client.post(f"/api/v1/main/executions/{NS}/slow").raise_for_status().json()["id"]
    page.goto(f"/executions/{made}/topology/?open=root.call&node=root.breaks")
    page.evaluate("() => { window.watched = true; }")
    expect(page.locator("#topology-pane")).to_contain_text("It has not begun")
    page.locator('[data-node="root.first"]').focus()
    first = page.evaluate(STATES, "root.first")
    assert [state for state, _, _ in first][-2:] == ["RUNNING", "SUCCESS"]
    assert first[-1][1] != first[-2][1]  # not only said: another colour
    assert first[-1][2].startswith("Success")
    expect(page.locator('[data-uid="root.breaks"]')).to_have_attribute("data-state", "WARNING")
    expect(page.locator("#topology-pane")).not_to_contain_text("It has not begun")
    late = page.evaluate(STATES, "root.call.late")  # of the execution inside
    assert [state for state, _, _ in late][-2:] == ["RUNNING", "SUCCESS"]
    expect(page.locator('[data-uid="root.call"]')).to_have_attribute("data-state", "SUCCESS")
    expect(page.locator('[data-node="root.first"]')).to_be_focused()
    assert page.evaluate("() => window.watched")  # the same page all the time
    live = page.evaluate("() => [...document.querySelectorAll('.topology-node')].map((node) => node.textContent)")
    page.reload()
    assert page.evaluate("() => [...document.querySelectorAll('.topology-node')].map((node) => node.textContent)") == live


def test_the_editor_draws_what_is_typed(page: Page) -> None:
    page.goto(f"/flows/{NS}/outer/editor/")
    page.get_by_role("button", name="Topology").click()
    expect(page.locator('#flow-picture [data-uid="root.call"]')).to_be_visible()


def test_a_paused_execution_asks_and_goes_on_with_the_answer(page: Page, live_server_stack: Stack) -> None:
    address = _ran(live_server_stack, "asks", "PAUSED")
    page.goto(f"{address}/")
    page.get_by_role("button", name="Answer and resume").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("reason").fill("because")
    dialog.get_by_label("amount").fill("12")
    dialog.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("dialog")).to_contain_text("12")  # too much: it says so, and what was typed is kept
    settled(page)
    page.get_by_role("dialog").get_by_label("amount").fill("7")
    page.get_by_role("dialog").get_by_label("reason").fill("because")
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.locator("#execution-header .state")).to_have_attribute("data-state", "SUCCESS", timeout=20_000)
    page.goto(f"{address}/outputs/?q=told")
    expect(page.locator(".outputs-main")).to_contain_text("because 7")


def test_tasks_that_wait_are_resumed_one_by_one_and_nothing_is_lost(page: Page, live_server_stack: Stack) -> None:
    address = _ran(live_server_stack, "asks_twice", "PAUSED")
    page.goto(f"{address}/")
    page.get_by_role("button", name="Answer and resume").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("reason").fill("because")
    expect(dialog.get_by_label("pages")).to_be_visible(timeout=20_000)  # the other task has come to its pause meanwhile
    expect(dialog.get_by_label("reason")).to_have_value("because")
    with page.expect_file_chooser() as chooser:
        dialog.get_by_text("Choose a file").click()
    chooser.value.set_files({"name": "contract.txt", "mimeType": "text/plain", "buffer": b"signed"})
    dialog.get_by_label("pages").fill("12")
    dialog.get_by_role("button", name="Resume upload").click()
    expect(dialog.get_by_label("pages")).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_label("pages")).to_be_focused()
    expect(dialog.locator(".file-drop")).to_contain_text("contract.txt")
    expect(dialog.get_by_label("reason")).to_have_value("because")
    settled(page)
    dialog.get_by_label("pages").fill("3")
    dialog.get_by_role("button", name="Resume upload").click()
    expect(dialog.get_by_label("pages")).to_have_count(0)
    expect(dialog.get_by_label("reason")).to_have_value("because")
    dialog.get_by_label("reason").press("Enter")
    page.wait_for_url(f"**{address}/gantt/")
    expect(page.locator("#execution-header .state")).to_have_attribute("data-state", "SUCCESS", timeout=20_000)
    page.goto(f"{address}/outputs/?q=told")
    expect(page.locator(".outputs-main")).to_contain_text("because, signed")


def test_a_long_loop_is_one_row_that_opens_page_by_page(page: Page, live_server_stack: Stack) -> None:
    address = _ran(live_server_stack, "loops")
    begun = time.monotonic()
    page.goto(f"{address}/gantt/")
    expect(page.locator(".gantt-row")).to_have_count(1)
    assert time.monotonic() - begun < 5
    page.locator(".loop-bar").click()
    expect(page.locator(".gantt-row")).to_have_count(51)
    page.get_by_role("link", name="Later").click()
    expect(page.locator(".loop-pager")).to_contain_text("51 to 100 of 300")
    page.get_by_role("link", name="Fold").click()
    expect(page.locator(".gantt-row")).to_have_count(1)


def test_executions_that_were_started_are_folded_and_open_page_by_page(page: Page, live_server_stack: Stack) -> None:
    address = _ran(live_server_stack, "spreads")
    page.goto(f"{address}/")
    panel = page.locator("#execution-children")
    expect(panel.locator(".child-rows tr")).to_have_count(2)  # the head and the one of the Subflow
    expect(panel.get_by_role("img", name="60 success")).to_be_visible()
    panel.get_by_role("link", name="each_items").focus()
    page.keyboard.press("Enter")
    expect(panel.locator(".child-rows tbody tr")).to_have_count(51)
    expect(panel.get_by_role("link", name="each_items")).to_be_focused()
    panel.get_by_role("link", name="Later").click()
    expect(panel.locator(".child-rows tbody tr")).to_have_count(11)
    expect(panel).to_contain_text("51 to 60 of 60")
    page.go_back()
    expect(panel).to_contain_text("1 to 50 of 60")
    panel.get_by_role("link", name="inner").last.click()
    expect(page.locator("#execution-header")).to_contain_text("started by")
    page.get_by_role("link", name="started by").click()
    expect(page.locator("#execution-children")).to_be_visible()


def test_outputs_of_a_loop_are_found_and_tried(page: Page, live_server_stack: Stack) -> None:
    address = _ran(live_server_stack, "loops")
    page.goto(f"{address}/outputs/")
    page.get_by_label("Search by task or value").fill("217")
    page.keyboard.press("Enter")
    expect(page.locator(".outputs-main")).to_contain_text("v217")
    page.locator("#expression").fill("{{ outputs.one['217'].value }}")
    page.get_by_role("button", name="Try").click()
    expect(page.locator("#expression-result")).to_contain_text("v217")


def test_an_expression_is_completed_by_keyboard(page: Page, live_server_stack: Stack) -> None:
    address = _ran(live_server_stack, "loops")
    page.goto(f"{address}/outputs/")
    field = page.get_by_role("textbox", name="Expression")
    options = page.get_by_role("listbox", name="Completions")
    chosen = options.locator('[aria-selected="true"]')
    field.focus()
    page.keyboard.press("Control+Space")
    expect(options).to_be_visible()
    page.keyboard.press("Escape")
    expect(options).to_be_hidden()
    page.keyboard.type("{{ outp")
    expect(chosen).to_contain_text("outputs")
    expect(field).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    page.keyboard.press("Enter")
    expect(field).to_have_value("{{ outputs")
    page.keyboard.type(".")
    expect(chosen).to_contain_text("one")
    page.keyboard.press("Tab")
    expect(field).to_be_focused()
    page.keyboard.type("['21")
    expect(options.get_by_role("option")).to_have_count(13)  # 21, 210 to 219, 121 and 221
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_contain_text("211")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(field).to_have_value('{{ outputs.one["210"]')
    page.keyboard.type(".va")
    expect(chosen).to_contain_text("value")
    expect(chosen).to_contain_text("v210")
    page.keyboard.press("Enter")
    page.keyboard.type(" | upp")
    expect(chosen).to_contain_text("upper")
    page.keyboard.press("Enter")
    page.keyboard.type(" }}")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#expression-result")).to_contain_text("V210")


def test_metrics_are_drawn_for_an_execution_and_over_many(page: Page, live_server_stack: Stack) -> None:
    for text in ("four", "five5", "four", "a much longer text"):
        address = _ran(live_server_stack, "counts", text=text)
    page.goto(f"{address}/metrics/")
    page.get_by_role("link", name="length").click()
    expect(page.locator(".metric-panel .bar")).to_have_count(2)
    page.get_by_label("Task").select_option("second")
    expect(page.locator(".metric-panel")).to_contain_text("19")
    page.goto(f"/flows/{NS}/counts/metrics/")
    with page.expect_response(re.compile(r"metric=counter")):
        page.locator("#metric-name").select_option("counter:length")
    settled(page)
    expect(page.locator("#flow-metrics")).to_contain_text("over its usual 9")
    page.locator("#metric-task").select_option("first")
    expect(page.locator("#flow-metrics")).to_contain_text("over its usual 4")
    page.locator("[data-chart] a").last.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live_server_stack.url}{address}/metrics/?name=length&task=first")


def test_a_log_line_is_found_among_all(page: Page, live_server_stack: Stack) -> None:
    address = _ran(live_server_stack, "speaks")
    page.goto("/logs/")
    page.get_by_label("Search log lines").fill("peculiar")
    expect(page.locator("#found-lines")).to_contain_text("a very peculiar sentence")
    page.locator("#found-lines a.name").first.click()
    expect(page).to_have_url(f"{live_server_stack.url}{address}/logs/#L1")


def test_variables_of_a_namespace_are_refused_with_a_line_and_kept(page: Page) -> None:
    page.goto(f"/namespaces/{NS}/variables/")
    page.get_by_label("As YAML").fill("region: [eu")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Line ")
    page.get_by_label("As YAML").fill("region: eu")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#namespace-values")).to_contain_text("What counts here")
    expect(page.get_by_role("cell", name="eu", exact=True)).to_be_visible()
