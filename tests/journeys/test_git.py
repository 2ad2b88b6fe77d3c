"""The guide's flows that bring a project from Git and push it back, word for word but for their addresses, against real Git servers."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.git_servers import over_http, over_ssh
from tests.journeys.browsing import open_browser, sign_in
from tests.plugins.git.remotes import git
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]

NAMESPACE = "company.team.dbt"
TOKEN = "ghp_0nly-for-this-journey-4711"
SYNC = """id: dbt_build
namespace: company.team.dbt

tasks:
  - id: sync
    type: io.kestra.plugin.git.SyncNamespaceFiles
    url: {url}{login}
    branch: master
    namespace: "{{{{ flow.namespace }}}}"
    gitDirectory: dbt
    dryRun: false

  - id: dbt_build
    type: io.kestra.plugin.dbt.cli.DbtCLI
    containerImage: ghcr.io/kestra-io/dbt-duckdb:latest
    namespaceFiles:
      enabled: true
      exclude:
        - profiles.yml
    taskRunner:
      type: io.kestra.plugin.scripts.runner.docker.Docker
    commands:
      - dbt build
    profiles: |
      my_dbt_project:
        outputs:
          prod:
            type: duckdb
            path: ":memory:"
            schema: main
            threads: 8
        target: prod
"""
PUSH = """id: push_dbt_to_git
namespace: company.team.dbt

inputs:
  - id: commit_message
    type: STRING
    defaults: "Changes to dbt from Kestra"

tasks:
  - id: commit_and_push
    type: io.kestra.plugin.git.PushNamespaceFiles
    namespace: "{{{{ flow.namespace }}}}"{login}
    url: {url}
    branch: dev
    gitDirectory: dbt
    commitMessage: "{{{{ inputs.commit_message }}}}"
"""
PROJECT = {
    "dbt/dbt_project.yml": "name: my_dbt_project\nprofile: my_dbt_project\nmodel-paths: [models]\n",
    "dbt/models/example/my_first_dbt_model.sql": "{{ config(materialized='table') }}\nselect 1 as id union all select 2\n",
    "dbt/models/example/my_second_dbt_model.sql": "select * from {{ ref('my_first_dbt_model') }} where id = 1\n",
}
THIRD = "models/example/my_third_dbt_model.sql"
MODEL = "select * from {{ ref('my_first_dbt_model') }} where id = 2"
LOGIN = "\n    username: git_username\n    password: \"{{ secret('GITHUB_ACCESS_TOKEN') }}\""
KEY = "\n    privateKey: \"{{ secret('GITHUB_ACCESS_TOKEN') }}\""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A bare repository whose branch `master` has the project."""
    bare, work = tmp_path / "git" / "dbt-example.git", tmp_path / "work"
    bare.parent.mkdir()
    git(tmp_path, "init", "-q", "--bare", "-b", "master", str(bare))
    git(tmp_path, "init", "-q", "-b", "master", str(work))
    for path, text in PROJECT.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text)
    git(work, "add", "-A")
    git(work, "commit", "-qm", "A project")
    git(work, "push", "-q", str(bare), "master")
    return bare


@pytest.fixture(params=[pytest.param("http", marks=pytest.mark.browser), pytest.param("ssh", marks=[pytest.mark.sshd, pytest.mark.long])])
def server(request: pytest.FixtureRequest, repository: Path, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """The address of the repository on a real server, how a task signs in, and the secret for it."""
    with ExitStack() as stack:
        if request.param == "http":
            address = stack.enter_context(over_http(repository.parent, f"git_username:{TOKEN}", delay=0.15))
            yield f"{address}/{repository.name}", LOGIN, TOKEN
            return
        (tmp_path / "ssh").mkdir()
        address, key = stack.enter_context(over_ssh(tmp_path / "ssh"))
        yield f"{address}{repository}", KEY, key.read_text()


def _made(client: httpx.Client, source: str) -> None:
    client.post("/api/v1/main/flows", content=source, headers={"Content-Type": "application/x-yaml"}).raise_for_status()


def _run(client: httpx.Client, flow: str, seconds: float) -> dict[str, Any]:
    """Execute a flow and look at every process of the machine meanwhile; answers the execution."""
    started = client.post(f"/api/v1/main/executions/{NAMESPACE}/{flow}").raise_for_status().json()["id"]
    deadline = time.monotonic() + seconds
    while True:
        listed = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        assert TOKEN not in listed
        execution: dict[str, Any] = client.get(f"/api/v1/main/executions/{started}").json()
        if execution["state"]["current"] in ("SUCCESS", "WARNING", "FAILED", "KILLED"):
            return execution
        assert time.monotonic() < deadline, "the execution does not end"
        time.sleep(0.1)


def _files_with(folder: Path, text: str) -> list[str]:
    """Every file below a folder, the database and the logs among them, whose bytes have a text."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.dbt
def test_a_project_is_synced_edited_built_and_pushed_to_a_new_branch(
    make_stack: Callable[..., Stack], server: tuple[str, str, str], repository: Path
) -> None:
    url, login, secret = server
    stack = make_stack(DOCKER_HOST="unix:///no/engine.sock")
    stack.start()
    with stack.client() as client:
        made = client.put(f"/api/v1/main/namespaces/{NAMESPACE}/secrets", json={"key": "GITHUB_ACCESS_TOKEN", "value": secret})
        assert made.status_code < 300, made.text
        _made(client, SYNC.format(url=url, login=login))
        _made(client, PUSH.format(url=url, login=login))
        assert _run(client, "dbt_build", 200)["state"]["current"] == "SUCCESS"

        if secret == TOKEN:
            _write_in_the_editor(stack)
        else:
            text = {"fileContent": ("x", MODEL)}
            client.post(f"/api/v1/main/namespaces/{NAMESPACE}/files", params={"path": THIRD}, files=text).raise_for_status()
        _made_without_sync(client, SYNC.format(url=url, login=login))
        execution = _run(client, "dbt_build", 60)
        assert execution["state"]["current"] == "SUCCESS"
        assert "model.my_dbt_project.my_third_dbt_model" in {run["taskId"] for run in execution["taskRunList"]}

        pushed = _run(client, "push_dbt_to_git", 30)
        assert pushed["state"]["current"] == "SUCCESS"
        assert git(repository, "rev-parse", "dev") == pushed["taskRunList"][0]["outputs"]["commitId"]
        assert git(repository, "diff", "--name-status", "master", "dev") == f"A\tdbt/{THIRD}"
        assert git(repository, "show", f"dev:dbt/{THIRD}") == MODEL
        assert git(repository, "log", "-1", "--format=%s", "dev") == "Changes to dbt from Kestra"
        again = _run(client, "push_dbt_to_git", 30)
        assert again["taskRunList"][0]["outputs"].get("commitId") is None
        pages = "".join(client.get(f"/api/v1/main/executions/{found['id']}").text for found in (execution, pushed, again))
    stack.stop()
    needle = secret if secret == TOKEN else secret.splitlines()[2]
    assert needle not in pages
    assert needle not in stack.output
    wait_until(lambda: not _files_with(stack.home, needle), 5, "no file has the secret")


def _write_in_the_editor(stack: Stack) -> None:
    """Make the third model as the guide does, in the editor: by keyboard, saved by Ctrl S."""
    with open_browser() as browser:
        page = browser.new_page(base_url=stack.url)
        sign_in(page, stack)
        page.goto(f"/workspace/{NAMESPACE}/?path=models/example/my_first_dbt_model.sql")
        page.locator("[data-workspace][data-ready]").wait_for()
        expect(page.locator(".cm-content")).to_contain_text("select 1 as id union all select 2")  # what was synced
        page.keyboard.press("Alt+n")
        page.get_by_label("Path, with / between folders").fill(THIRD)
        page.keyboard.press("Enter")
        name = THIRD.rpartition("/")[2]
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        expect(page.locator(".cm-content")).to_be_focused()
        page.keyboard.type(MODEL)
        expect(page.get_by_role("tab", name=f"{name}, not saved")).to_be_visible()
        page.keyboard.press("Control+s")
        expect(page.get_by_role("tab", name=name, exact=True)).to_be_visible()
        assert TOKEN not in page.content()


def _made_without_sync(client: httpx.Client, source: str) -> None:
    """The same flow with its first task disabled, as the guide says, so that it keeps what was edited here."""
    changed = re.sub(r"(type: io.kestra.plugin.git.SyncNamespaceFiles\n)", r"\1    disabled: true\n", source)
    path = f"/api/v1/main/flows/{NAMESPACE}/dbt_build"
    client.put(path, content=changed, headers={"Content-Type": "application/x-yaml"}).raise_for_status()
