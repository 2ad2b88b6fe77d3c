"""A server that runs as root lets commands run under another account: the workspace works, and what it keeps is the server's."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.git_servers import over_http
from tests.journeys.signing import signed_in
from tests.journeys.test_hostile import open_folder  # noqa: F401 -- a fixture
from tests.journeys.test_workspace_git import MODEL, TOKEN, repository  # noqa: F401 -- a fixture
from tests.plugins.git.remotes import git
from tests.stack import Stack, ended

pytestmark = [pytest.mark.redis, pytest.mark.dbt, pytest.mark.root, pytest.mark.long, pytest.mark.timeout(400)]
NS = "company.team.apart"
BASE = f"/workspace/{NS}/"
FLOW = f"""id: cloned
namespace: {NS}
tasks:
  - id: work
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - id: clone
        type: io.kestra.plugin.git.Clone
        url: URL
        username: git_username
        password: "{{{{ secret('GIT_TOKEN') }}}}"
      - id: look
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
        commands:
          - echo "account $(id -u)"
          - echo x >> .git/config
          - "find HOME -readable -not -path 'HOME/environments*' -not -path \\"$PWD*\\" -type f 2>/dev/null | sed 's/^/GOT /'; true"
      - id: build
        type: io.kestra.plugin.dbt.cli.DbtCLI
        taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
        containerImage: ghcr.io/kestra-io/dbt-duckdb
        commands: ["dbt build --select days"]
"""


@pytest.fixture
def stack(open_folder: Path) -> Iterator[Stack]:  # noqa: F811
    made = Stack(open_folder / "home", settings={"KESTRA_WEB_DEMO": "false", "KESTRA_WEB_RUN_AS": "nobody"})
    made.start()
    yield made
    made.stop()


def log(client: httpx.Client, identity: str) -> str:
    return "\n".join(line.get("message") or "" for line in client.get(f"/api/v1/main/logs/{identity}").json())


def test_a_file_is_edited_compiled_shown_committed_run_and_cloned(stack: Stack, repository: Path) -> None:  # noqa: F811
    nobody = pwd.getpwnam("nobody").pw_uid
    with over_http(repository.parent, f"git_username:{TOKEN}") as server, closing(signed_in(stack)) as person, stack.client() as client:
        client.post("/api/v1/main/namespaces", json={"id": NS})
        client.put(f"/api/v1/main/namespaces/{NS}/secrets", json={"key": "GIT_TOKEN", "value": TOKEN}).raise_for_status()
        form = {"url": f"{server}/shop.git", "username": "git_username", "password_secret": "GIT_TOKEN", "default_branch": "main"}
        person.post(f"{BASE}git/bind/", data=form).raise_for_status()
        person.headers["Accept"] = "application/json"
        at = {"branch": "main"}
        opened = person.get(f"{BASE}text/", params={**at, "path": MODEL}).raise_for_status().json()
        text = "select * from {{ ref('days') }}\n"
        person.post(f"{BASE}draft/", params=at, json={"path": MODEL, "base": opened["base"], "text": text}).raise_for_status()
        person.post(f"{BASE}save/", params=at, json={"path": MODEL, "base": opened["base"], "text": text}).raise_for_status()
        for _ in range(2):
            compiled = person.post(f"{BASE}dbt/compile/", params=at, json={"path": MODEL, "text": text}, timeout=150).json()
            assert "days" in compiled.get("sql", ""), compiled
            shown = preview(person, at, "select 1 as one")
            assert shown.get("rows") == [[1]], shown
        started = (
            person.post(f"{BASE}dbt/run/", params=at, json={"verb": "build", "path": MODEL, "reach": "+this"}).raise_for_status().json()
        )
        execution = ended(client, started["execution"]["id"], 200)
        assert execution["state"]["current"] == "SUCCESS", log(client, execution["id"])
        person.headers["Accept"] = "text/html"
        person.post(f"{BASE}git/stage/", params=at, data={"path": MODEL}).raise_for_status()
        person.post(f"{BASE}git/commit/", params=at, data={"message": "mine"}).raise_for_status()
        person.post(f"{BASE}git/push/", params=at).raise_for_status()
        assert git(repository, "log", "-1", "--format=%s", "main") == "mine"
        source = FLOW.replace("URL", f"{server}/shop.git").replace("HOME", str(stack.home))
        client.post("/api/v1/main/flows", content=source, headers={"Content-Type": "application/x-yaml"}).raise_for_status()
        cloned = ended(client, client.post(f"/api/v1/main/executions/{NS}/cloned").json()["id"], 200)
        told = log(client, cloned["id"])
        assert cloned["state"]["current"] == "SUCCESS", told
        assert f"account {nobody}" in told
        assert [line for line in told.splitlines() if line.startswith("GOT ")] == []
    stored = [path for path in (stack.home / "storage").rglob("*") if path.lstat().st_uid == nobody]
    assert stored == [], "what is kept belongs to the server"
    kept = stack.home / "workspaces"
    assert {path.lstat().st_mode & 0o077 for path in kept.iterdir()} == {0}
    assert "Traceback" not in stack.output


def preview(person: httpx.Client, at: dict[str, str], text: str) -> dict[str, Any]:
    made = person.post(f"{BASE}dbt/preview/", params=at, json={"path": MODEL, "text": text, "limit": 5}).raise_for_status().json()
    for _ in range(15):
        answer: dict[str, Any] = person.get(f"{BASE}dbt/preview/{made['id']}/", params=at).json()
        if answer["state"] in ("done", "failed", "cancelled"):
            return answer
    return {}
