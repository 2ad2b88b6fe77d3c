"""What journeys share: one running product for all of them."""

from __future__ import annotations

from collections.abc import Iterator

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
