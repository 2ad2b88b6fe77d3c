"""A worker that waits for messages while messages wait for it takes none any more: it says so and ends, so that it is started anew.

Celery's connection to its broker can come into such a state, and nothing else would tell: the process lives, and so do its heartbeats.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Sequence

import redis
from celery.worker import state

from kestra_web import heartbeat

PERIOD_SECONDS = 1.0
PATIENCE_SECONDS = 15.0
STATUS = 75  # "try again", as sysexits.h has it


class Patience:
    """How long messages have waited in vain, in seconds of a clock that only goes on."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._received = -1

    def over(self, *, waiting: int, working: int, received: int, now: float) -> bool:
        """Whether it is: for so long `waiting` messages lay there, no thread was `working`, and none was `received`."""
        if not waiting or working or received != self._received or self._since is None:
            self._since, self._received = now, received
            return False
        return now - self._since > PATIENCE_SECONDS


def begin(queues: Sequence[str]) -> None:
    """Watch from a thread of its own until the process ends."""
    threading.Thread(target=_watch, args=(tuple(queues),), name="watch", daemon=True).start()


def _watch(queues: Sequence[str]) -> None:
    patience = Patience()
    with heartbeat.client() as connection:
        while True:
            time.sleep(PERIOD_SECONDS)
            try:
                waiting = sum(connection.llen(queue) for queue in queues)
            except redis.RedisError:
                waiting = 0
            working, received = len(state.active_requests), sum(state.total_count.values())
            if patience.over(waiting=waiting, working=working, received=received, now=time.monotonic()):
                told = f"{waiting} messages wait and none was taken for {PATIENCE_SECONDS:g} s: this process ends, to be started anew"
                sys.stderr.write(told + "\n")  # not by the log, which may be what hangs
                sys.stderr.flush()
                faulthandler.dump_traceback(sys.stderr, all_threads=True)
                os._exit(STATUS)
