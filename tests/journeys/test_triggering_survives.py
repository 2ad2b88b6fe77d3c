"""Flow triggers outlive their worker: killed again and again, each execution is heard exactly once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.stack import Stack, wait_until

CORE, NAMESPACE, COUNT = "io.kestra.plugin.core", "company.survives", 100
TASKS = f"tasks:\n  - {{id: say, type: {CORE}.debug.Return, format: hi}}\n"
HEARD = f"{{type: {CORE}.condition.ExecutionFlow, namespace: {NAMESPACE}, flowId: load}}"
LISTENER = f"triggers:\n  - {{id: after, type: {CORE}.trigger.Flow, conditions: [{HEARD}]}}\n"


@pytest.mark.long
@pytest.mark.redis
@pytest.mark.timeout(300)
def test_each_execution_is_heard_once_though_workers_die(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    over = threading.Event()

    def kill() -> None:
        while not over.wait(1.5):
            with contextlib.suppress(OSError, ValueError):  # it is just being started again
                os.kill(stack.pid("worker"), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    with stack.client() as client:
        for id_, more in (("load", ""), ("publish", LISTENER)):
            source = f"id: {id_}\nnamespace: {NAMESPACE}\n{TASKS}{more}"
            client.post("/api/v1/main/flows", content=source, headers={"Content-Type": "application/x-yaml"}).raise_for_status()

        def found(flow_id: str, state: str) -> list[Any]:
            query = {"namespace": NAMESPACE, "flowId": flow_id, "state": state, "size": "1000"}
            return list(client.get("/api/v1/main/executions/search", params=query).json()["results"])

        killer.start()
        for _ in range(COUNT):
            client.post(f"/api/v1/main/executions/{NAMESPACE}/load").raise_for_status()
        time.sleep(8)
        over.set()
        killer.join()
        wait_until(lambda: len(found("load", "SUCCESS")) == COUNT, 120, "all have ended")
        wait_until(lambda: len(found("publish", "SUCCESS")) >= COUNT, 60, "all were heard")
        time.sleep(6)  # a message that is sent again would come now
        heard = [one["trigger"]["variables"]["executionId"] for one in found("publish", "SUCCESS")]
        assert sorted(heard) == sorted(one["id"] for one in found("load", "SUCCESS"))
