"""Who works on what: attempts are claimed by a conditional update and kept alive by the heartbeat of the process that holds them."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

from django.db import DatabaseError, close_old_connections
from django.db.models import F
from django.utils import timezone

from executions import models

POLL_SECONDS = 0.4
BEAT_SECONDS = 2.0
Delivery = models.Delivery
logger = logging.getLogger(__name__)
Reason = Literal["killed", "timeout", "lost"]


def started_at(pid: int) -> int | None:
    """When a process of this machine started, in clock ticks since boot; None where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except OSError:
        return None


@cache
def process_name() -> str:
    """A name for this process that no other has or will have: host, process id and start."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{started_at(os.getpid()) or int(time.time())}"


def is_here(name: str) -> bool:
    """Whether the process of this name runs, or ran, on this machine."""
    return name.rsplit(":", 2)[0] == socket.gethostname()[:60]


def gone(name: str) -> bool:
    """Whether the process of this name ended for certain: it ran on this machine and is not there any more."""
    _, pid, started = name.rsplit(":", 2)
    return is_here(name) and os.path.exists("/proc/self/stat") and started_at(int(pid)) != int(started)


class Claim:
    """An attempt that this process holds. Stopping it calls what the task registered for that, once, from another thread."""

    def __init__(self, delivery: models.Delivery) -> None:
        self.delivery = delivery
        self.reason: Reason | None = None
        self._stopped = threading.Event()
        self._actions: list[Callable[[], None]] = []
        self._guard = threading.Lock()

    def stopped(self) -> bool:
        """Whether the attempt is to end."""
        return self._stopped.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, but not beyond a stop; answers whether it came."""
        return self._stopped.wait(seconds)

    def stop(self, reason: Reason) -> None:
        """Have the attempt end; only the first reason counts."""
        with self._guard:
            if self._stopped.is_set():
                return
            self.reason = reason
            self._stopped.set()
            actions = list(self._actions)
        for action in actions:
            _call_aside(action)

    @contextmanager
    def on_stop(self, action: Callable[[], None]) -> Iterator[None]:
        """Call `action` when the attempt is stopped while the block runs, at once if it was stopped before."""
        with self._guard:
            self._actions.append(action)
            late = self._stopped.is_set()
        if late:
            _call_aside(action)
        try:
            yield
        finally:
            with self._guard:
                self._actions.remove(action)


def _call_aside(action: Callable[[], None]) -> None:
    threading.Thread(target=action, name="stop", daemon=True).start()


def take(delivery_id: int) -> models.Delivery | None:
    """Claim one waiting delivery; None when someone else has it, or had it."""
    now = timezone.now()
    waiting = Delivery.objects.filter(id=delivery_id, status=Delivery.Status.WAITING)
    changes = {"status": Delivery.Status.CLAIMED, "worker": process_name(), "claimed": now, "heartbeat": now}
    if not waiting.update(claims=F("claims") + 1, **changes):
        return None
    return Delivery.objects.filter(id=delivery_id).first()


def take_inline(execution_id: str) -> list[models.Delivery]:
    """Claim every cheap delivery of one execution that waits, in the order of their creation."""
    now = timezone.now()
    waiting = Delivery.objects.filter(execution_id=execution_id, inline=True, status=Delivery.Status.WAITING)
    ids = list(waiting.order_by("id").values_list("id", flat=True))
    taken = [delivery for delivery in (take(number) for number in ids) if delivery is not None] if len(ids) < 4 else None
    if taken is None:
        waiting.filter(id__in=ids).update(
            status=Delivery.Status.CLAIMED, worker=process_name(), claims=F("claims") + 1, claimed=now, heartbeat=now
        )
        taken = list(Delivery.objects.filter(id__in=ids, worker=process_name(), claimed=now).order_by("id"))
    return taken


# --- The heartbeat: one thread for all claims of the process ------------------------------------------------------------------

_held: dict[int, Claim] = {}
_holding = threading.Lock()
_beating: threading.Thread | None = None


@contextmanager
def held(*deliveries: models.Delivery) -> Iterator[Claim]:
    """Keep claims alive while the block runs, and watch for someone who wants the attempts to end; gives the first claim."""
    start_beating()
    made = [Claim(delivery) for delivery in deliveries]
    with _holding:
        _held.update({claim.delivery.id: claim for claim in made})
    try:
        yield made[0] if made else Claim(models.Delivery())
    finally:
        with _holding:
            for claim in made:
                _held.pop(claim.delivery.id, None)


def start_beating(kind: str = "worker", threads: int = 1) -> None:
    """Show that this process lives, from now until it ends. Only the first call in a process counts."""
    global _beating
    with _holding:
        if _beating is None or not _beating.is_alive():
            _beating = threading.Thread(target=_beat_for_ever, args=(kind, threads), name="claims", daemon=True)
            _beating.start()


def _beat_for_ever(kind: str, threads: int) -> None:
    beaten = 0.0
    while True:
        try:
            if time.monotonic() - beaten >= BEAT_SECONDS:
                beat(kind, threads)
                beaten = time.monotonic()
            _look()
        except DatabaseError:
            logger.exception("The heartbeat could not be written; trying again")
            close_old_connections()
        time.sleep(POLL_SECONDS if _held else min(BEAT_SECONDS, 1.0))


def beat(kind: str, threads: int) -> None:
    """Write one heartbeat: of the process and of all its claims."""
    now = timezone.now()
    with _holding:
        ids = list(_held)
    if ids:
        Delivery.objects.filter(id__in=ids, worker=process_name(), status=Delivery.Status.CLAIMED).update(heartbeat=now)
    if not models.Worker.objects.filter(name=process_name()).update(heartbeat=now):
        values = {"kind": kind, "host": socket.gethostname()[:100], "pid": os.getpid(), "concurrency": threads}
        models.Worker.objects.update_or_create(name=process_name(), defaults={**values, "heartbeat": now})


def _look() -> None:
    """Stop the attempts that somebody wants to end, and those that were taken from us because we seemed to be gone."""
    with _holding:
        claims = dict(_held)
    if not claims:
        return
    rows = Delivery.objects.filter(id__in=claims, worker=process_name(), status=Delivery.Status.CLAIMED).values_list(
        "id", "claims", "stop_requested"
    )
    ours = {number: (count, stop) for number, count, stop in rows}
    with _holding:
        claims = {number: claim for number, claim in claims.items() if number in _held}
    for number, claim in claims.items():
        count, stop = ours.get(number, (None, None))
        if count != claim.delivery.claims:
            claim.stop("lost")
        elif stop is not None:
            claim.stop("killed")
