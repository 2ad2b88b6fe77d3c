"""Server-sent events: an execution, or its log lines, as they change."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from api import shapes
from api.doors import still, who
from executions import selectors
from executions.models import Execution, LogLine
from ui.errors import KestraError

POLL_SECONDS = 0.1
KEEP_ALIVE_SECONDS = 15.0
WAIT_FOR_EXECUTION_SECONDS = 10.0
RECHECK_SECONDS = 3.0  # after which it is asked again who reads and what they may see


def event(data: Any, name: str = "progress") -> bytes:
    return f"id: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _answer(lines: AsyncIterator[bytes]) -> StreamingHttpResponse:
    return StreamingHttpResponse(lines, content_type="text/event-stream", headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


def pieces(parts: Iterator[bytes]) -> HttpResponse:
    """JSON that is made piece by piece, sent as it is made where there is more than one."""
    first, second = next(parts), next(parts, None)
    if second is None:
        return HttpResponse(first, content_type="application/json")
    return StreamingHttpResponse(_pieces(chain([first, second], parts)), content_type="application/json")


async def _pieces(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    while part := await sync_to_async(next)(parts, b""):
        yield part


class _Reader:
    """Who reads a stream of one execution."""

    def __init__(self, request: HttpRequest, execution_id: str) -> None:
        self._request, self._id = request, execution_id
        self._checked = 0.0
        self._may = False

    @sync_to_async
    def row(self) -> Execution | None:
        """The execution as it is now; None where there is none, or no right to it any more."""
        if not self._may or time.monotonic() - self._checked > RECHECK_SECONDS:
            self._checked, self._may = time.monotonic(), self._asked()
        return Execution.objects.filter(id=self._id).first() if self._may else None

    def _asked(self) -> bool:
        try:
            user = still(self._request)
            if user is not None:
                selectors.execution(user, self._id)
        except KestraError:
            return False
        return user is not None


def execution(request: HttpRequest, execution_id: str) -> StreamingHttpResponse:
    """The execution each time it changed; ends with `id: end` once it is terminated. Waits up to 10 s for it to exist."""
    return _answer(_execution(_Reader(request, execution_id), execution_id))


async def _execution(reader: _Reader, execution_id: str) -> AsyncIterator[bytes]:
    deadline, seen, last_sent = time.monotonic() + WAIT_FOR_EXECUTION_SECONDS, (-1, -1), time.monotonic()
    while True:
        row = await reader.row()
        if row is None:
            if time.monotonic() > deadline:
                yield event({"message": f"Execution '{execution_id}' was not found"}, "error")
                return
        else:
            deadline = 0.0
            if (row.version, row.seq) != seen:
                seen, last_sent = (row.version, row.seq), time.monotonic()
                ended = await sync_to_async(selectors.is_over)(row)
                yield event(await sync_to_async(shapes.execution)(row), "end" if ended else "progress")
                if ended:
                    return
            elif time.monotonic() - last_sent > KEEP_ALIVE_SECONDS:
                last_sent = time.monotonic()
                yield b": waiting\n\n"
        await asyncio.sleep(POLL_SECONDS)


def logs(request: HttpRequest, execution_id: str, min_level: int) -> StreamingHttpResponse:
    """Log lines, those already there first; ends only when the execution, or the right to see it, is gone."""
    return _answer(_logs(_Reader(request, execution_id), min_level))


async def _logs(reader: _Reader, min_level: int) -> AsyncIterator[bytes]:
    after, last_sent = 0, time.monotonic()
    while (row := await reader.row()) is not None:
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


def dependencies(request: HttpRequest, execution_id: str) -> StreamingHttpResponse:
    """The state of an execution and of every one with its correlation id, each time one changed; ends when all have ended."""
    return _answer(_dependencies(_Reader(request, execution_id), request))


async def _dependencies(reader: _Reader, request: HttpRequest) -> AsyncIterator[bytes]:
    seen: dict[str, str] = {}
    last_sent = time.monotonic()
    while (row := await reader.row()) is not None:
        rows = [row, *await _correlated(request, row)]
        for one in rows:
            if seen.get(one.id) != one.state:
                seen[one.id], last_sent = one.state, time.monotonic()
                yield event(shapes.status(one))
        if all(one.ended is not None and one.state != "PAUSED" for one in rows):
            yield event(shapes.status(row), "end")
            return
        if time.monotonic() - last_sent > KEEP_ALIVE_SECONDS:
            last_sent = time.monotonic()
            yield b": waiting\n\n"
        await asyncio.sleep(POLL_SECONDS)


@sync_to_async
def _correlated(request: HttpRequest, row: Execution) -> list[Execution]:
    return selectors.correlated(who(request), row)
