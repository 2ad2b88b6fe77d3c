"""A project edited in place and built against the state of its last full build: the guide's flow, word for word."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kestra_web.demo import SOURCE
from kestra_web.demo_repository import master_files
from tests.journeys.signing import signed_in
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]

NAMESPACE = "company.team.dbt"
FULL = "dbt build --project-dir dbt --profiles-dir dbt --no-partial-parse --target prod"
CHANGED = f"{FULL} --select state:modified+ --defer --state ./target --target-path ./dev"
FLOW = f"""id: dbt_build
namespace: company.team.dbt

inputs:
  - id: dbt_command
    type: SELECT
    allowCustomValue: true
    defaults: {FULL}
    values:
      - {FULL}
      - {CHANGED}

tasks:
  - id: dbt
    type: io.kestra.plugin.dbt.cli.DbtCLI
    namespaceFiles:
      enabled: true
    containerImage: ghcr.io/kestra-io/dbt-duckdb:latest
    projectDir: dbt
    commands:
      - "{{{{ inputs.dbt_command }}}}"
    loadManifest:
      key: manifest.json
      namespace: "{{{{ flow.namespace }}}}"
    storeManifest:
      key: manifest.json
      namespace: "{{{{ flow.namespace }}}}"
    taskRunner:
      type: io.kestra.plugin.scripts.runner.docker.Docker
"""
ENDED = ("SUCCESS", "WARNING", "FAILED", "KILLED")
GOOD = "select * from {{ ref('stg_shop__customers') }} where country_code is not null"
SLOW = "{{ config(materialized='table') }} select sum(a.range * b.range) as n from range(10000000) a, range(10000000) b"
BROKEN = "select no_such_column from {{ ref('stg_shop__customers') }}"


class Project:
    """The demo's project in the files of one namespace, its flow, and who edits and builds it."""

    def __init__(self, stack: Stack, client: httpx.Client) -> None:
        self.client = client
        self.stack = stack
        for path, content in master_files(SOURCE, stack.home / "warehouse").items():
            self.write(path, content)
        client.post("/api/v1/main/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"}).raise_for_status()

    def write(self, path: str, content: str | bytes) -> None:
        """Write a namespace file."""
        answer = self.client.post(
            f"/api/v1/main/namespaces/{NAMESPACE}/files", params={"path": path}, files={"fileContent": ("x", content)}
        )
        answer.raise_for_status()

    def model(self, name: str, sql: str) -> None:
        """Write a model."""
        self.write(f"dbt/models/{name}.sql", sql)

    def build(self, command: str, seconds: float = 90) -> tuple[str, dict[str, str], str]:
        """Execute the flow; answers its state, the state of every node that had a row, and the id of the execution."""
        path = f"/api/v1/main/executions/{NAMESPACE}/dbt_build"
        started = self.client.post(path, files={"dbt_command": (None, command)}).raise_for_status().json()["id"]
        return self.ended(started, seconds)

    def resume(self, execution: str) -> tuple[str, dict[str, str], str]:
        """Press *Resume from failure*; answers the same of the new execution."""
        answer = signed_in(self.stack).post(f"/executions/{execution}/resume-dbt/").raise_for_status()
        return self.ended(answer.url.path.split("/")[2], 90)

    def plan_and_run(self, command: str, *kept: str) -> tuple[dict[str, str], str, dict[str, str]]:
        """Plan, then run only the nodes that are `kept`; answers why each would have run, the state and the rows."""
        pages = signed_in(self.stack)
        asked = pages.post(f"/flows/{NAMESPACE}/dbt_build/plan/", data={"dbt_command": command}).raise_for_status()
        deadline = time.monotonic() + 60
        while "aria-busy" in (page := pages.get(asked.url.path).raise_for_status().text):
            assert time.monotonic() < deadline, "the plan is not made"
            time.sleep(0.4)
        why = dict(re.findall(r'<span class="name mono">(.*?)</span>.*?<td data-wide>([^<]*)', page))
        begun = pages.post(f"{asked.url.path}run/", data={"keep": list(kept)}).raise_for_status()
        state, rows, _ = self.ended(begun.url.path.split("/")[2], 90)
        return why, state, rows

    def ended(self, started: str, seconds: float) -> tuple[str, dict[str, str], str]:
        """Wait for the end of an execution; answers its state, the state of every node that had a row, and its id."""

        def found() -> dict[str, Any]:
            execution: dict[str, Any] = self.client.get(f"/api/v1/main/executions/{started}").json()
            return execution

        deadline = time.monotonic() + seconds
        while found()["state"]["current"] not in ENDED:
            assert time.monotonic() < deadline, f"{started} does not end"
            time.sleep(0.4)  # a whole execution with its rows is asked for each time
        execution = found()
        rows = {run["taskId"]: run["state"]["current"] for run in execution["taskRunList"] if "." in run["taskId"]}
        return execution["state"]["current"], rows, started

    @property
    def state(self) -> set[str]:
        """The nodes of the manifest that is kept."""
        value = self.client.get(f"/api/v1/main/namespaces/{NAMESPACE}/kv/manifest.json").raise_for_status().json()["value"]
        return set(value["nodes"])

    def gantt(self, execution: str) -> set[str]:
        """The names of the rows that the Gantt shows."""
        text = signed_in(self.stack).get(f"/executions/{execution}/gantt/").raise_for_status().text
        return set(re.findall(r"(my_\w+)</a>", text))


@pytest.fixture
def project(make_stack: Callable[..., Stack]) -> Iterator[Project]:
    """The project in a product without a Docker engine."""
    stack = make_stack(DOCKER_HOST="unix:///no/engine.sock")
    stack.start()
    with stack.client() as client:
        yield Project(stack, client)


def _node(name: str) -> str:
    return f"model.company_analytics.{name}"


def _edit_and_build(project: Project) -> set[str]:
    """Build all, then what was changed, twice with a broken model in between; answers the nodes of the state that is kept."""
    third, fourth = _node("my_third_dbt_model"), _node("my_fourth_dbt_model")
    state, rows, _ = project.build(FULL, 240)  # its environment is made first
    assert state == "WARNING"  # a test of the demo warns
    assert len(rows) >= 50
    first = project.state

    project.model("my_third_dbt_model", GOOD)
    state, rows, execution = project.build(CHANGED)
    assert (state, rows) == ("SUCCESS", {third: "SUCCESS"})
    assert project.gantt(execution) == {"my_third_dbt_model"}

    project.model("my_third_dbt_model", BROKEN)
    project.model("my_fourth_dbt_model", "select * from {{ ref('my_third_dbt_model') }}")
    state, rows, execution = project.build(CHANGED)
    assert (state, rows) == ("FAILED", {third: "FAILED", fourth: "SKIPPED"})
    assert project.gantt(execution) == {"my_third_dbt_model", "my_fourth_dbt_model"}

    project.model("my_third_dbt_model", GOOD)
    state, rows, _ = project.resume(execution)
    assert (state, rows) == ("SUCCESS", {third: "SUCCESS", fourth: "SUCCESS"})
    why, state, rows = project.plan_and_run(CHANGED, third)
    assert why == {"my_third_dbt_model": "new", "my_fourth_dbt_model": "new"}
    assert (state, rows) == ("SUCCESS", {third: "SUCCESS"})
    assert project.state == first  # what was compared with it does not replace it
    return first


def _promote(project: Project, first: set[str]) -> None:
    """Build all with a broken model, which keeps the state, then with a good one, which replaces it; then what was changed since."""
    third, fourth, fifth = _node("my_third_dbt_model"), _node("my_fourth_dbt_model"), _node("my_fifth_dbt_model")
    project.model("my_third_dbt_model", BROKEN)
    state, rows, _ = project.build(FULL)
    assert (state, rows[third], rows[fourth]) == ("FAILED", "FAILED", "SKIPPED")
    assert project.state == first  # a broken model is never taken for one that is built
    project.model("my_third_dbt_model", GOOD)
    assert project.build(FULL)[0] == "WARNING"
    assert project.state == first | {third, fourth}
    project.model("my_fifth_dbt_model", "select * from {{ ref('my_fourth_dbt_model') }}")
    state, rows, _ = project.build(CHANGED)
    assert (state, rows) == ("SUCCESS", {fifth: "SUCCESS"})


@pytest.mark.dbt
def test_what_changed_since_the_last_full_build_is_built_alone(project: Project) -> None:
    _edit_and_build(project)


@pytest.mark.dbt
@pytest.mark.long
def test_only_a_full_build_that_succeeds_replaces_the_state(project: Project) -> None:
    _promote(project, _edit_and_build(project))


@pytest.mark.dbt
@pytest.mark.long
def test_after_dbt_was_killed_by_force_only_the_rest_is_run(project: Project) -> None:
    slow, after = _node("my_slow_model"), _node("my_after_model")
    assert project.build(FULL, 240)[0] == "WARNING"
    project.model("my_first_model", GOOD)
    project.model("my_slow_model", f"{SLOW} -- {{{{ ref('my_first_model') }}}}")
    project.model("my_after_model", "select * from {{ ref('my_slow_model') }}")
    path = f"/api/v1/main/executions/{NAMESPACE}/dbt_build"
    started = project.client.post(path, files={"dbt_command": (None, CHANGED)}).raise_for_status().json()["id"]

    def rows() -> dict[str, str]:
        runs = project.client.get(f"/api/v1/main/executions/{started}").json().get("taskRunList") or []
        return {run["taskId"]: run["state"]["current"] for run in runs}

    wait_until(lambda: rows().get(slow) == "RUNNING", 60, "the slow model runs")
    running = _dbt_of(project.stack)
    assert running
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    state, found, _ = project.ended(started, 60)
    assert state == "FAILED"
    assert found[_node("my_first_model")] == "SUCCESS"
    assert found[slow] in ("FAILED", "KILLED")
    project.model("my_slow_model", "select 1 as n")
    assert project.resume(started)[:2] == ("SUCCESS", {slow: "SUCCESS", after: "SUCCESS"})


def _dbt_of(stack: Stack) -> list[int]:
    """The Python processes that work in a task's folder of this product: dbt, and what handed it the command."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            inside = entry.name.isdigit() and (entry / "cwd").resolve().is_relative_to(stack.home.resolve() / "working")
            if inside and b"python" in (entry / "cmdline").read_bytes().partition(b"\0")[0]:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.long
@pytest.mark.docker
def test_containers_that_share_the_warehouse_do_the_same(live_server_stack: Stack) -> None:
    with live_server_stack.client() as client:
        _edit_and_build(Project(live_server_stack, client))
