"""Waiting, and being woken by a kill."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from plugins.contract import Result, TaskFailed
from plugins.core.flow.sleep import Sleep
from tests.plugins.context import MemoryContext


def sleep(duration: str) -> Sleep:
    return Sleep(id="nap", type="io.kestra.plugin.core.flow.Sleep", duration=duration)


def test_it_waits_as_long_as_it_says(make_context: Callable[..., MemoryContext]) -> None:
    context, begun = make_context(), time.monotonic()
    assert sleep("PT{{ 0.1 }}S").run(context) == Result()
    assert time.monotonic() - begun >= 0.1
    assert context.lines("INFO") == ["Waiting for PT0.1S"]


def test_a_kill_ends_the_wait_at_once(make_context: Callable[..., MemoryContext]) -> None:
    context = make_context()
    context.cancel_after(0.05)
    begun = time.monotonic()
    with pytest.raises(TaskFailed) as failure:
        sleep("PT1H").run(context)
    assert failure.value.state == "KILLED"
    assert time.monotonic() - begun < 5


def test_what_is_no_duration_fails_without_another_try(make_context: Callable[..., MemoryContext]) -> None:
    with pytest.raises(TaskFailed, match="soon") as failure:
        sleep("{{ 'soon' }}").run(make_context())
    assert not failure.value.retryable
