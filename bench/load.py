"""What the engine costs beyond the work of the tasks: the same measurements as were made on a real Kestra.

`start` is from the execution's first moment to its end, as its own JSON tells; `POST` from sending to the first answer that shows a
terminal state.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench import memory
from bench.figures import Figure, p95
from bench.stack import Client

NAMESPACE = "bench.load"
LOG = "io.kestra.plugin.core.log.Log"
TWO = f"""id: two
namespace: {NAMESPACE}
tasks:
  - id: first
    type: io.kestra.plugin.core.debug.Return
    format: "{{{{ execution.id }}}}"
  - id: second
    type: {LOG}
    message: "got {{{{ outputs.first.value }}}}"
"""
ECHO = f"""id: echo
namespace: {NAMESPACE}
tasks:
  - id: echo
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    commands:
      - echo hello
"""


def sequence(length: int) -> str:
    """A flow of Log tasks in a row."""
    tasks = "".join(f"  - id: log_{n}\n    type: {LOG}\n    message: line {n}\n" for n in range(length))
    return f"id: sequence_{length}\nnamespace: {NAMESPACE}\ntasks:\n{tasks}"


def loop(values: int, limit: int = 0) -> str:
    """A ForEach with one Log for each value."""
    return f"""id: loop_{values}_{limit}
namespace: {NAMESPACE}
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{{{ range(1, {values}) }}}}"
    concurrencyLimit: {limit}
    tasks:
      - id: log
        type: {LOG}
        message: "{{{{ taskrun.value }}}}"
"""


def seconds_of(state: dict[str, Any]) -> float:
    """From the first to the last moment of a state."""
    first, last = (datetime.fromisoformat(state["histories"][index]["date"].replace("Z", "+00:00")) for index in (0, -1))
    return (last - first).total_seconds()


def measure(client: Client, _home: Path) -> Iterator[Figure]:
    """Every row of the table, as it comes."""
    for source in (TWO, ECHO, sequence(40), loop(100), *(loop(values, limit) for values in (1000, 10_000) for limit in (0, 1))):
        client.put_flow(source)
    yield from idle(client)
    yield from flows(client)
    yield from loops(client)
    yield Figure("resident memory (PSS) after the load", memory.of_server(client.pid), "MB", 600)


def idle(client: Client) -> Iterator[Figure]:
    """What it uses while nothing is to be done."""
    time.sleep(3)
    yield Figure("resident memory (PSS) idle", memory.of_server(client.pid), "MB", 400)
    yield Figure("idle CPU of one core", memory.cpu_share(client.pid, seconds=10) * 100, "%", 2)


def flows(client: Client) -> Iterator[Figure]:
    """Small flows, one at a time and many at once."""
    for flow_id in ("two", "sequence_40", "loop_100_0"):
        one(client, flow_id)
    yield Figure("two tasks, one at a time, start to end", _median(lambda: seconds_of(one(client, "two")[1])), "s", 0.10)
    yield Figure("40 Log tasks in sequence, POST to terminal", _median(lambda: one(client, "sequence_40")[0]), "s", 1.2)
    yield Figure("two tasks, 300 executions posted at once by 8 clients", _median(lambda: burst(client)), "a minute", 1600, at_least=True)
    rates, waits = zip(*(closed(client) for _ in range(5)), strict=True)
    yield Figure("two tasks, 8 clients that each wait for their own", statistics.median(rates), "a minute", 1000, at_least=True)
    yield Figure("the same, POST to terminal, p95", statistics.median(waits), "s", 0.4)
    yield Figure("ForEach over 100 values, POST to terminal", _median(lambda: one(client, "loop_100_0")[0]), "s", 1.0)
    yield Figure("echo in a Process task, task run", echo(client), "s", 0.04)


def loops(client: Client) -> Iterator[Figure]:
    """Ten times the values: ten times the work, and no more memory."""
    for limit, named in ((0, "side by side"), (1, "one after another")):
        small = _median(partial(_took, client, f"loop_1000_{limit}"), 3)
        with memory.peak(client.pid) as watched:
            large = one(client, f"loop_10000_{limit}", seconds=600)[0]
        told = f"{large:.1f} s / {small:.2f} s"
        yield Figure(f"ForEach over 10,000 values {named} against 1,000", large / small, "times", 12, note=told)
        yield Figure("the same, growth of memory (PSS)", watched.growth, "MB", 50)


def _median(measured: Callable[[], float], times: int = 5) -> float:
    return statistics.median(measured() for _ in range(times))


def one(client: Client, flow_id: str, seconds: float = 60) -> tuple[float, dict[str, Any]]:
    """(POST to terminal, the state's JSON) of one execution."""
    started = time.perf_counter()
    execution = client.until_terminated(client.start(NAMESPACE, flow_id), seconds)
    took = time.perf_counter() - started
    _check(execution)
    return took, execution["state"]


def _took(client: Client, flow_id: str) -> float:
    return one(client, flow_id)[0]


def _check(execution: dict[str, Any]) -> None:
    if execution["state"]["current"] != "SUCCESS":
        raise RuntimeError(f"execution {execution['id']} ended {execution['state']['current']}")


def burst(client: Client, count: int = 300, clients: int = 8) -> float:
    """Executions a minute, from the first POST until the last has ended."""
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        ids = list(pool.map(lambda _: client.start(NAMESPACE, "two"), range(count)))
    for execution_id in reversed(ids):  # the last ones end last: few questions while the others run
        _check(client.until_terminated(execution_id, every=0.05))
    return count / (time.perf_counter() - started) * 60


def closed(client: Client, count: int = 304, clients: int = 8) -> tuple[float, float]:
    """(executions a minute, p95 in seconds) of clients that each wait for the end of their own before the next."""
    times: list[float] = []
    lock = threading.Lock()

    def work(share: int) -> None:
        for _ in range(share):
            took = one(client, "two")[0]
            with lock:
                times.append(took)

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for future in [pool.submit(work, count // clients) for _ in range(clients)]:
            future.result()
    return len(times) / (time.perf_counter() - started) * 60, p95(times)


def echo(client: Client) -> float:
    """Median seconds of the task run of a shell echo, first to last moment; one warm-up before."""
    times = []
    for _ in range(8):
        execution = client.until_terminated(client.start(NAMESPACE, "echo"))
        _check(execution)
        times.append(seconds_of(execution["taskRunList"][0]["state"]))
    return statistics.median(times[1:])
