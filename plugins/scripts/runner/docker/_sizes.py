"""Amounts of memory as texts: `512MB`, `1GB`, `1g`, `1048576`."""

from __future__ import annotations

import re

_UNITS = {"": 1, "B": 1, "K": 1024, "KB": 1024, "M": 1024**2, "MB": 1024**2, "G": 1024**3, "GB": 1024**3, "T": 1024**4, "TB": 1024**4}
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$")


def size_in_bytes(text: str) -> int:
    """The number of bytes a text means. Raises ValueError where it means none."""
    found = _SIZE.match(text)
    unit = found.group(2).upper().replace("IB", "B") if found else ""
    if found is None or unit not in _UNITS:
        raise ValueError(f"Invalid size '{text}': expected a number with a unit, for example 512MB")
    return int(float(found.group(1)) * _UNITS[unit])
