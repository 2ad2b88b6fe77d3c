"""How Django reaches its database: SQLite tuned for many writers, or PostgreSQL through a pool of connections."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from kestra_web.environment import Environment

SQLITE_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY;"


def configuration(environment: Environment) -> dict[str, Any]:
    """The entry `DATABASES["default"]` that the settings ask for."""
    parts = urlsplit(environment.database_url)
    if parts.scheme in ("postgresql", "postgres"):
        return _postgresql(environment)
    path = unquote(parts.path)[1:] if environment.database_url else str(environment.home / "database" / "kestra.sqlite3")
    return _sqlite(path)


def _sqlite(path: str) -> dict[str, Any]:
    # A transaction that reads and then writes fails at once in WAL, whatever the timeout, unless it takes the write lock as it begins.
    options = {"transaction_mode": "IMMEDIATE", "timeout": 30, "init_command": SQLITE_PRAGMAS}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options, "TEST": {"NAME": f"{path}.test"}}


def _postgresql(environment: Environment) -> dict[str, Any]:
    parts = urlsplit(environment.database_url)
    # ASGI runs requests on ever new threads, for which CONN_MAX_AGE keeps nothing: a pool does.
    pool = {"min_size": 1, "max_size": environment.worker_concurrency + 8, "timeout": 20}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": {"pool": pool, **dict(parse_qsl(parts.query))},
    }
