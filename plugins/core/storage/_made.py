"""A file that a storage task makes and stores: below the working directory while it is written, then gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from plugins.contract import RunContext
from plugins.scripts._folders import PRIVATE


@contextmanager
def scratch(context: RunContext) -> Iterator[Path]:
    """A folder for the time of the block, below the working directory so that storage takes files from it."""
    private = context.working_dir / PRIVATE
    private.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="storage-", dir=private) as folder:
        yield Path(folder)
