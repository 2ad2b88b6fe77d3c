"""The sockets of open pages: they hear that something changed, gather for a tenth of a second, and send what is newer than the page."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from executions import live, page_logs, publish
from executions.models import Execution
from namespaces import rights
from namespaces.authentication import by_session
from namespaces.models import Role, User

GATHER = 0.1  # seconds between two sendings at least
PAUSE = 0.01  # seconds from a fact to its sending, so that facts of one commit travel together
RECHECK = 5.0  # seconds after which it is asked again who they are and what they may see
LIST_GATHER = 1.0
UNKNOWN, HIDDEN = 4401, 4404  # close codes: sign in; there is nothing here for you


class GatheringConsumer(AsyncJsonWebsocketConsumer):
    """A socket that sends at most every `gather` seconds, and always what is true after the last fact."""

    gather = GATHER

    async def connect(self) -> None:
        self.sending: asyncio.Task[None] | None = None
        self.watching: asyncio.Task[None] | None = None
        self.again = False
        self.sent = 0.0
        self.user = self.scope.get("user")
        if not isinstance(self.user, User) or not self.user.is_active:
            await self._refuse(UNKNOWN)
        elif not await self.allowed():
            await self._refuse(HIDDEN)
        else:
            await self.join()  # before the page is told that it is connected: nothing falls between
            await self.accept()
            self.watching = asyncio.create_task(self._watch())
            self.nudge()

    async def _refuse(self, code: int) -> None:
        await self.accept()  # a browser sees the code only of a socket that was open
        await self.close(code)

    async def join(self) -> None:
        """Join the group, and remember what the page has seen."""
        raise TypeError(f"{type(self).__name__} does not define join()")

    async def allowed(self) -> bool:
        """Whether this user may see what the page shows."""
        raise TypeError(f"{type(self).__name__} does not define allowed()")

    async def collect(self) -> list[live.Message]:
        """What the page must be told now."""
        raise TypeError(f"{type(self).__name__} does not define collect()")

    async def disconnect(self, code: int) -> None:
        for task in (self.sending, self.watching):
            if task is not None:
                task.cancel()

    async def _watch(self) -> None:
        """Close the socket when the session is over or the right is gone, whether something happens or not."""
        while True:
            await asyncio.sleep(RECHECK)
            person = await self._person()
            if person is None or not await self.allowed():
                if self.sending is not None:
                    self.sending.cancel()
                await self.close(UNKNOWN if person is None else HIDDEN)
                return
            self.user = person
            self.forget()

    def forget(self) -> None:
        """What the page was told may hold no more: this person's rights may have changed."""

    @database_sync_to_async
    def _person(self) -> User | None:
        session = self.scope.get("session")
        return by_session(session.session_key) if session is not None else User.objects.filter(pk=self.user.pk, is_active=True).first()

    def nudge(self) -> None:
        """Something changed: send soon."""
        self.again = True
        if self.sending is None or self.sending.done():
            self.sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self.again:
            await asyncio.sleep(max(PAUSE, self.sent + self.gather - time.monotonic()))
            self.again = False
            began = time.monotonic()
            messages = await self.collect()
            # What takes long to make is made less often, so that one large execution does not fill a processor.
            self.sent = time.monotonic() + 2 * (time.monotonic() - began)
            if messages:
                await self.send_json({"type": "batch", "messages": messages})

    async def fact(self, event: dict[str, Any]) -> None:
        self.nudge()


class ExecutionConsumer(GatheringConsumer):
    """One open tab of one execution: `?view=gantt|logs|…&seq=<n>&line=<n>`."""

    async def join(self) -> None:
        query = {name: values[-1] for name, values in parse_qs(self.scope["query_string"].decode("latin-1")).items()}
        self.view = query.get("view", "overview")
        self.seen = live.Seen(_whole(query.get("seq")), _whole(query.get("line")))
        self.wanted = page_logs.filter_of(query)
        await self.channel_layer.group_add(publish.group(self.execution_id), self.channel_name)

    @property
    def execution_id(self) -> str:
        return str(self.scope["url_route"]["kwargs"]["execution_id"])

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        await self.channel_layer.group_discard(publish.group(self.execution_id), self.channel_name)

    @database_sync_to_async
    def allowed(self) -> bool:
        user = User.objects.filter(pk=self.user.pk, is_active=True).first()
        namespace = Execution.objects.filter(id=self.execution_id).values_list("namespace", flat=True).first()
        return user is not None and namespace is not None and rights.allows(rights.role_of(user, namespace), Role.READER)

    async def collect(self) -> list[live.Message]:
        messages, self.seen = await database_sync_to_async(live.updates)(self.execution_id, self.user, self.view, self.seen, self.wanted)
        return messages

    def forget(self) -> None:
        self.seen = replace(self.seen, header=())

    async def receive_json(self, content: Any, **_: Any) -> None:
        """The Logs tab changes its filter: `{"type": "log.filter", "level", "q", "run", "step", "line"}`."""
        if isinstance(content, dict) and content.get("type") == "log.filter":
            self.wanted = page_logs.filter_of({key: str(value) for key, value in content.items()})
            self.seen = replace(self.seen, line=_whole(str(content.get("line", ""))) or self.seen.line)
            self.nudge()

    execution_changed = task_run_changed = step_changed = log_appended = GatheringConsumer.fact


class ListConsumer(GatheringConsumer):
    """Pages with many executions: told which of those they may see have changed; they ask for them, with all rights checked."""

    gather = LIST_GATHER

    async def join(self) -> None:
        self.changed: set[str] = set()
        await self.channel_layer.group_add(publish.LISTS, self.channel_name)

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        await self.channel_layer.group_discard(publish.LISTS, self.channel_name)

    @database_sync_to_async
    def allowed(self) -> bool:
        user = User.objects.filter(pk=self.user.pk, is_active=True).first()
        self.roots = rights.readable(user) if user is not None else []
        return user is not None

    async def collect(self) -> list[live.Message]:
        ids, self.changed = sorted(self.changed), set()
        return [{"type": "executions.changed", "ids": ids}] if ids else []

    async def execution_changed(self, event: dict[str, Any]) -> None:
        namespace = str(event.get("namespace", ""))
        if self.roots is None or any(namespace == root or namespace.startswith(f"{root}.") for root in self.roots):
            self.changed.add(str(event["id"]))
            self.nudge()


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 19 else 0
