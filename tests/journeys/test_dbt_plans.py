"""What a dbt task would run is planned, narrowed and run; what had not succeeded is gone on with: in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browsing import another_person, settled
from tests.journeys.test_accessibility import AXE, findings
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.dbt, pytest.mark.timeout(180)]

NS = "company.team.planned"
YAML = {"Content-Type": "application/x-yaml"}
FLOW = """id: NAME
namespace: company.team.planned
inputs:
  - {id: schema, type: SELECT, values: [trial, prod], defaults: trial}
  - {id: least, type: INT, defaults: 1}
tasks:
  - id: build
    type: io.kestra.plugin.dbt.cli.DbtCLI
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    containerImage: ghcr.io/kestra-io/dbt-duckdb
    loadState: {}
    inputFiles:
      dbt_project.yml: |
        name: shop
        version: "1.0"
        profile: shop
      models/raw.sql: select range as id from range(5)
      models/chosen.sql: "{% verbatim %}select * from {{ ref('raw') }} where id >= {{ var('least') }}{% endverbatim %}"
      models/told.sql: "{% verbatim %}select count(*) as n from {{ ref('chosen') }}{% endverbatim %}"
      models/delivered.sql: "select * from read_csv('FOLDER/delivered.csv')"
      models/late.sql: "{% verbatim %}select * from {{ ref('delivered') }}{% endverbatim %}"
    profiles: |
      shop:
        target: trial
        outputs:
          trial: {type: duckdb, path: 'FOLDER/NAME.duckdb', schema: trial}
          prod: {type: duckdb, path: 'FOLDER/NAME.duckdb', schema: prod}
    commands:
      - "dbt build --target {{ inputs.schema }} --vars 'least: {{ inputs.least }}'"
"""


def save(stack: Stack, flow_id: str, folder: Path, more: str = "") -> None:
    """Save the flow whose project reads and writes in a folder."""
    folder.chmod(0o777)
    with stack.client() as client:
        source = FLOW.replace("NAME", flow_id).replace("FOLDER", str(folder)) + more
        client.post("/api/v1/main/flows", content=source, headers=YAML).raise_for_status()


@pytest.fixture
def page(browser: Browser, signed_in: Any, live_server_stack: Stack) -> Iterator[Page]:
    """A page of someone who is signed in; anything that goes wrong in it fails the test."""
    context = browser.new_context(storage_state=signed_in, viewport={"width": 1280, "height": 900}, base_url=live_server_stack.url)
    context.add_init_script(path=AXE)
    opened = context.new_page()
    opened.emulate_media(reduced_motion="reduce")
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    assert wrong == []


def look(page: Page, name: str) -> None:
    """The page has no serious finding; pictures are kept where somebody wants to look at them."""
    found = findings(page, name)
    folder = os.environ.get("KESTRA_WEB_TEST_SHOTS")
    for scheme in ("light", "dark") if folder else ():
        for width in (1280, 390):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] -- it is one of the two
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert not found, "\n".join(found)


def ended(stack: Stack, page: Page, state: str) -> None:
    """The execution whose page is open has ended in this state, and its Gantt is shown."""
    identity = page.url.rstrip("/").split("/executions/")[1].split("/")[0]
    with stack.client() as client:
        shown = lambda: client.get(f"/api/v1/main/executions/{identity}").json()["state"]  # noqa: E731
        wait_until(lambda: shown().get("endDate"), 120, "the execution ends")
        assert shown()["current"] == state
    page.goto(f"/executions/{identity}/gantt/")


def nodes(page: Page) -> dict[str, str]:
    """The nodes that have a row in the Gantt, with their states."""
    rows = page.locator(".gantt-row[aria-level='2']")
    expect(rows.first).to_be_visible()
    return {row.locator(".gantt-name a").first.inner_text(): row.get_attribute("data-state") or "" for row in rows.all()}


def test_only_what_was_planned_and_kept_is_run(page: Page, live_server_stack: Stack, tmp_path: Path) -> None:
    save(live_server_stack, "drops", tmp_path)
    (tmp_path / "delivered.csv").write_text("a\n1\n")
    page.goto(f"/flows/{NS}/drops/execute/")
    page.get_by_label("least").fill("3")
    page.get_by_role("button", name="Plan").click()
    plan = page.locator("#plan")
    expect(plan.get_by_role("heading", name="5 nodes", exact=True)).to_be_visible(timeout=120_000)
    row = plan.get_by_role("row").filter(has_text="told")
    expect(row).to_contain_text("never ran")
    expect(plan).to_contain_text("dbt build --target trial --vars 'least: 3'")
    look(page, "plan")
    plan.get_by_role("checkbox", name="Run told").uncheck()
    plan.get_by_role("checkbox", name="Run late").uncheck()
    expect(page.locator("#plan-estimate")).to_contain_text("3 nodes")
    settled(page)
    plan.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/executions/**")
    ended(live_server_stack, page, "SUCCESS")
    assert nodes(page) == {"raw": "SUCCESS", "chosen": "SUCCESS", "delivered": "SUCCESS"}
    page.goto(f"/namespaces/{NS}/states/")
    expect(page.get_by_text("No state yet")).to_be_visible()  # a part is no state


def test_what_had_not_succeeded_is_gone_on_with(page: Page, live_server_stack: Stack, tmp_path: Path) -> None:
    save(live_server_stack, "resumes", tmp_path)
    page.goto(f"/flows/{NS}/resumes/execute/")
    page.get_by_label("schema").select_option("prod")
    page.get_by_label("least").fill("2")
    page.get_by_role("button", name="Execute").click()
    page.wait_for_url("**/executions/**")
    ended(live_server_stack, page, "FAILED")
    done = {"raw": "SUCCESS", "chosen": "SUCCESS", "told": "SUCCESS"}
    assert nodes(page) == {**done, "delivered": "FAILED", "late": "SKIPPED"}
    first = page.url
    (tmp_path / "delivered.csv").write_text("a\n1\n")
    page.goto(first.replace("gantt/", ""))
    look(page, "failed")
    page.get_by_role("button", name="Resume from failure").click()
    page.locator("dialog[open]").get_by_role("button", name="Resume from failure").click()
    page.wait_for_url(lambda url: "/executions/" in url and url != first.replace("gantt/", ""))
    ended(live_server_stack, page, "SUCCESS")
    assert nodes(page) == {"delivered": "SUCCESS", "late": "SUCCESS"}
    page.goto(page.url.replace("gantt/", ""))
    expect(page.locator("body")).to_contain_text("2 nodes: those that did not succeed before")
    page.goto(page.url + "logs/")
    expect(page.locator("body")).to_contain_text("prod.late")
    page.goto(f"/flows/{NS}/resumes/execute/")  # what is built from now on is a state that the next plan compares with
    page.get_by_label("schema").select_option("prod")
    page.get_by_label("least").fill("4")
    page.get_by_role("button", name="Plan").click()
    expect(page.locator("#plan").get_by_role("heading", name="5 nodes", exact=True)).to_be_visible(timeout=120_000)
    look(page, "plan-again")
    page.goto(f"/namespaces/{NS}/states/")
    look(page, "states")


@pytest.mark.long
def test_what_one_person_plans_another_one_approves(page: Page, browser: Browser, live_server_stack: Stack, tmp_path: Path) -> None:
    save(live_server_stack, "approved", tmp_path, "    requirePlan: approved\n")
    (tmp_path / "delivered.csv").write_text("a\n1\n")
    page.goto(f"/flows/{NS}/approved/execute/")
    page.get_by_role("button", name="Plan").click()
    plan = page.locator("#plan")
    expect(plan.get_by_role("heading", name="5 nodes", exact=True)).to_be_visible(timeout=120_000)
    expect(plan).to_contain_text("Somebody else must approve this plan")
    plan.get_by_role("checkbox", name="Run late").uncheck()
    for name in ("Approve", "Run"):
        expect(plan.get_by_role("button", name=name, exact=True)).to_have_count(0)
    look(page, "plan-waits")
    context = another_person(browser, live_server_stack, NS)
    other = context.new_page()
    other.goto(page.url)
    other.locator("#plan").get_by_role("checkbox", name="Run told").uncheck()
    other.get_by_role("button", name="Approve").click()
    expect(other.locator("#plan")).to_contain_text("Approved by Bob Baker")
    context.close()
    page.reload()
    expect(plan).to_contain_text("Approved by Bob Baker")
    look(page, "plan-approved")
    plan.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/executions/**")
    ended(live_server_stack, page, "SUCCESS")
    assert nodes(page) == {"raw": "SUCCESS", "chosen": "SUCCESS", "delivered": "SUCCESS", "late": "SUCCESS"}, "runs as it was approved"
