"""What people do to executions and flows, in a real browser: the dialogs of one execution, and the lists with their bar and columns."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.timeout(180)]

NS = "company.team.acted"
LOG, FAIL = "type: io.kestra.plugin.core.log.Log", "type: io.kestra.plugin.core.execution.Fail"
PAUSE = "type: io.kestra.plugin.core.flow.Pause"
FLOWS = {
    "breaks": f"""inputs: [{{id: who, type: STRING, defaults: nobody}}, {{id: token, type: SECRET, defaults: hush}}]
tasks:
  - {{id: before, {LOG}, message: "hello {{{{ inputs.who }}}}"}}
  - {{id: breaks, {FAIL}, errorMessage: on purpose}}
  - {{id: after, {LOG}, message: "bye {{{{ inputs.who }}}}"}}
""",
    "one_at_a_time": f"""concurrency: {{limit: 1, behavior: QUEUE}}
tasks: [{{id: hold, {PAUSE}}}]
""",
    "holds": f"tasks: [{{id: hold, {PAUSE}}}]\n",
    "works": f"tasks: [{{id: say, {LOG}, message: hi}}]\n",
    "spare_one": f"tasks: [{{id: say, {LOG}, message: one}}]\n",
    "spare_two": f"tasks: [{{id: say, {LOG}, message: two}}]\n",
}
YAML = {"Content-Type": "application/x-yaml"}


def source(flow_id: str) -> str:
    return f"id: {flow_id}\nnamespace: {NS}\n{FLOWS[flow_id]}"


@pytest.fixture(scope="module")
def client(live_server_stack: Stack) -> Iterator[httpx.Client]:
    """A client of the API, where the flows are."""
    with live_server_stack.client() as opened:
        for flow_id in FLOWS:
            opened.post("/api/v1/main/flows", content=source(flow_id), headers=YAML).raise_for_status()
        # Revision 2 does not fail.
        mended = source("breaks").replace(f"{FAIL}, errorMessage: on purpose", f"{LOG}, message: mended")
        opened.put(f"/api/v1/main/flows/{NS}/breaks", content=mended, headers=YAML).raise_for_status()
        yield opened


@pytest.fixture
def page(browser: Browser, signed_in: Any, client: httpx.Client, live_server_stack: Stack) -> Iterator[Page]:
    """A page of someone who is signed in; a script that fails, or a window that asks in its own way, fails the test."""
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 900}, base_url=live_server_stack.url)
    opened = context.new_page()
    wrong: list[str] = []

    def asked(dialog: Dialog) -> None:
        wrong.append(dialog.message)
        dialog.dismiss()

    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", asked)
    yield opened
    context.close()
    assert wrong == []


def started(client: httpx.Client, flow_id: str, revision: int = 0, **inputs: str) -> str:
    """The id of a new execution."""
    query = {"revision": revision} if revision else {}
    fields = {name: (None, value) for name, value in inputs.items()}
    answer = client.post(f"/api/v1/main/executions/{NS}/{flow_id}", params=query, files=fields or {"-": (None, "")})
    return str(answer.raise_for_status().json()["id"])


def told(client: httpx.Client, execution: str) -> Any:
    return client.get(f"/api/v1/main/executions/{execution}").raise_for_status().json()


def until(client: httpx.Client, execution: str, state: str) -> Any:
    wait_until(lambda: told(client, execution)["state"]["current"] == state, 30, f"{execution} to be {state}")
    return told(client, execution)


def opened_id(page: Page) -> str:
    """The id of the execution that is shown."""
    page.wait_for_url(re.compile(r"/executions/\w+/gantt/"))
    return page.url.split("/executions/")[1].split("/")[0]


def menu(page: Page, item: str) -> None:
    """Choose from the menu of the execution."""
    page.locator("#execution-header").get_by_role("button", name="More actions").click()
    page.locator("#execution-menu").get_by_text(item, exact=True).click()


# --- one execution ----------------------------------------------------------------------------------------------------------------------


def test_the_state_of_a_task_run_is_changed_and_the_execution_goes_on(page: Page, client: httpx.Client) -> None:
    execution = started(client, "breaks", revision=1)
    until(client, execution, "FAILED")
    page.goto(f"/executions/{execution}/gantt/")
    page.locator(".gantt-row", has_text="breaks").click()
    pane = page.locator(".step-pane")
    pane.get_by_label("New state of breaks").select_option("SUCCESS")
    pane.get_by_role("button", name="Change state").click()
    page.locator("#confirm").get_by_role("button", name="Change state").click()
    expect(page.locator("#toasts")).to_contain_text("State changed")
    expect(page.locator("#execution-header .state")).to_have_attribute("data-state", "SUCCESS", timeout=20_000)
    expect(page.locator(".gantt-row", has_text="after")).to_have_attribute("data-state", "SUCCESS")
    assert [run["state"]["current"] for run in told(client, execution)["taskRunList"]] == ["SUCCESS"] * 3


def test_it_is_replayed_from_a_task_with_another_revision_and_other_inputs(page: Page, client: httpx.Client) -> None:
    execution = started(client, "breaks", revision=1, who="Ada")
    until(client, execution, "FAILED")
    page.goto(f"/executions/{execution}/gantt/")
    page.locator(".gantt-row", has_text="breaks").click()
    page.get_by_role("button", name="Replay from here").click()
    dialog = page.get_by_role("dialog", name="Replay breaks from breaks")
    expect(dialog.get_by_label("who")).to_be_hidden()
    with page.expect_response(re.compile("_revision=2")):
        dialog.get_by_label("Revision").select_option("2")
    dialog.get_by_label("Change inputs").check()
    expect(dialog.get_by_label("who")).to_have_value("Ada")
    dialog.get_by_label("who").fill("Grace")
    dialog.get_by_role("button", name="Replay").click()
    page.wait_for_url(lambda address: execution not in address)
    made = until(client, opened_id(page), "SUCCESS")
    assert made["flowRevision"] == 2
    assert made["inputs"]["who"] == "Grace"
    assert [run["taskId"] for run in made["taskRunList"]] == ["before", "breaks", "after"]
    lines = client.get(f"/api/v1/main/logs/{made['id']}").json()
    assert any(line["message"] == "bye Grace" for line in lines)
    assert not any(line["message"].startswith("hello") for line in lines)  # what ran before is kept, not run again


def test_a_wrong_input_of_a_replay_is_told_in_the_dialog(page: Page, client: httpx.Client) -> None:
    client.post(
        "/api/v1/main/flows",
        content=f"id: counts\nnamespace: {NS}\ninputs: [{{id: count, type: INT}}]\ntasks: [{{id: say, {LOG}, message: hi}}]\n",
        headers=YAML,
    )
    execution = started(client, "counts", count="3")
    until(client, execution, "SUCCESS")
    page.goto(f"/executions/{execution}/")
    menu(page, "Replay with changes")
    dialog = page.get_by_role("dialog", name="Replay counts")
    dialog.get_by_label("Change inputs").check()
    dialog.get_by_label("count").fill("many")
    dialog.get_by_role("button", name="Replay").click()
    expect(dialog.locator("#replay-count-error")).to_be_visible()
    dialog.get_by_label("count").fill("7")
    dialog.get_by_role("button", name="Replay").click()
    page.wait_for_url(lambda address: execution not in address)
    assert told(client, opened_id(page))["inputs"] == {"count": 7}


def test_the_state_of_an_execution_is_set(page: Page, client: httpx.Client) -> None:
    execution = started(client, "breaks", revision=1)
    until(client, execution, "FAILED")
    page.goto(f"/executions/{execution}/")
    menu(page, "Change state")
    dialog = page.get_by_role("dialog", name="Change the state of breaks")
    dialog.get_by_label("New state").select_option("SUCCESS")
    dialog.get_by_role("button", name="Change state").click()
    expect(page.locator("#execution-header .state")).to_have_attribute("data-state", "SUCCESS")
    assert told(client, execution)["state"]["current"] == "SUCCESS"


def test_labels_are_set(page: Page, client: httpx.Client) -> None:
    execution = started(client, "works")
    until(client, execution, "SUCCESS")
    page.goto(f"/executions/{execution}/")
    menu(page, "Labels")
    page.get_by_label("Labels").fill("no colon")
    page.get_by_role("button", name="Save labels").click()
    expect(page.locator("#labels-error")).to_contain_text("key:value")
    page.get_by_label("Labels").fill("env:prod\nteam:data")
    page.get_by_role("button", name="Save labels").click()
    expect(page.locator("#toasts")).to_contain_text("Labels changed")
    assert {"key": "env", "value": "prod"} in told(client, execution)["labels"]


def test_one_that_waits_for_its_time_is_run_now(page: Page, client: httpx.Client) -> None:
    later = {"scheduleDate": "2099-01-01T00:00:00Z"}
    made = client.post(f"/api/v1/main/executions/{NS}/works", params=later, files={"-": (None, "")}).raise_for_status().json()["id"]
    page.goto(f"/executions/{made}/")
    expect(page.locator("#execution-header .state")).to_have_attribute("data-state", "CREATED")
    menu(page, "Run now")
    page.locator("#confirm").get_by_role("button", name="Run now").click()
    expect(page.locator("#execution-header .state")).to_have_attribute("data-state", "SUCCESS", timeout=20_000)


def test_a_queued_one_is_taken_from_the_queue(page: Page, client: httpx.Client) -> None:
    first, second = started(client, "one_at_a_time"), started(client, "one_at_a_time")
    until(client, second, "QUEUED")
    page.goto(f"/executions/{second}/")
    menu(page, "Take from the queue")
    page.locator("#confirm").get_by_role("button", name="Take from the queue").click()
    expect(page.locator("#execution-header .state")).to_have_attribute("data-state", "PAUSED", timeout=20_000)
    for each in (first, second):
        client.delete(f"/api/v1/main/executions/{each}/kill")


# --- the list of executions --------------------------------------------------------------------------------------------------------------


def test_all_that_match_are_killed_from_the_list(page: Page, client: httpx.Client) -> None:
    many = [started(client, "holds") for _ in range(55)]
    for each in many:
        until(client, each, "PAUSED")
    spared = started(client, "one_at_a_time")
    page.goto(f"/executions/?namespace={NS}&flow=holds")
    page.get_by_label("Choose all on this page").check()
    bar = page.locator("[data-bulk]")
    expect(bar.locator("[data-chosen]")).to_have_text("50 chosen")
    bar.get_by_label("All 55 that match").check()
    expect(bar.locator("[data-chosen]")).to_have_text("55 chosen")
    bar.get_by_role("button", name="Kill").click()
    dialog = page.get_by_role("dialog", name=re.compile(r"Kill: 55\s+executions"))
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert told(client, many[0])["state"]["current"] == "PAUSED"
    bar.get_by_role("button", name="Kill").click()
    dialog.get_by_role("button", name="Kill").click()
    expect(page.locator("#toasts")).to_contain_text(re.compile(r"55\s+executions being stopped"), timeout=30_000)
    for each in many:
        until(client, each, "KILLED")
    assert told(client, spared)["state"]["current"] in ("CREATED", "RUNNING", "PAUSED")
    client.delete(f"/api/v1/main/executions/{spared}/kill")


def test_what_cannot_be_done_is_told_before_and_after(page: Page, client: httpx.Client) -> None:
    ended, going = started(client, "works"), started(client, "holds")
    until(client, ended, "SUCCESS")
    until(client, going, "PAUSED")
    page.goto(f"/executions/?namespace={NS}")
    for each in (ended, going):
        page.locator(f"#execution-{each}").get_by_role("checkbox").check()
    page.locator("[data-bulk]").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name=re.compile(r"Delete: 1\s+execution$"))
    expect(dialog).to_contain_text("execution not terminated")
    expect(dialog).to_contain_text(going[:8])
    dialog.get_by_role("button", name="Delete").click()
    toast = page.locator("#toasts .toast")
    expect(toast).to_contain_text(f"execution not terminated ({going[:8]})")
    expect(page.locator(f"#execution-{ended}")).to_have_count(0)
    page.wait_for_timeout(6500)
    expect(toast).to_be_visible()  # who must do something has time to read it
    toast.get_by_role("button", name="Close").click()
    expect(toast).to_have_count(0)
    client.delete(f"/api/v1/main/executions/{going}/kill")


def test_labels_are_added_from_the_list(page: Page, client: httpx.Client) -> None:
    pair = [started(client, "works"), started(client, "works")]
    for each in pair:
        until(client, each, "SUCCESS")
    page.goto(f"/flows/{NS}/works/executions/")
    for each in pair:
        page.locator(f"#execution-{each}").get_by_role("checkbox").check()
    page.locator("[data-bulk]").get_by_role("button", name="More actions").click()
    page.locator("#bulk-menu").get_by_text("Add labels").click()
    dialog = page.get_by_role("dialog", name=re.compile("Add labels"))
    dialog.get_by_label("Labels").fill("nothing")
    dialog.get_by_role("button", name="Add labels").click()
    expect(page.locator("#bulk-error")).to_contain_text("key:value")
    dialog.get_by_label("Labels").fill("bulk:yes")
    dialog.get_by_role("button", name="Add labels").click()
    expect(page.locator("#toasts")).to_contain_text("labelled")
    assert page.url.endswith(f"/flows/{NS}/works/executions/")
    for each in pair:
        assert {"key": "bulk", "value": "yes"} in told(client, each)["labels"]


def test_rows_are_chosen_and_opened_by_keyboard(page: Page, client: httpx.Client) -> None:
    ids = [started(client, "works") for _ in range(4)]
    for each in ids:
        until(client, each, "SUCCESS")
    page.goto(f"/executions/?namespace={NS}&flow=works")
    for pressed in "jxjjX":
        page.keyboard.press(pressed)
    expect(page.locator("[data-chosen]")).to_have_text("3 chosen")
    page.keyboard.press("x")
    expect(page.locator("[data-chosen]")).to_have_text("2 chosen")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{ids[1]}/gantt/")
    page.goto(f"/flows/?namespace={NS}")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/flows/{NS}/*/")


def test_columns_are_chosen_and_stay(page: Page, client: httpx.Client) -> None:
    started(client, "breaks", revision=2, who="Column Reader")
    heads = page.locator(".executions thead th")
    page.goto(f"/executions/?namespace={NS}&flow=breaks")
    page.get_by_role("button", name="Columns").click()
    with page.expect_response(re.compile(r"/executions/\?.*flow=breaks")):
        page.locator("#columns-menu").get_by_label("Inputs").check()
    expect(heads.filter(has_text="Inputs")).to_have_count(1)
    expect(page.locator("#columns-menu")).to_be_visible()
    expect(page.locator("#execution-rows tr").first).to_contain_text("Column Reader")
    page.goto("/executions/")
    expect(heads.filter(has_text="Inputs")).to_have_count(1)
    page.get_by_role("button", name="Columns").click()
    page.locator("#columns-menu").get_by_text("The usual ones").click()
    expect(heads.filter(has_text="Inputs")).to_have_count(0)


# --- the list of flows --------------------------------------------------------------------------------------------------------------------


def test_flows_are_disabled_exported_and_deleted_from_the_list(page: Page, client: httpx.Client, tmp_path: Path) -> None:
    page.goto(f"/flows/?q=spare_&namespace={NS}")
    bar = page.locator("[data-bulk]")
    page.get_by_label("Choose all on this page").check()
    bar.get_by_role("button", name="Disable").click()
    page.get_by_role("dialog", name=re.compile(r"Disable: 2\s+flows")).get_by_role("button", name="Disable").click()
    expect(page.locator("#toasts")).to_contain_text(re.compile(r"2\s+flows disabled"))
    expect(page.locator("#flow-list .tag", has_text="disabled")).to_have_count(2)
    page.get_by_label("Choose spare_one").check()
    with page.expect_download() as download:
        bar.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "flows.zip")
    assert zipfile.ZipFile(tmp_path / "flows.zip").namelist() == [f"{NS}.spare_one.yml"]
    bar.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name=re.compile(r"Delete: 1\s+flow$")).get_by_role("button", name="Delete").click()
    expect(page.locator("#toasts")).to_contain_text(re.compile(r"1\s+flow deleted"))
    expect(page.get_by_label("Choose spare_one")).to_have_count(0)
    assert client.get(f"/api/v1/main/flows/{NS}/spare_one").status_code == 404


def test_flows_are_imported_with_what_is_wrong_by_line(page: Page, client: httpx.Client) -> None:
    page.goto("/flows/")
    page.get_by_role("link", name="Import").click()
    text = source("works").replace("works", "imported") + "---\n" + source("works").replace("works", "wrong").replace("message", "messag")
    page.set_input_files("#import-files", {"name": "two.yml", "mimeType": "text/yaml", "buffer": text.encode()})
    expect(page.locator("[data-file-name]")).to_contain_text("two.yml")
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".banner")).to_contain_text("1 created, 1 refused")
    expect(page.locator(".import-problems")).to_contain_text("Line 7")
    expect(page.locator(".import-problems")).to_contain_text("Did you mean message?")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("one.yml", source("works").replace("works", "imported"))
        archive.writestr("two.yaml", source("works").replace("works", "wrong"))
    page.set_input_files("#import-files", {"name": "all.zip", "mimeType": "application/zip", "buffer": buffer.getvalue()})
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#toasts")).to_contain_text("1 created, 1 unchanged")
    assert client.get(f"/api/v1/main/flows/{NS}/wrong").status_code == 200


def test_a_flow_and_a_namespace_are_exported(page: Page) -> None:
    page.goto(f"/flows/{NS}/works/")
    page.locator("main").get_by_role("button", name="More actions").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as YAML").click()
    assert download.value.suggested_filename == f"{NS}.works.yml"
    assert download.value.path().read_text() == source("works")
    page.goto(f"/namespaces/{NS}/files/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export flows").click()
    assert f"{NS}.works.yml" in zipfile.ZipFile(download.value.path()).namelist()
