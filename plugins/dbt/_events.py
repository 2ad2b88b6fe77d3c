"""dbt's structured log lines as values, whichever dbt wrote them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from plugins.contract import Level

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LEADER = re.compile(r" ?\.{4,} ?")  # the dots with which dbt fills a line of 80 characters
_LEVELS: dict[str, Level] = {
    "debug": "DEBUG",
    "trace": "TRACE",
    "info": "INFO",
    "warn": "WARN",
    "warning": "WARN",
    "error": "ERROR",
    "test": "DEBUG",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One structured line. `text` has no colours and no filling dots; `node` is dbt's `node_info`, empty where there is none."""

    level: Level
    name: str
    text: str
    at: datetime | None = None
    thread: str | None = None
    code: str = ""
    invocation: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def node(self) -> Mapping[str, Any]:
        found = self.data.get("node_info")
        return found if isinstance(found, Mapping) else {}

    @property
    def unique_id(self) -> str | None:
        found = self.node.get("unique_id") or self.data.get("unique_id")
        return found if isinstance(found, str) and found else None


def read_event(line: str) -> Event | None:
    """The event of a line; None for a line that is none. dbt 1.x nests it below `info`, older and newer ones write it flat."""
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, Mapping):
        return None
    info = record.get("info")
    return _nested(info, record.get("data")) if isinstance(info, Mapping) else _flat(record)


def plain(text: str) -> str:
    """A text without colours and filling dots."""
    return _LEADER.sub(" ", _ANSI.sub("", text)).rstrip()


def uncoloured(text: str) -> str:
    """A text without colours."""
    return _ANSI.sub("", text)


def read_time(value: Any) -> datetime | None:
    """An aware UTC time from dbt's texts, which carry a `Z` or nothing; None where it is neither."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _nested(info: Mapping[str, Any], data: Any) -> Event:
    return Event(
        level=_level(info.get("level")),
        name=str(info.get("name") or info.get("type") or ""),
        text=plain(str(info.get("msg") or "")),
        at=read_time(info.get("ts")),
        thread=_text(info.get("thread") or info.get("thread_name")),
        code=str(info.get("code") or ""),
        invocation=_text(info.get("invocation_id")),
        data=data if isinstance(data, Mapping) else {},
    )


def _flat(record: Mapping[str, Any]) -> Event | None:
    if "level" not in record or not ("msg" in record or "message" in record):
        return None
    data = record.get("data")
    return Event(
        level=_level(record.get("level")),
        name=str(record.get("name") or record.get("type") or ""),
        text=plain(str(record.get("msg") or record.get("message") or "")),
        at=read_time(record.get("ts")),
        thread=_text(record.get("thread_name") or record.get("thread")),
        code=str(record.get("code") or ""),
        invocation=_text(record.get("invocation_id")),
        data=data if isinstance(data, Mapping) else {},
    )


def _level(value: Any) -> Level:
    return _LEVELS.get(str(value).lower(), "ERROR")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
