"""Fixtures of the task types' tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.contract import Settings
from tests.plugins.context import FolderEnvironments, MemoryContext


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> FolderEnvironments:
    """Environments made once for the whole session."""
    return FolderEnvironments(tmp_path_factory.mktemp("environments"))


@pytest.fixture
def make_context(tmp_path: Path, environments: FolderEnvironments) -> Callable[..., MemoryContext]:
    """Makes run contexts; keywords of Settings go there, the rest to the context."""
    count = 0

    def make(**given: Any) -> MemoryContext:
        nonlocal count
        count += 1
        names = set(Settings.__dataclass_fields__)
        settings = Settings(**{"home": tmp_path, "kill_grace": 0.5, **{key: given.pop(key) for key in list(given) if key in names}})
        return MemoryContext(tmp_path / f"run-{count}", settings, environments, **given)

    return make


@pytest.fixture
def context(make_context: Callable[..., MemoryContext]) -> MemoryContext:
    """A run context with nothing special."""
    return make_context()
