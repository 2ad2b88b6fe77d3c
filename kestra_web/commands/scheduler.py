"""`kestra-web scheduler`: the loop that finds what is due. Several may run at once: whatever they find is claimed once."""

from __future__ import annotations

import argparse
import logging
import signal
import threading

import redis
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from catalog import intake, tracing
from executions.tick import tick
from kestra_web import heartbeat

log = logging.getLogger("scheduler")
PERIOD_SECONDS = 0.5


def run(options: argparse.Namespace) -> int:
    """Look until SIGTERM or Ctrl-C."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *received: ended.set())
    with heartbeat.client() as connection:
        while not ended.wait(PERIOD_SECONDS):
            if _look():
                heartbeat.leave(connection, "scheduler")
    return 0


def _look() -> bool:
    try:
        now = timezone.now()
        tick(now)
        intake.resend(now)
        tracing.resend(now)
    except (OperationalError, InterfaceError, BrokerError, redis.RedisError) as error:
        log.warning("database or Redis is away, looking again: %s", error)
        close_old_connections()
        return False
    return True
