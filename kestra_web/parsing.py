"""How the text of a setting becomes its value: each function returns the value or raises `ValueError` saying what to write instead."""

from __future__ import annotations

import base64
import binascii
import json
import pwd
import re
import zoneinfo
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.defaults import read_defaults

SIZES = {"": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4}
SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}


def text(value: str) -> str:
    """Any text."""
    return value


def words(value: str) -> tuple[str, ...]:
    """Words parted by commas."""
    return tuple(word.strip() for word in value.split(",") if word.strip())


def switch(value: str) -> bool:
    """true or false."""
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ValueError("write true or false")
    return known[value.lower()]


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser that accepts one of `choices`, in any case."""

    def parse(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(f"write one of {', '.join(choices)}")
        return value.lower()

    return parse


def engine(value: str) -> str:
    """The address of a container engine, or nothing."""
    address = urlsplit(value)
    if value and not (address.scheme == "unix" and address.path.startswith("/")) and not (address.scheme == "tcp" and address.hostname):
        raise ValueError("write unix:///path/docker.sock or tcp://host:2375")
    return value


def positive(value: str) -> int:
    """A whole number above zero."""
    if not value.isdecimal() or int(value) < 1:
        raise ValueError("write a whole number above 0")
    return int(value)


def port(value: str) -> int:
    """A TCP port."""
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise ValueError("write a port between 1 and 65535")
    return int(value)


def size(value: str) -> int:
    """Bytes, from a number with KB, MB, GB or TB."""
    match = re.fullmatch(r"(\d+)\s*([KMGT]B)?", value.upper())
    if not match:
        raise ValueError("write a size such as 100MB")
    return int(match[1]) * SIZES[match[2] or ""]


def span(value: str) -> int:
    """Seconds, from a number with s, m, h or d."""
    match = re.fullmatch(r"(\d+)\s*([smhd]?)", value.lower())
    if not match:
        raise ValueError("write a span such as 30d, 12h or 0")
    return int(match[1]) * SPANS[match[2]]


def folder(value: str) -> Path:
    """An absolute path, from one that may be relative to the working folder."""
    return Path(value).expanduser().absolute()


def storage(value: str) -> Path | tuple[str, str] | None:
    """A folder, or bucket and prefix of `s3://bucket/prefix`; None when empty."""
    if not value.startswith("s3://"):
        return folder(value) if value else None
    bucket, _, prefix = value.removeprefix("s3://").partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise ValueError("write s3://bucket or s3://bucket/prefix, the bucket in small letters, digits, dots and hyphens")
    if find_spec("boto3") is None:
        raise ValueError("files on S3 need the library boto3: pip install 'kestra-web[s3]'")
    return bucket, prefix.strip("/")


def folders(value: str) -> tuple[Path, ...]:
    """Folders parted by commas."""
    return tuple(folder(word) for word in words(value))


def url(value: str) -> str:
    """An http or https address without a path, or nothing."""
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/")):
        raise ValueError("write an address such as https://dbt.example.org")
    return value.rstrip("/")


def database_url(value: str) -> str:
    """The address of a PostgreSQL or SQLite database, or nothing."""
    parts = urlsplit(value)
    if value and parts.scheme not in ("postgresql", "postgres", "sqlite"):
        raise ValueError("write postgresql://user:password@host:5432/name or sqlite:////absolute/path")
    if value and len(parts.path) < 2:
        raise ValueError("the name of the database is missing after the host")
    return value


def redis_url(value: str) -> str:
    """The address of a Redis, or nothing."""
    if value and urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("write redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket")
    return value


def secret_key(value: str) -> str:
    """A key of 32 characters or more, or nothing."""
    if value and len(value) < 32:
        raise ValueError("write 32 random characters or more, or leave it unset to have one made")
    return value


def encryption_keys(value: str) -> tuple[str, ...]:
    """Fernet keys parted by commas."""
    keys = words(value)
    for key in keys:
        try:
            decoded = base64.urlsafe_b64decode(key)
        except (binascii.Error, ValueError):
            decoded = b""
        if len(decoded) != 32:
            raise ValueError("every key is 32 random bytes in URL-safe base64, as `cryptography.fernet.Fernet.generate_key()` makes them")
    return keys


def zone(value: str) -> str:
    """The name of a time zone."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("write a time zone such as Europe/Paris") from error
    return value


def account(value: str) -> tuple[int, int] | None:
    """(uid, gid) of an account given as `name`, `uid` or `uid:gid`; None when empty."""
    if not value:
        return None
    numbers = re.fullmatch(r"(\d+)(?::(\d+))?", value)
    if numbers:
        return int(numbers[1]), int(numbers[2] or numbers[1])
    try:
        entry = pwd.getpwnam(value)
    except KeyError as error:
        raise ValueError("there is no such account; write a name, uid or uid:gid") from error
    return entry.pw_uid, entry.pw_gid


def json_object(value: str) -> Mapping[str, Any]:
    """A JSON object."""
    parsed = json.loads(value)  # its error is a ValueError that tells line and column
    if not isinstance(parsed, dict):
        raise ValueError('write a JSON object such as {"region": "eu"}')
    return parsed


def plugin_defaults(value: str) -> list[Any]:
    """A JSON list of plugin defaults."""
    parsed = json.loads(value)
    if not isinstance(parsed, list) or len(read_defaults(parsed)) < len(parsed):
        raise ValueError('write a JSON list such as [{"type": "io.kestra.plugin.core.log.Log", "values": {"level": "WARN"}}]')
    return parsed
