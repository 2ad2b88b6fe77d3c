"""Products of a test's own, for journeys and for what takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests import machine
from tests.stack import Stack


@pytest.fixture
def make_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """A function that makes a product of a test's own: `make_stack(KESTRA_WEB_DEMO="false")`. It is not started yet, and ended by us."""
    made: list[Stack] = []

    def make(**settings: str) -> Stack:
        made.append(Stack(tmp_path_factory.mktemp("stack") / "home", settings=settings))
        return made[-1]

    yield make
    for stack in made:
        stack.stop()


@pytest.fixture
def private_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis of a test's own, for parts that are started one by one."""
    folder = tmp_path_factory.mktemp("redis")
    server = machine.start_redis(folder)
    assert server is not None
    yield machine.session_redis_url(folder)
    server.kill()
    server.wait()
