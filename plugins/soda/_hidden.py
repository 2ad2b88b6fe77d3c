"""Which values of a configuration are secret: told by the names of their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MASK = "******"
_WORDS = ("password", "passwd", "pwd", "secret", "token", "key", "credential", "accountinfojson", "auth")
_SHORTEST = 4  # characters; what is shorter is found in lines that have nothing to do with it


def scrubbed(value: Any) -> Any:
    """A configuration without what is secret in it."""
    if isinstance(value, Mapping):
        return {key: MASK if _is_secret(key) and item is not None else scrubbed(item) for key, item in value.items()}
    return [scrubbed(item) for item in value] if isinstance(value, list | tuple) else value


def secrets(value: Any, *, inside: bool = False) -> Iterator[str]:
    """The texts that are secret in a configuration."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from secrets(item, inside=inside or _is_secret(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secrets(item, inside=inside)
    elif inside and isinstance(value, str | int) and not isinstance(value, bool) and len(str(value)) >= _SHORTEST:
        yield str(value)


def _is_secret(key: object) -> bool:
    name = re.sub(r"[^a-z0-9]", "", str(key).lower())
    return any(word in name for word in _WORDS)
