"""Reading dbt's artifacts as a stream: one node or result at a time, however large the file."""

from __future__ import annotations

import json
import logging
import mmap
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import ijson
from django.utils import timezone
from django.utils.dateparse import parse_datetime

STARTS, ENDS = frozenset({"start_map", "start_array"}), frozenset({"end_map", "end_array"})
Item = tuple[str, str, Any]  # section, key within it ("" in a list or for a value of its own), value
LONGEST_MAP = 64 << 20  # bytes
logger = logging.getLogger(__name__)


class Unreadable(Exception):
    """The file is no artifact of dbt."""


def items(path: Path, sections: Collection[str]) -> Iterator[Item]:
    """Each member of the sections of an artifact, in the order of the file. Raises Unreadable where the JSON is broken."""
    with path.open("rb") as file:
        try:
            yield from _members(ijson.basic_parse(file, use_float=True), sections)
        except (ijson.JSONError, UnicodeDecodeError, ValueError, RecursionError) as error:
            raise Unreadable(f"{path.name}: {error}") from error


def _members(events: Iterator[tuple[str, Any]], sections: Collection[str]) -> Iterator[Item]:
    depth, section, key, wanted, builder = 0, "", "", False, None
    for event, value in events:
        if event == "map_key" and depth == 1:
            section, key, wanted = value, "", value in sections
        elif event == "map_key" and depth == 2:
            key = value
        else:
            if event in STARTS:
                depth += 1
                if depth == 3 and wanted:
                    builder = ijson.ObjectBuilder()
            elif event in ENDS:
                depth -= 1
            elif builder is None and wanted:
                yield section, key, value
            if builder is not None:
                builder.event(event, value)
                if depth == 2:
                    yield section, key, builder.value
                    builder = None


def parent_map(path: Path) -> Mapping[str, Any]:
    """Who depends on whom, by the section of a manifest that says so, which is read alone; empty where there is none."""
    name = b'"parent_map":'
    with path.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                place = content.rfind(name) + len(name)
                text = content[place : place + LONGEST_MAP].decode(errors="ignore") if place >= len(name) else "{}"
            return mapping(json.JSONDecoder().raw_decode(text.lstrip())[0])
        except (ValueError, RecursionError):  # nothing in it, or it is cut off: what each node says of itself is left
            return {}


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def text(value: Any, most: int = 500) -> str:
    """The value if it is a text, at most so long and without what a database cannot hold."""
    return value.replace("\0", "")[:most] if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    """Those members of a list that are texts; a lone text is a list of one."""
    found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [text(one) for one in found if isinstance(one, str)]


def number(value: Any) -> float | None:
    """The value if it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def count(value: Any) -> int | None:
    """The value if it is a number that counts something; some adapters say -1 for "unknown"."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**62 else None


def moment(value: Any) -> datetime | None:
    """The aware moment that a text names."""
    try:
        found = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return timezone.make_aware(found) if found is not None and timezone.is_naive(found) else found
