"""Sending what was decided and committed to the workers, by Celery. A message that is lost is sent again by the tick."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to the workers: the attempt of a Delivery row, the decision of a Command row, the evaluation of a TriggerState row,
    the test of a Connection row, the making of a Plan row.

    `run_task`, `evaluate_trigger`, `test_connection` and `make_plan` may take long. `run_cheap` and `carry_out` take a moment: they have
    a queue of their own, which goes on where every thread of every worker runs something long.
    """

    kind: Literal["run_task", "run_cheap", "carry_out", "evaluate_trigger", "test_connection", "make_plan"]
    id: int | str


def send(outgoing: Iterable[Outgoing]) -> None:
    """Send each as the Celery task of its kind, once the present transaction, if any, is committed."""
    for message in outgoing:
        transaction.on_commit(partial(_send, message))


def _send(message: Outgoing) -> None:
    try:
        current_app.send_task(f"executions.{message.kind}", args=[message.id], retry=False)
    except (OperationalError, RedisError, OSError) as error:  # committed rows are found again by the tick
        logger.warning("%s %s could not be sent now: %s", message.kind, message.id, error)
