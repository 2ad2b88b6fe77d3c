"""Signs of life: what worker and scheduler leave in Redis every few seconds for the health check to find."""

from __future__ import annotations

import threading

import redis
from django.conf import settings

PERIOD_SECONDS = 2.0
LASTS_SECONDS = 8
ROLES = ("worker", "scheduler")


def client() -> redis.Redis:
    """A connection to the product's Redis that gives up after two seconds."""
    return redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def leave(connection: redis.Redis, role: str) -> None:
    """Say that a process of this role lives; a Redis that is away for a moment is no reason to stop."""
    try:
        connection.set(f"kestra_web:alive:{role}", "1", ex=LASTS_SECONDS)
    except redis.RedisError:
        return


def leave_regularly(role: str) -> None:
    """Leave signs of life from a thread of its own until the process ends."""
    threading.Thread(target=_beat, args=(role,), name="heartbeat", daemon=True).start()


def _beat(role: str) -> None:
    pause = threading.Event()
    with client() as connection:
        while True:
            leave(connection, role)
            pause.wait(PERIOD_SECONDS)
