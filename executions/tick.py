"""What is due: timers, messages that were lost, attempts whose worker is gone, schedules. Found in the database, so that nothing committed
is forgotten; claimed by conditional updates, so that any number of ticks at once do everything once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache, partial

import redis
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from engine import events
from executions import cleaning, dispatch, executor, lost, models, schedule
from executions.dispatch import Outgoing
from executions.executor import ExecutionMissing, Guard, Stale

MOST = 500  # rows of a kind in one tick
FIRST_RESEND = 5.0  # seconds; doubled with each further sending
LAST_RESEND = 320.0
CLEAN_EVERY = 60.0
MARK = "kestra_web:marked"
logger = logging.getLogger(__name__)
_cleaned = 0.0


def tick(now: datetime | None = None) -> None:
    """Do what is due at `now`, an aware datetime. DatabaseError travels up; what is wrong with one execution does not stop the others."""
    global _cleaned
    moment = now or timezone.now()
    timers(moment)
    lost.find(moment)
    schedule.fire(moment)
    if time.monotonic() - _cleaned > CLEAN_EVERY:
        _cleaned = time.monotonic()
        cleaning.clean(moment)
    resend(moment, everything=_redis_is_new())  # last: Redis may be away


def timers(now: datetime) -> None:
    """Tell executions whose time has come."""
    for row in models.Timer.objects.filter(due__lte=now).order_by("due")[:MOST]:
        apart(f"timer {row.key} of execution {row.execution_id}", partial(_elapsed, row))


def _elapsed(row: models.Timer) -> list[Outgoing]:
    try:
        return executor.advance(row.execution_id, events.TimerElapsed(row.key), guard=Guard(timers=[row.id]))
    except (Stale, ExecutionMissing):  # another tick was first
        return []


def apart(what: str, act: Callable[[], Iterable[Outgoing]]) -> None:
    """Do one thing and send what comes of it; a bug there is told and does not keep the others waiting."""
    try:
        dispatch.send(act())
    except Exception:  # one broken flow must not stop the timers of all others; the log has all of it
        logger.exception("The %s could not be handled", what)


# --- messages --------------------------------------------------------------------------------------------------------------------


def resend(now: datetime, *, everything: bool = False) -> None:
    """Send again what was committed and not taken for so long that its message may be lost; at once what Redis has forgotten."""
    waiting = models.Delivery.objects.filter(status=models.Delivery.Status.WAITING)
    dispatch.send(Outgoing("run_cheap", number) for number in _due(waiting.filter(inline=True), now, everything))
    dispatch.send(Outgoing("carry_out", number) for number in _due(models.Command.objects.all(), now, everything))
    dispatch.send(Outgoing("run_task", number) for number in _due(waiting.filter(inline=False), now, everything))


def _due(rows: QuerySet[models.Delivery] | QuerySet[models.Command], now: datetime, everything: bool) -> list[int]:
    late = rows if everything else rows.filter(Q(sent=None) | Q(sent__lte=now - timedelta(seconds=FIRST_RESEND)))
    found = []
    for number, sent, sends in late.order_by("id").values_list("id", "sent", "sends")[:MOST]:
        pause = min(FIRST_RESEND * 2 ** max(sends - 1, 0), LAST_RESEND)
        if not everything and sent is not None and (now - sent).total_seconds() < pause:
            continue
        if rows.filter(id=number, sends=sends).update(sent=now, sends=sends + 1):  # else another tick sends it
            found.append(number)
    return found


def _redis_is_new() -> bool:
    """Whether Redis has lost what we once left there, and so the messages too."""
    return bool(_redis().set(MARK, "1", nx=True))


@cache
def _redis() -> redis.Redis:
    return redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
