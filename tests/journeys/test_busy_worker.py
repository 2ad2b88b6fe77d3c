"""A worker whose threads all run something long: what takes a moment goes on all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.linux]
LONG = """id: long
namespace: company.team.busy
tasks:
  - id: sleep
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    commands: [sleep 987.6]
"""
BRIEF = """id: brief
namespace: company.team.busy
concurrency: {limit: 1, behavior: QUEUE}
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: hello}
  - {id: below, type: io.kestra.plugin.core.flow.Subflow, namespace: company.team.busy, flowId: below, wait: true}
"""
BELOW = """id: below
namespace: company.team.busy
tasks: [{id: give, type: io.kestra.plugin.core.debug.Return, format: given}]
"""


def test_what_takes_a_moment_goes_on_beside_long_tasks(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false", KESTRA_WEB_WORKER_CONCURRENCY="2")
    stack.start()
    with stack.client() as client:

        def start(flow: str) -> str:
            answer = client.post(f"/api/v1/main/executions/company.team.busy/{flow}")
            assert answer.status_code == 200, answer.text
            return str(answer.json()["id"])

        def found(ids: list[str]) -> list[Any]:
            return [client.get(f"/api/v1/main/executions/{one}").json() for one in ids]

        def sleeping() -> bool:
            runs = [run for one in found(long) for run in one.get("taskRunList") or []]
            return [run["state"]["current"] for run in runs] == ["RUNNING", "RUNNING"]

        for source in (LONG, BELOW, BRIEF):
            assert client.post("/api/v1/main/flows", content=source, headers={"Content-Type": "application/x-yaml"}).status_code == 200
        long = [start("long") for _ in range(2)]
        wait_until(sleeping, 20, "every thread of the worker is taken")
        brief = [start("brief") for _ in range(3)]
        succeeded = ["SUCCESS"] * 3
        wait_until(
            lambda: [one["state"]["current"] for one in found(brief)] == succeeded, 10, "three brief flows, two of which queued, have ended"
        )
        assert sleeping()
