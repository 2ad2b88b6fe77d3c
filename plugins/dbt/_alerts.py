"""Telling a webhook of dbt's warnings and errors while it runs, without ever holding it up."""

from __future__ import annotations

import json
import queue
import threading
import urllib.error
import urllib.request
from typing import Any, Literal

from pydantic import Field

from plugins.contract import Expression, RunContext, Schema, Text
from plugins.dbt._events import Event

_MOST = 20  # posts in all
_WAITING = 100
_TIMEOUT = 5.0


class AlertWebhook(Schema):
    """Where to tell of warnings and errors."""

    url: Text = Field(description="Address that takes a POST of JSON, as Slack's incoming webhooks do; write it as a secret.")
    level: Literal["WARN", "ERROR"] | Expression = Field("WARN", description="Lowest level to tell.")


class Alerts:
    """One post for each distinct warning or error, at most 20, sent by a thread of its own."""

    def __init__(self, url: str | None, level: str, context: RunContext) -> None:
        self._url = url
        self._level = level
        self._context = context
        self._seen: set[tuple[str, ...]] = set()
        self._surplus: dict[str, int] = {}
        self._posts: queue.Queue[dict[str, Any] | None] = queue.Queue(maxsize=_WAITING)
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, wanted: AlertWebhook | None, context: RunContext, *, json_format: bool) -> Alerts:
        """Alerts as the task wants them; silent ones where it wants none, or dbt's lines cannot be read."""
        if wanted is None:
            return cls(None, "ERROR", context)
        if not json_format:
            context.log("WARN", "alertWebhook requires logFormat JSON; no alerts will be sent")
            return cls(None, "ERROR", context)
        url = context.render(wanted.url).strip()
        context.hide(url)
        if not url.startswith(("https://", "http://")):
            context.log("WARN", "alertWebhook needs an address that starts with https://; no alerts will be sent")
            return cls(None, "ERROR", context)
        return cls(url, context.render(wanted.level).upper(), context)

    def tell(self, event: Event) -> None:
        """Queue a post for this event, unless it was told before or enough were."""
        if self._url is None or event.level not in ("WARN", "ERROR") or (self._level == "ERROR" and event.level == "WARN"):
            return
        level, node = event.level.lower(), event.unique_id
        key = (level, node) if node else (level, event.name, event.text)
        if key in self._seen:
            return
        self._seen.add(key)
        if len(self._seen) > _MOST:
            self._surplus[level] = self._surplus.get(level, 0) + 1
            return
        self._send(
            {
                "text": f"{level}{' ' + node if node else ''}: {event.text}",
                "level": level,
                "node": node,
                "type": event.name,
                "msg": event.text,
                "ts": event.at.isoformat() if event.at else None,
                "namespace": self._context.flow.namespace,
                "flowId": self._context.flow.id,
                "executionId": self._context.execution_id,
                "taskId": self._context.task_id,
            }
        )

    def close(self) -> None:
        """Tell how many were left out, and wait a moment for what is on its way."""
        for level, count in self._surplus.items():
            self._send({"text": f"{count} more dbt {'warnings' if level == 'warn' else 'errors'} suppressed", "level": level})
        self._surplus.clear()
        if self._thread is not None:
            try:
                self._posts.put_nowait(None)
            except queue.Full:
                return
            self._thread.join(timeout=2 * _TIMEOUT)
            self._thread = None

    def _send(self, body: dict[str, Any]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True, name="dbt-alerts")
            self._thread.start()
        try:
            self._posts.put_nowait({key: self._context.mask(value) if isinstance(value, str) else value for key, value in body.items()})
        except queue.Full:
            return

    def _work(self) -> None:
        while (body := self._posts.get()) is not None:
            request = urllib.request.Request(  # noqa: S310 - the address was checked to be http(s)
                str(self._url), data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, method="POST"
            )
            try:
                urllib.request.urlopen(request, timeout=_TIMEOUT).close()  # noqa: S310 - as above
            except (urllib.error.URLError, OSError, ValueError) as error:
                self._context.log("DEBUG", f"An alert could not be sent ({type(error).__name__})")
