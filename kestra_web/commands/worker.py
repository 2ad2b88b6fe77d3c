"""`kestra-web worker`: a Celery worker that runs task runs on threads, since most of them wait for a child process."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Sequence

from celery.platforms import SecurityWarning
from celery.signals import worker_ready
from django.conf import settings

from executions import claims
from kestra_web import environment, heartbeat, watch
from kestra_web.celery import app


def run(options: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C."""
    queues = [settings.CELERY_TASK_DEFAULT_QUEUE, settings.KESTRA_BRIEF_QUEUE]
    return serve("worker", queues, settings.KESTRA_WORKER_CONCURRENCY)


def serve(role: str, queues: Sequence[str], threads: int) -> int:
    """Take messages from these queues, on so many threads, until SIGTERM or Ctrl-C."""

    def ready(**event: object) -> None:
        claims.start_beating(role, threads)
        heartbeat.leave_regularly(role)
        watch.begin(queues)

    worker_ready.connect(ready, weak=False)
    warnings.filterwarnings("ignore", category=SecurityWarning)  # it warns root of pickled messages; ours are JSON only
    os.environ["CELERY_SKIP_CHECKS"] = "1"  # they import every page and API operation, which no worker needs
    quiet = ["--quiet", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    level = environment.current().log_level
    app.worker_main([*quiet, f"--loglevel={level}", f"--queues={','.join(queues)}", f"--concurrency={threads}"])
    return 0
