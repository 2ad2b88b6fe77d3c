"""A context for work of a worker that belongs to no execution: evaluating a trigger, making a plan, testing a connection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from executions.context import Context
from plugins.contract import StepReport


class AsideContext(Context):
    """A task's context without a page of an execution to show anything on; nobody stops it, and it is not found again."""

    def step(self, report: StepReport) -> None:
        """There is no Gantt to show it in."""

    def selects(self, command: int, nodes: Sequence[str]) -> None:
        """There is nothing to go on with later."""

    def header(self, key: str, text: str) -> None:
        """There is no execution whose header it could be."""

    def left_behind(self, *, pgid: int | None = None, started: float | None = None, container: str | None = None) -> None:
        """Who takes over begins anew; commands end by themselves."""

    def on_cancel(self, action: Callable[[], None]) -> AbstractContextManager[None]:
        """Nobody stops it."""
        return contextlib.nullcontext()
