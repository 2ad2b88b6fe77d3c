"""The demo's flow of pull requests: a signed webhook builds what a branch changes beside production, tells the host, and cleans up."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.plugins.git.remotes import git
from tests.stack import Stack, ended

pytestmark = [pytest.mark.redis, pytest.mark.dbt, pytest.mark.timeout(420)]

NAMESPACE = "company.team.dbt"
SECRET, TOKEN = "known-to-both-sides", "token-of-the-host"
MODEL = "models/marts/product/product_returns.sql"


@contextmanager
def host_of_statuses() -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    """An HTTP server that takes commit statuses; gives its address and what it was told: path, authorization, body."""
    told: list[tuple[str, str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.append((self.path, self.headers["Authorization"], body))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/statuses", told
    finally:
        server.shutdown()
        server.server_close()


def commit(folder: Path, text: str) -> str:
    """Write the model, commit and push the branch; answers the commit."""
    (folder / MODEL).write_text(text)
    git(folder, "commit", "--quiet", "-am", "Change what comes back")
    git(folder, "push", "--quiet", "--force", "origin", "HEAD:returns")
    return git(folder, "rev-parse", "HEAD")


def call(stack: Stack, action: str, sha: str, repository: str = "shop/analytics", secret: str = SECRET) -> httpx.Response:
    """The event of a pull request, as GitHub sends it."""
    head = {"ref": "returns", "sha": sha, "repo": {"full_name": repository}}
    event = {
        "action": action,
        "pull_request": {"number": 7, "head": head, "base": {"ref": "main"}},
        "repository": {"full_name": "shop/analytics"},
    }
    body = json.dumps(event).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    path = f"{stack.url}/api/v1/main/executions/webhook/{NAMESPACE}/ci_pull_request/pull_request"
    return httpx.post(path, content=body, headers={"Content-Type": "application/json", "X-Hub-Signature-256": signature}, timeout=30)


def nodes(execution: dict[str, Any]) -> set[str]:
    """The names of the models, seeds, snapshots and tests that dbt ran."""
    return {run["taskId"] for run in execution["taskRunList"] if run["taskId"].startswith(("model.", "seed.", "snapshot.", "test."))}


def logged(client: httpx.Client, identity: str) -> str:
    return "\n".join(line["message"] for line in client.get(f"/api/v1/main/logs/{identity}").json())


def test_a_pull_request_is_built_told_and_forgotten(live_server_stack: Stack, tmp_path: Path) -> None:
    stack = live_server_stack
    with stack.client() as client, host_of_statuses() as (address, told):
        build = {"target": (None, "prod")}
        production = client.post(f"/api/v1/main/executions/{NAMESPACE}/build_warehouse", files=build).json()["id"]
        for name, value in (("CI_WEBHOOK_SECRET", SECRET), ("CI_TOKEN", TOKEN)):
            client.put(f"/api/v1/main/namespaces/{NAMESPACE}/secrets", json={"key": name, "value": value}).raise_for_status()
        client.put(f"/api/v1/main/namespaces/{NAMESPACE}/kv/ci_status_url", content=json.dumps(address)).raise_for_status()
        git(tmp_path, "clone", "--quiet", str(stack.home / "git" / "company_analytics.git"), "work")
        work = tmp_path / "work"
        text = (work / MODEL).read_text()
        good = commit(work, text.replace("as return_rate,", "as return_rate, count(*) as lines_sold,"))

        assert call(stack, "opened", good, secret="a-guess").status_code == 401
        assert call(stack, "labeled", good).status_code == 204
        assert call(stack, "opened", good, repository="stranger/fork").status_code == 204
        assert ended(client, production)["state"]["current"] in ("SUCCESS", "WARNING"), logged(client, production)

        built = ended(client, call(stack, "opened", good).json()["id"])
        assert built["state"]["current"] in ("SUCCESS", "WARNING"), logged(client, built["id"])
        assert "model.company_analytics.product_returns" in nodes(built)
        assert not any(name.startswith(("seed.", "model.company_analytics.stg_", "model.company_analytics.fct_")) for name in nodes(built))
        assert [(path, body["state"]) for path, _, body in told] == [(f"/statuses/{good}", "pending"), (f"/statuses/{good}", "success")]
        assert {authorization for _, authorization, _ in told} == {f"Bearer {TOKEN}"}
        assert TOKEN not in logged(client, built["id"]) + json.dumps(built)

        bad = commit(work, text.replace("sum(lines.quantity)", "sum(lines.no_such_column)"))
        failed = ended(client, call(stack, "synchronize", bad).json()["id"])
        assert failed["state"]["current"] == "FAILED"
        assert [(path, body["state"]) for path, _, body in told[2:]] == [(f"/statuses/{bad}", "pending"), (f"/statuses/{bad}", "failure")]

        for dropped in ("pr_7_marts", None):  # what was made is dropped, and there is nothing to drop the second time
            closed = ended(client, call(stack, "closed", bad).json()["id"])
            assert closed["state"]["current"] in ("SUCCESS", "WARNING"), logged(client, closed["id"])
            assert ("Dropping the schema" in logged(client, closed["id"])) is (dropped is not None)
            assert dropped is None or f"Dropping the schema {dropped}" in logged(client, closed["id"])
        assert "Dropping the schema main" not in logged(client, closed["id"])
