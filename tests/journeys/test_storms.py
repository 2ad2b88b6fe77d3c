"""Many executions at once are killed, or lose those who work on them; `tests/long` does the same with ten times as many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stack import Stack
from tests.storms import Deaths, kill_storm, more

pytestmark = [pytest.mark.redis, pytest.mark.linux]
MakeStack = Callable[..., Stack]


@pytest.mark.timeout(240)
def test_executions_killed_by_a_query_are_gone_with_all_their_processes(make_stack: MakeStack) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    print(kill_storm(stack, 20))


@pytest.mark.timeout(240)
def test_nothing_is_lost_or_done_twice_where_worker_and_scheduler_die(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    with stack.client() as client:
        print(Deaths(stack, client, tmp_path).run(20, 2, seconds=90))


@pytest.mark.timeout(240)
def test_two_workers_and_two_schedulers_do_nothing_twice(make_stack: MakeStack, private_redis: str, tmp_path: Path) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false", REDIS_URL=private_redis)
    stack.start()
    with more(stack, "worker", "scheduler") as parts, stack.client() as client:
        print(Deaths(stack, client, tmp_path, parts).run(20, 2, seconds=90))
