"""`kestra-web engine`: a Celery worker for what takes a moment, so that decisions never wait until a worker has a thread free."""

from __future__ import annotations

import argparse

from django.conf import settings

from kestra_web.commands import worker

THREADS = 4  # they share one interpreter, and on SQLite one writer: more of them would only wait for each other


def run(options: argparse.Namespace) -> int:
    """Decide, render and run cheap tasks until SIGTERM or Ctrl-C."""
    return worker.serve("engine", [settings.KESTRA_BRIEF_QUEUE], THREADS)
