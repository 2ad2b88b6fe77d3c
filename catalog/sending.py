"""Which files of a task run are dbt's artifacts, and the message to the workers that some wait to be taken in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

ARTIFACTS = ("manifest.json", "catalog.json", "run_results.json", "sources.json")
logger = logging.getLogger(__name__)


def artifacts_among(files: Mapping[str, str]) -> dict[str, str]:
    """`{artifact: URI}` of those files whose name, whatever folder it has, is that of an artifact."""
    named = {name.rpartition("/")[2]: uri for name, uri in files.items() if isinstance(uri, str)}
    return {name: named[name] for name in ARTIFACTS if name in named}


def send(intake_id: int) -> None:
    """Tell the workers, once the present transaction, if any, is committed. A message that is lost is sent again by the scheduler."""
    transaction.on_commit(partial(_send, intake_id))


def _send(intake_id: int) -> None:
    try:
        current_app.send_task("catalog.take_in", args=[intake_id], retry=False)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("artifacts %d could not be announced now: %s", intake_id, error)
