"""The storms of `tests/journeys/test_storms.py` with ten times as many executions and deaths, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import machine
from tests.stack import Stack
from tests.storms import Deaths, kill_storm, more

pytestmark = [pytest.mark.long, pytest.mark.redis, pytest.mark.linux, pytest.mark.timeout(1500)]
MakeStack = Callable[..., Stack]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings that choose a database, a new one for each test."""
    if request.param == "sqlite":
        yield {}
        return
    with machine.postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield {"DATABASE_URL": url}


def test_two_hundred_executions_killed_by_a_query_are_gone_within_ten_seconds(make_stack: MakeStack, database: dict[str, str]) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false", **database)
    stack.start()
    print(kill_storm(stack, 200))


def test_twenty_deaths_of_worker_and_scheduler(make_stack: MakeStack, database: dict[str, str], tmp_path: Path) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false", **database)
    stack.start()
    with stack.client() as client:
        print(Deaths(stack, client, tmp_path).run(200, 20, seconds=300))


def test_twenty_deaths_among_two_workers_and_two_schedulers(
    make_stack: MakeStack, private_redis: str, database: dict[str, str], tmp_path: Path
) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false", REDIS_URL=private_redis, **database)
    stack.start()
    with more(stack, "worker", "scheduler") as parts, stack.client() as client:
        print(Deaths(stack, client, tmp_path, parts).run(200, 20, seconds=300))
