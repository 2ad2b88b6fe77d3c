"""Ids and numbers that nobody can foresee, in the forms that Kestra offers to expressions."""

from __future__ import annotations

import secrets
import socket
import time

from engine.errors import ExpressionError
from engine.ids import base62

ALPHABET = "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
KSUID_EPOCH = 1_400_000_000  # seconds since 1970 when its clock began
KSUID_LENGTH = 27


def ksuid() -> str:
    """A K-sortable id: seconds and 16 random bytes in base 62, in 27 characters that sort by time."""
    stamp = int(time.time()) - KSUID_EPOCH
    return base62(int.from_bytes(stamp.to_bytes(4, "big") + secrets.token_bytes(16), "big"), KSUID_LENGTH)


def nano_id(length: int = 21, alphabet: str | None = None) -> str:
    """`length` characters of `alphabet`."""
    if not 0 < length <= 1000:
        raise ExpressionError("The 'nanoId' function makes ids of 1 to 1000 characters")
    if alphabet is not None and not 2 <= len(alphabet) <= 255:
        raise ExpressionError("The 'nanoId' function needs an alphabet of 2 to 255 characters")
    return "".join(secrets.choice(alphabet or ALPHABET) for _ in range(length))


def random_port() -> int:
    """A port of this machine that nobody listens on at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
