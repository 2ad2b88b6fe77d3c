"""Ten thousand schedules due at the same moment, two schedulers: how long it takes, and whether each fired once.

The schedulers are real processes over a database and a Redis of their own; no worker takes what they start, since only firing is measured.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.stack import Client
from tests.machine import postgres, postgres_programs, session_redis_url, start_redis

FIRES, FLOWS, SCHEDULERS = 10_000, 500, 2
ROOT = Path(__file__).resolve().parent.parent
# Runs in a process of its own, since this one has no database: saves the flows and sets every trigger due.
PREPARE = """
import sys, django
django.setup()
from datetime import timedelta
from django.utils import timezone
from executions import dispatch, schedule
from executions.models import TriggerState
from flows import services
dispatch._send = lambda message: None
flows, each = int(sys.argv[1]), int(sys.argv[2])
trigger = "  - {{id: t{n}, type: io.kestra.plugin.core.trigger.Schedule, cron: '0 0 1 1 *'}}\\n"
for number in range(flows):
    source = f"id: f{number}\\nnamespace: bench.fires\\ntasks:\\n  - {{id: say, type: io.kestra.plugin.core.log.Log, message: hi}}\\n"
    source += "triggers:\\n"
    services.create(user=None, source=source + "".join(trigger.format(n=n) for n in range(each)))
schedule.fire(timezone.now())
TriggerState.objects.update(next_date=timezone.now() - timedelta(seconds=1))
"""
COUNT = """
import django, json
django.setup()
from executions.models import Execution, TriggerState
from django.db.models import Max, Min
rows = [(row["flow_id"], row["trigger"]["id"]) for row in Execution.objects.values("flow_id", "trigger")]
span = Execution.objects.aggregate(first=Min("created"), last=Max("created"))
seconds = (span["last"] - span["first"]).total_seconds() if rows else 0.0
print(json.dumps({"rows": rows, "left": TriggerState.objects.filter(date=None).count(), "seconds": seconds}))
"""
LEFT = """
import django
django.setup()
from executions.models import TriggerState
print(TriggerState.objects.filter(date=None).count())
"""


def measure(_client: Client, _home: Path) -> Iterator[object]:
    """On SQLite and on PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="kestra-fires-") as folder:
        yield from _on("SQLite", Path(folder), {})
    if postgres_programs() is None:
        yield "left out on PostgreSQL, which is not on this machine"
        return
    with (
        tempfile.TemporaryDirectory() as data,
        postgres(Path(data), durable=True) as address,
        tempfile.TemporaryDirectory(prefix="kestra-fires-") as folder,
    ):
        yield from _on("PostgreSQL", Path(folder), {"DATABASE_URL": address})


def _on(database: str, folder: Path, more: Mapping[str, str]) -> Iterator[object]:
    with _redis(folder) as redis_url:
        environment = {
            **os.environ, "KESTRA_WEB_HOME": str(folder / "home"), "KESTRA_WEB_DEMO": "false", "REDIS_URL": redis_url,
            "KESTRA_WEB_ADMIN_PASSWORD": "not-used-here", "DJANGO_SETTINGS_MODULE": "kestra_web.settings", **more,
        }  # fmt: skip
        _run(environment, "-P", "-m", "kestra_web", "migrate")
        _run(environment, "-c", PREPARE, str(FLOWS), str(FIRES // FLOWS))
        with ExitStack() as running:
            for _ in range(SCHEDULERS):
                running.enter_context(_scheduler(environment))
            _until_none_is_left(environment)
            time.sleep(2)  # a second fire of the same date would come now
        counted: dict[str, Any] = json.loads(_run(environment, "-c", COUNT))
    fired = Counter(tuple(row) for row in counted["rows"])
    yield Figure(f"{FIRES} fires by {SCHEDULERS} schedulers on {database}, missed", FIRES - len(fired), "", 0)
    yield Figure(f"{FIRES} fires by {SCHEDULERS} schedulers on {database}, twice", sum(fired.values()) - len(fired), "", 0)
    yield Figure(f"fires on {database}", len(counted["rows"]) / max(counted["seconds"], 0.001), "a second", 100, at_least=True)


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    home = folder / "redis"
    home.mkdir()
    server = start_redis(home)
    try:
        yield session_redis_url(home)
    finally:
        if server is not None:
            server.kill()
            server.wait()


@contextmanager
def _scheduler(environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-P", "-m", "kestra_web", "scheduler"], env=environment, cwd=ROOT)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _until_none_is_left(environment: Mapping[str, str], seconds: float = 900) -> None:
    deadline = time.monotonic() + seconds
    while int(_run(environment, "-c", LEFT)) > 0:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not every schedule fired within {seconds} s")
        time.sleep(3)


def _run(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{arguments[:3]} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
