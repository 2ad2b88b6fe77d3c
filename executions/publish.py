"""What changed, told to the open pages: facts with ids and a sequence number, sent after commit, never HTML."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

from executions import models

logger = logging.getLogger(__name__)
LISTS = "executions"  # the group of every page that shows more than one execution


def group(execution_id: str) -> str:
    """The channels group of the pages that show one execution."""
    return f"execution.{execution_id}"


def execution_changed(execution: models.Execution | Any, state: str, seq: int) -> None:
    """An execution's own row changed; lists hear of it too."""
    names = {"id": execution.id, "execution": execution.id, "namespace": execution.namespace, "flow_id": execution.flow_id}
    fact = {"type": "execution.changed", **names, "state": state, "seq": seq}
    _after_commit([(group(execution.id), fact), (LISTS, fact)])


def task_runs_changed(execution_id: str, task_run_ids: Iterable[str], seq: int) -> None:
    """Task runs were added or changed; those that are gone are seen by the execution having changed."""
    _changed("task_run.changed", execution_id, list(task_run_ids), seq)


def steps_changed(execution_id: str, step_ids: Iterable[str], seq: int) -> None:
    """Steps were added or changed."""
    _changed("step.changed", execution_id, list(step_ids), seq)


def _changed(kind: str, execution_id: str, ids: list[str], seq: int) -> None:
    if ids:
        _after_commit([(group(execution_id), {"type": kind, "execution": execution_id, "id": ids[0], "ids": ids, "seq": seq})])


def logs_appended(execution_id: str, first: int, last: int) -> None:
    """Log lines were written, with the numbers `first` to `last`."""
    _after_commit(
        [
            (
                group(execution_id),
                {"type": "log.appended", "execution": execution_id, "id": execution_id, "first": first, "last": last, "seq": last},
            )
        ]
    )


def tell(name: str, fact: Mapping[str, Any]) -> None:
    """Send a fact to a group of other rooms' pages, after commit."""
    _after_commit([(name, fact)])


Message = tuple[str, Mapping[str, Any]]
_waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
_starting = threading.Lock()
_sender: threading.Thread | None = None


def _after_commit(messages: Iterable[Message]) -> None:
    transaction.on_commit(partial(_enqueue, list(messages)))


def _enqueue(messages: Iterable[Message]) -> None:
    global _sender
    for message in messages:
        _waiting.put(message)
    with _starting:
        if _sender is None:
            _sender = threading.Thread(target=_send_for_ever, name="publish", daemon=True)
            _sender.start()


def _send_for_ever() -> None:
    # One thread with one event loop keeps one connection to Redis; a loop per message would connect each time.
    loop = asyncio.new_event_loop()
    while True:
        messages = [_waiting.get()]
        while not _waiting.empty():
            messages.append(_waiting.get())
        try:
            loop.run_until_complete(_send(messages))
        except (TimeoutError, RedisError, OSError) as error:
            logger.warning("%d facts could not be sent to the pages: %s", len(messages), error)


async def _send(messages: Iterable[Message]) -> None:
    layer = get_channel_layer()
    if layer is not None:
        for name, fact in messages:
            await layer.group_send(name, dict(fact))
