"""What journeys share: one running product for all of them, and a way to start others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.stack import Stack


@pytest.fixture(scope="session")
def live_server_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The product as `make up` starts it, with its demo; every journey may use it, none may stop it."""
    stack = Stack(tmp_path_factory.mktemp("stack") / "home")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


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
