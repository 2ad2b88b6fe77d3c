"""Which files of a task run are dbt's artifacts, and the messages to the workers: some wait to be taken in, columns are to be traced."""

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
    transaction.on_commit(partial(_send, "catalog.take_in", intake_id))


def send_trace(project_id: int) -> None:
    """Tell the workers that the columns of a project are to be traced, in the same way."""
    transaction.on_commit(partial(_send, "catalog.trace", project_id))


def _send(task: str, number: int) -> None:
    try:
        current_app.send_task(task, args=[number], retry=False)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("%s of %d could not be announced now: %s", task, number, error)
