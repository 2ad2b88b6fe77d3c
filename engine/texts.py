"""Text that every database can keep."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def storable(value: Any) -> Any:
    """A JSON value, keys too, without NULs and with U+FFFD for halves of surrogate pairs: PostgreSQL refuses both, a file system may not.

    `NaN` and the infinities, which JSON lacks, become texts, as Kestra writes them. Whatever is none of these is answered as it is.
    """
    if isinstance(value, str):
        if value.isascii():
            return value.replace("\0", "") if "\0" in value else value
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value.replace("\0", ""))
    if isinstance(value, Mapping):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return [storable(item) for item in value] if isinstance(value, list | tuple) else value
