"""The health check: whether database, Redis, worker and scheduler answer."""

from __future__ import annotations

import redis
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from kestra_web import heartbeat


def look() -> dict[str, bool]:
    """Which parts answer, by name: database, redis, worker, scheduler."""
    return {"database": _database_answers(), **_redis_side()}


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis_side() -> dict[str, bool]:
    try:
        with heartbeat.client() as client:
            alive = client.mget([f"kestra_web:alive:{role}" for role in heartbeat.ROLES])
    except redis.RedisError:
        return {"redis": False, **dict.fromkeys(heartbeat.ROLES, False)}
    return {"redis": True, **{role: sign is not None for role, sign in zip(heartbeat.ROLES, alive, strict=True)}}


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 when all parts answer, else 503; it tells nothing more, so that it needs no login."""
    parts = look()
    well = all(parts.values())
    answer = JsonResponse({"status": "ok" if well else "failing", **parts}, status=200 if well else 503)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # Django's own mark; whoever asks every second would fill the log with 503
    return answer
