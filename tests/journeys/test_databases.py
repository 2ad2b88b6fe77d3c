"""The product runs the same on PostgreSQL as on SQLite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stack import Stack, wait_until

FLOW = """
id: databases
namespace: company.databases
tasks:
  - id: first
    type: io.kestra.plugin.core.debug.Return
    format: "{{ flow.id }}"
  - id: second
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    commands:
      - echo "seen {{ outputs.first.value }}"
"""


@pytest.mark.postgres
@pytest.mark.redis
def test_a_flow_runs_on_postgresql(make_stack: Callable[..., Stack], postgres_url: str) -> None:
    stack = make_stack(DATABASE_URL=postgres_url, KESTRA_WEB_DEMO="false")
    stack.start()
    with stack.client() as client:
        created = client.post("/api/v1/main/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"})
        assert created.status_code == 200, created.text
        execution = client.post("/api/v1/main/executions/company.databases/databases").json()["id"]

        def state() -> str:
            return str(client.get(f"/api/v1/main/executions/{execution}").json()["state"]["current"])

        wait_until(lambda: state() in ("SUCCESS", "FAILED", "WARNING"), 30, "the execution ended")
        assert state() == "SUCCESS"
        lines = [line["message"] for line in client.get(f"/api/v1/main/logs/{execution}").json()]
    assert "seen databases" in lines
    assert not (stack.home / "database" / "kestra.sqlite3").exists()
