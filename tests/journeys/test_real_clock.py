"""By the real clock: a schedule for every minute fires within a second of the minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.stack import Stack

FLOW = """id: minutely
namespace: company.clock
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ trigger.date }}"}
triggers:
  - {id: tick, type: io.kestra.plugin.core.trigger.Schedule, cron: "* * * * *"}
"""


@pytest.mark.long
@pytest.mark.redis
@pytest.mark.timeout(400)
def test_three_minutes_fire_within_a_second(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    with stack.client() as client:
        answer = client.post("/api/v1/main/flows", content=FLOW, headers={"Content-Type": "application/x-yaml"})
        assert answer.status_code == 200, answer.text
        deadline = time.monotonic() + 240
        found: list[Any] = []
        while len(found) < 3:
            assert time.monotonic() < deadline, found
            time.sleep(1)
            found = client.get("/api/v1/main/executions/search?namespace=company.clock&size=50").json()["results"]
    late = []
    for one in found:
        due = datetime.fromisoformat(one["trigger"]["variables"]["date"])
        created = datetime.fromisoformat(one["state"]["startDate"].replace("Z", "+00:00"))
        late.append(created - due)
    print("late by", sorted(late))
    assert all(timedelta(0) <= one <= timedelta(seconds=1) for one in late), late
    assert len({one["trigger"]["variables"]["date"] for one in found}) == len(found)
