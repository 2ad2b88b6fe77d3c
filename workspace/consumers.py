"""The socket of an open workspace or files page: it tells who else has which file open, and what they save."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.exceptions import ChannelFull

from executions.consumers import GatheringConsumer
from executions.live import Message
from namespaces import rights
from namespaces.models import Role, User
from namespaces.paths import UnsafePath, clean
from workspace import presence
from workspace.presence import FORGOTTEN, Here

HEARTBEAT = 20.0  # seconds
QUIET = 0.2  # seconds between two things that one page tells the others


class PresenceConsumer(GatheringConsumer):
    """`?branch=` names what the page shows. It sends `{"type": "here", "path", "typing"}` whenever that changes, and is told `presence`
    with all the others, and `file.saved`."""

    async def join(self) -> None:
        self.own = Here(self.user.pk, str(self.user), presence.copy_of(self.user, self.branch), "", False, 0.0)
        self.others: dict[str, Here] = {}
        self.saved: list[Message] = []
        self.news = asyncio.Event()
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self._tell(asks=True)
        self.telling = asyncio.create_task(self._keep_telling())

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if hasattr(self, "telling"):
            self.telling.cancel()
            await self.channel_layer.group_discard(self.group, self.channel_name)
            await self.channel_layer.group_send(self.group, {"type": "person.gone", "socket": self.channel_name})

    @property
    def namespace(self) -> str:
        return str(self.scope["url_route"]["kwargs"]["namespace"])

    @property
    def branch(self) -> str:
        return parse_qs(self.scope["query_string"].decode("latin-1")).get("branch", [""])[-1]

    @property
    def group(self) -> str:
        return presence.group(self.namespace, self.branch)

    @database_sync_to_async
    def allowed(self) -> bool:
        user = User.objects.filter(pk=self.user.pk, is_active=True).first()
        return user is not None and rights.allows(rights.role_of(user, self.namespace), Role.MEMBER if self.branch else Role.READER)

    async def receive_json(self, content: Any, **_: Any) -> None:
        """Where this page is now."""
        if not isinstance(content, dict) or content.get("type") != "here":
            return
        path = content.get("path")
        try:
            self.own.path = "/".join(clean(path)) if isinstance(path, str) else ""
        except UnsafePath:
            self.own.path = ""
        self.own.typing = bool(content.get("typing")) and bool(self.own.path)
        self.news.set()

    async def _keep_telling(self) -> None:
        """Tell the others what is new, and now and then that this page is still there."""
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await self.news.wait()
            except TimeoutError:
                before = time.monotonic() - FORGOTTEN
                if any(other.at < before for other in self.others.values()):
                    self.others = {name: other for name, other in self.others.items() if other.at >= before}
                    self.nudge()
            self.news.clear()
            await self._tell()
            await asyncio.sleep(QUIET)

    async def _tell(self, to: str = "", *, asks: bool = False) -> None:
        own = self.own
        fact = {"type": "person.here", "socket": self.channel_name, "person": own.person, "name": own.name, "copy": own.copy}
        fact |= {"path": own.path, "typing": own.typing, "asks": asks}
        with contextlib.suppress(ChannelFull):  # they hear it again with the next heartbeat
            await (self.channel_layer.send(to, fact) if to else self.channel_layer.group_send(self.group, fact))

    async def person_here(self, event: dict[str, Any]) -> None:
        """Another page tells where it is; one that has just come asks for all the others."""
        socket = str(event["socket"])
        if socket == self.channel_name:
            return
        self.others[socket] = Here.told(event, time.monotonic())
        if event["asks"]:
            await self._tell(socket)
        self.nudge()

    async def person_gone(self, event: dict[str, Any]) -> None:
        """Another page was closed."""
        if self.others.pop(str(event["socket"]), None) is not None:
            self.nudge()

    async def file_saved(self, event: dict[str, Any]) -> None:
        """A file was saved: of interest to those who see the same copy."""
        if event["copy"] == self.own.copy:
            about = {name: event[name] for name in ("path", "base", "name")}
            self.saved.append({"type": "file.saved", **about, "me": event["person"] == self.own.person})
            self.nudge()

    async def collect(self) -> list[Message]:
        saved, self.saved = self.saved, []
        people = [other.seen_by(self.user, self.own.copy) for other in self.others.values()]
        people.sort(key=lambda one: (one["name"], one["id"], one["path"]))
        return [*saved, {"type": "presence", "people": people}]
