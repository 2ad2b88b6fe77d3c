"""Labels as they are written in conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.expressions import to_text


def pairs(written: Any) -> list[tuple[str, str]]:
    """Labels given as a map or as a list of `{key, value}`."""
    if isinstance(written, Mapping):
        return [(str(key), to_text(value)) for key, value in written.items()]
    listed = written if isinstance(written, list) else []
    return [(str(one.get("key")), to_text(one.get("value"))) for one in listed if isinstance(one, Mapping)]
