"""Server-sent events: an execution, or its log lines, as they change."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from api import shapes
from executions import selectors
from executions.models import Execution, LogLine
from namespaces.models import User
from ui.errors import Missing

POLL_SECONDS = 0.1
KEEP_ALIVE_SECONDS = 15.0
WAIT_FOR_EXECUTION_SECONDS = 10.0


def event(data: Any, name: str = "progress") -> bytes:
    return f"id: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _answer(lines: AsyncIterator[bytes]) -> StreamingHttpResponse:
    return StreamingHttpResponse(lines, content_type="text/event-stream", headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


def execution(user: User, execution_id: str) -> StreamingHttpResponse:
    """The execution each time it changed; ends with `id: end` once it is terminated. Waits up to 10 s for it to exist."""
    return _answer(_execution(user, execution_id))


async def _execution(user: User, execution_id: str) -> AsyncIterator[bytes]:
    deadline, seen, last_sent = time.monotonic() + WAIT_FOR_EXECUTION_SECONDS, (-1, -1), time.monotonic()
    while True:
        row = await _readable(user, execution_id)
        if row is None:
            if time.monotonic() > deadline:
                yield event({"message": f"Execution '{execution_id}' was not found"}, "error")
                return
        else:
            deadline = 0.0
            if (row.version, row.seq) != seen:
                seen, last_sent = (row.version, row.seq), time.monotonic()
                ended = row.ended is not None and row.state != "PAUSED"
                yield event(await sync_to_async(shapes.execution)(row), "end" if ended else "progress")
                if ended:
                    return
            elif time.monotonic() - last_sent > KEEP_ALIVE_SECONDS:
                last_sent = time.monotonic()
                yield b": waiting\n\n"
        await asyncio.sleep(POLL_SECONDS)


@sync_to_async
def _readable(user: User, execution_id: str) -> Execution | None:
    """Asked again on each look, so that a right that was taken away ends the stream."""
    try:
        return selectors.execution(user, execution_id)
    except Missing:
        return None


def logs(user: User, execution_id: str, min_level: int) -> StreamingHttpResponse:
    """Log lines, those already there first; never ends by itself, as Kestra's."""
    row = selectors.execution(user, execution_id)
    return _answer(_logs(row, min_level))


async def _logs(row: Execution, min_level: int) -> AsyncIterator[bytes]:
    after, last_sent = 0, time.monotonic()
    while True:
        lines = await _lines(row, min_level, after)
        for line in lines:
            after = line.number
            yield event(shapes.log_line(line, row))
        if lines:
            last_sent = time.monotonic()
        elif time.monotonic() - last_sent > KEEP_ALIVE_SECONDS:
            last_sent = time.monotonic()
            yield b": waiting\n\n"
        if len(lines) < 500:
            await asyncio.sleep(POLL_SECONDS)


@sync_to_async
def _lines(row: Execution, min_level: int, after: int) -> list[LogLine]:
    return list(LogLine.objects.filter(execution=row, level__gte=min_level, number__gt=after).order_by("number")[:500])
