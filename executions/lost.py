"""Attempts whose worker is gone: what it left running is ended first, then the engine decides; a container is found again instead."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from engine import events
from executions import claims, dispatch, executor, logbook, models, publish
from executions.dispatch import Outgoing
from executions.executor import ExecutionMissing, Guard, Stale
from executions.logbook import Line
from executions.store import histories_of, state_of
from plugins.core.runner import _group

STALE_SECONDS = 12.0  # six heartbeats
AGAIN = "The worker that ran this attempt was lost before anything of it was saved: it is run again"
MOST_CLAIMS = 5  # so often a cheap attempt, or a container, is taken up again
Delivery = models.Delivery
logger = logging.getLogger(__name__)


def find(now: datetime) -> None:
    """Take the attempts of dead workers from them."""
    for worker in _gone_workers():
        Delivery.objects.filter(worker=worker, status=Delivery.Status.CLAIMED).update(heartbeat=None)
    stale = Q(heartbeat=None) | Q(heartbeat__lt=now - timedelta(seconds=STALE_SECONDS))
    for delivery in Delivery.objects.filter(stale, status=Delivery.Status.CLAIMED)[:200]:
        if _take_over(delivery):
            dispatch.send(_settle(delivery))
    models.Worker.objects.filter(heartbeat__lt=now - timedelta(minutes=10)).delete()


def _gone_workers() -> list[str]:
    """Workers of this machine that hold claims and whose process has ended: no need to wait for their heartbeat to grow old."""
    held = Delivery.objects.filter(status=Delivery.Status.CLAIMED).exclude(worker="").exclude(heartbeat=None)
    return [name for name in set(held.values_list("worker", flat=True)) if not name.startswith("tick@") and claims.gone(name)]


def _take_over(delivery: models.Delivery) -> bool:
    """Claim a stale claim, so that of several ticks one settles it."""
    seen = Delivery.objects.filter(id=delivery.id, status=Delivery.Status.CLAIMED, claims=delivery.claims, heartbeat=delivery.heartbeat)
    delivery.claims += 1
    return bool(seen.update(worker=f"tick@{claims.process_name()}"[:100], claims=F("claims") + 1, heartbeat=timezone.now()))


def _settle(delivery: models.Delivery) -> list[Outgoing]:
    logger.warning("The worker that ran attempt %d of task run %s is gone", delivery.attempt, delivery.task_run_id)
    end_processes(delivery)
    again = delivery.inline or (delivery.left_behind.get("container") and delivery.phase == "run")
    if again and delivery.claims < 2 * MOST_CLAIMS:
        _begin_again(delivery)
        return [Outgoing("run_cheap" if delivery.inline else "run_task", delivery.id)]
    _close_steps(delivery)
    lost = events.WorkerLost(delivery.task_run_id, delivery.attempt, delivery.phase)  # type: ignore[arg-type] -- the phase is one of three
    try:
        return executor.advance(delivery.execution_id, lost, guard=Guard(deliveries=[(delivery.id, delivery.claims)]))
    except (Stale, ExecutionMissing):
        return []


def _begin_again(delivery: models.Delivery) -> None:
    """Let another worker take it up. Of a cheap attempt nothing was saved, but it may have acted on the world: its log says so."""
    with transaction.atomic():
        mine = Delivery.objects.filter(id=delivery.id, claims=delivery.claims)
        if mine.update(status=Delivery.Status.WAITING, worker="", sent=timezone.now(), sends=1) and delivery.inline:
            task_id = models.TaskRun.objects.filter(id=delivery.task_run_id).values_list("task_id", flat=True).first()
            line = Line(
                delivery.execution_id,
                logbook.NUMBERS["WARN"],
                AGAIN,
                timezone.now(),
                task_run_id=delivery.task_run_id,
                task_id=task_id or "",
                attempt=delivery.attempt,
            )
            logbook.insert(delivery.execution_id, [line])


def end_processes(delivery: models.Delivery) -> None:
    """End what an attempt left on this machine: its process group, if it is still the one that was recorded, and all that bears its mark,
    for a worker may have died before it could record anything."""
    if delivery.inline or not claims.is_here(delivery.worker):
        return
    left = delivery.left_behind
    pgid = left.get("pgid")
    leader = _group.started(pgid) if pgid else None
    ours = pgid and (leader is None or left.get("started") is None or leader == left["started"])
    _group.sweep(pgid if ours else None, _group.mark_of(delivery.task_run_id, delivery.attempt))


def _close_steps(delivery: models.Delivery) -> None:
    now = timezone.now()
    open_ones = models.Step.objects.filter(task_run_id=delivery.task_run_id, attempt=delivery.attempt, ended=None)
    with transaction.atomic():
        rows = list(open_ones)
        if not rows or not models.Execution.objects.filter(id=delivery.execution_id).update(seq=F("seq") + 1):
            return
        seq = models.Execution.objects.values_list("seq", flat=True).get(id=delivery.execution_id)
        for row in rows:
            row.histories = histories_of(state_of(row.histories).to("KILLED", now)) if row.histories else [["KILLED", now.isoformat()]]
            row.state, row.ended, row.seq, row.message = "KILLED", now, seq, row.message or "The worker that ran it was lost"
        models.Step.objects.bulk_update(rows, ["histories", "state", "ended", "seq", "message"])
        _tell(delivery.execution_id, (row.id for row in rows), seq)


def _tell(execution_id: str, ids: Iterable[str], seq: int) -> None:
    publish.steps_changed(execution_id, ids, seq)
