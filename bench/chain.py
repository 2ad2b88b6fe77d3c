"""A chain of Log tasks: what a task costs beyond its own work."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.stack import Client

FLOW = """id: chain
namespace: bench.core
tasks:
"""


def flow(length: int) -> str:
    return FLOW + "".join(
        f"  - id: log_{n}\n    type: io.kestra.plugin.core.log.Log\n    message: line {n} of {{{{ execution.id }}}}\n"
        for n in range(length)
    )


def measure(client: Client, _home: Path) -> Iterator[Figure]:
    """What a chain of 100 takes."""
    found = times(client)
    yield Figure("chain of 100 Log tasks, POST to terminal", statistics.median(found), "s", 3, note=f"{min(found):.2f} to {max(found):.2f}")


def times(client: Client, *, length: int = 100, runs: int = 5) -> list[float]:
    """Seconds from POST to the first answer that shows a terminal state, per run; one warm-up before."""
    client.put_flow(flow(length))
    return [_once(client) for _ in range(runs + 1)][1:]


def _once(client: Client) -> float:
    started = time.perf_counter()
    execution = client.until_terminated(client.start("bench.core", "chain"))
    took = time.perf_counter() - started
    if execution["state"]["current"] != "SUCCESS":
        raise RuntimeError(f"the chain ended {execution['state']['current']}")
    return took
