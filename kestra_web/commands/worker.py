"""`kestra-web worker`: a Celery worker that runs task runs on threads, since most of them wait for a child process."""

from __future__ import annotations

import argparse
import os
import warnings

from celery.platforms import SecurityWarning
from celery.signals import worker_ready

from kestra_web import environment, heartbeat
from kestra_web.celery import app


def run(options: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C."""
    warnings.filterwarnings("ignore", category=SecurityWarning)  # it warns root of pickled messages; ours are JSON only
    os.environ["CELERY_SKIP_CHECKS"] = "1"  # they import every page and API operation, which no worker needs
    worker_ready.connect(_ready, weak=False)
    level = environment.current().log_level
    app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat", f"--loglevel={level}"])
    return 0


def _ready(**event: object) -> None:
    heartbeat.leave_regularly("worker")
