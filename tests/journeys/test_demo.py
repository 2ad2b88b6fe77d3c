"""The demo's first flow as its user meets it, with a container and without one: from sign-in to the first warning; its kill."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browsing import sign_in
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]

FLOW = "company.team.dbt/dbt_duckdb"
ENDED = ("SUCCESS", "WARNING", "FAILED", "KILLED")
NODES = ("model.", "test.", "seed.", "snapshot.", "unit_test.", "operation.")
ROWS = """() => [...document.querySelectorAll('.gantt-row')].map((row) => ({id: row.id.slice(4), state: row.dataset.state,
  name: row.querySelector('.gantt-name a').textContent.trim(), took: row.querySelector('.gantt-time').textContent.trim()}))"""
IN_VIEW = """(line) => { const box = line.getBoundingClientRect(), frame = document.querySelector('#log-lines').getBoundingClientRect();
  return box.top >= frame.top && box.bottom <= frame.bottom && frame.bottom <= innerHeight }"""
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
LIMITED = """id: limited
namespace: company.team.pages
tasks:
  - id: shell
    type: io.kestra.plugin.scripts.shell.Commands
    containerImage: ghcr.io/kestra-io/dbt-duckdb:latest
    taskRunner: {type: io.kestra.plugin.scripts.runner.docker.Docker, cpu: {cpus: 1}, user: nobody}
    commands: ["true"]
"""


def _execution(client: httpx.Client, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/main/executions/{identity}").json()
    return found


def _start(client: httpx.Client, flow: str = FLOW) -> str:
    return str(client.post(f"/api/v1/main/executions/{flow}", files={"x": ("", b"")}).json()["id"])


def _nodes(execution: dict[str, Any]) -> dict[str, str]:
    return {run["taskId"]: run["state"]["current"] for run in execution.get("taskRunList") or [] if run["taskId"].startswith(NODES)}


def _seconds(shown: str) -> float:
    """The seconds that a page writes as `36 ms`, `9.1 s` or `1 m 04 s`."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)\s*([a-z]+)", shown))


def _execute(page: Page, stack: Stack) -> str:
    """Sign in and click from Home to the running Gantt; answers the id of the execution."""
    sign_in(page, stack)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Flows").click()
    page.get_by_role("link", name="dbt_duckdb", exact=True).click()
    page.get_by_role("link", name="Execute").click()
    page.get_by_role("button", name="Execute").click()
    page.wait_for_url("**/executions/*/gantt/")
    return page.url.split("/executions/")[1].split("/")[0]


def _watch(page: Page, seconds: float) -> set[tuple[tuple[str, str], ...]]:
    """Every different set of rows that the open Gantt shows while dbt goes on and until the execution ends."""
    seen = set()
    state = page.locator("#execution-header .state")
    deadline = time.monotonic() + seconds
    while state.get_attribute("data-state") not in ENDED:
        assert time.monotonic() < deadline, "the demo does not end"
        rows = {row["name"]: row["state"] for row in page.evaluate(ROWS)}
        if rows.get("dbt_build") == "RUNNING":
            seen.add(tuple(sorted(rows.items())))
        time.sleep(0.15)
    return seen


def _check_rows(page: Page, client: httpx.Client, identity: str) -> None:
    """Every node that dbt's own run_results.json tells of has its row, with the duration that is told there."""
    runs = {run["taskId"]: run for run in _execution(client, identity)["taskRunList"]}
    uri = runs["dbt_build"]["outputs"]["outputFiles"]["run_results.json"]
    results = client.get(f"/api/v1/main/executions/{identity}/file", params={"path": uri}).json()["results"]
    assert len(results) >= 50
    wait_until(lambda: len(page.evaluate(ROWS)) >= len(results), 5, "a row for every dbt node")
    rows = {row["id"]: row for row in page.evaluate(ROWS)}
    for result in results:
        row = rows[runs[result["unique_id"]]["id"]]
        kind, _, *names = result["unique_id"].split(".")
        assert row["name"] == names[1 if kind == "unit_test" else 0]
        took = result["execution_time"]
        assert _seconds(row["took"]) == pytest.approx(took, abs=0.002 if took < 0.09 else 0.06 if took < 9 else 0.6), result["unique_id"]


def _check_first_warning(page: Page, client: httpx.Client, identity: str) -> None:
    """`w` on the Logs tab goes to the first line of level WARN, and it is in view."""
    first = next(line for line in client.get(f"/api/v1/main/logs/{identity}").json() if line["level"] == "WARN")
    page.get_by_role("navigation", name="Execution").get_by_role("link", name="Logs").click()
    page.wait_for_url("**/logs/")
    page.keyboard.press("w")
    line = page.locator("#log-window li[aria-current]")
    expect(line).to_contain_text(first["message"].splitlines()[0].strip())
    assert line.get_attribute("data-state") == "WARN"
    assert line.evaluate(IN_VIEW)


def _journey(page: Page, stack: Stack, seconds: float) -> str:
    """From sign-in to the first warning; answers the id of the execution."""
    identity = _execute(page, stack)
    assert len(_watch(page, seconds)) >= 5
    with stack.client() as client:
        execution = _execution(client, identity)
        assert execution["state"]["current"] == "WARNING"
        assert "WARNING" in _nodes(execution).values()
        _check_rows(page, client, identity)
        _check_first_warning(page, client, identity)
    return identity


@pytest.mark.browser
@pytest.mark.docker
def test_rows_of_the_gantt_appear_while_dbt_builds_in_a_container(live_server_stack: Stack, browser: Browser) -> None:
    page = browser.new_page()
    _journey(page, live_server_stack, 120)
    expect(page.locator("#execution-header")).to_contain_text("Docker, image ghcr.io/kestra-io/dbt-duckdb:latest")
    page.close()


@pytest.mark.browser
@pytest.mark.dbt
def test_without_an_engine_the_same_happens_beside_the_server_and_the_page_says_so(
    make_stack: Callable[..., Stack], browser: Browser
) -> None:
    stack = make_stack(DOCKER_HOST="unix:///no/engine.sock")
    stack.start()
    page = browser.new_page()
    _journey(page, stack, 240)
    notes = page.locator("#execution-header [data-note]")
    expect(notes.filter(has_text="no engine reached, ran as a process in")).to_be_visible()
    expect(notes.filter(has_text="ghcr.io/kestra-io/dbt-duckdb:latest")).to_be_visible()
    with stack.client() as client:
        client.post("/api/v1/main/flows", content=LIMITED, headers={"Content-Type": "application/x-yaml"}).raise_for_status()
        identity = _start(client, "company.team.pages/limited")
    page.goto(f"{stack.url}/executions/{identity}/")
    expect(notes.filter(has_text="not applied: cpu, user")).to_be_visible(timeout=20_000)
    page.close()


@pytest.mark.docker
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
