"""Storms over a running product: many executions at once, what is left of them, and parts of the product that die meanwhile."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg

from tests.stack import Stack, command, wait_until

NS = "company.storm"
ENDED = ("SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED")
LOST = "The worker that ran this attempt was lost"
FACTS = ("executions_delivery", "executions_command", "executions_timer")


def save(client: httpx.Client, *sources: str) -> None:
    """Save flows of the storm's namespace."""
    for source in sources:
        answer = client.post("/api/v1/main/flows", content=source, headers={"content-type": "application/x-yaml"})
        assert answer.status_code == 200, answer.text


def post(client: httpx.Client, flow_id: str, inputs: Mapping[str, str] | None = None) -> str:
    """Start a flow; answers the execution's id."""
    files = {name: (None, value) for name, value in (inputs or {}).items()}
    answer = client.post(f"/api/v1/main/executions/{NS}/{flow_id}", files=files or {"none": ("", b"")})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def post_all(client: httpx.Client, flow_ids: Sequence[str], inputs: Mapping[str, str] | None = None, *, at_once: int = 4) -> list[str]:
    """Start many, a few at once; answers their ids in the order of `flow_ids`."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda flow_id: post(client, flow_id, inputs), flow_ids))


def pages(client: httpx.Client, path: str, **asked: Any) -> Iterator[dict[str, Any]]:
    """Every result of a search."""
    page, seen = 1, 0
    while True:
        answer = client.get(path, params={"size": 100, "page": page, **asked}).raise_for_status().json()
        yield from answer["results"]
        seen += len(answer["results"])
        if not answer["results"] or seen >= answer["total"]:
            return
        page += 1


def executions(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    """All executions of the storm's namespace, their children among them."""
    return list(pages(client, "/api/v1/main/executions/search", namespace=NS, sort="state.startDate:asc", **asked))


def states(client: httpx.Client) -> Counter[str]:
    """How many executions are in which state."""
    return Counter(found["state"]["current"] for found in executions(client))


def history(thing: Mapping[str, Any]) -> list[str]:
    return [moment["state"] for moment in thing["state"]["histories"]]


# --- what is left ---------------------------------------------------------------------------------------------------------------


def living(mark: str) -> list[str]:
    """Command lines of the processes that carry a mark in their environment or command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes()
            if line and mark.encode() in line + (entry / "environ").read_bytes():
                found.append(f"{entry.name}: {line.replace(bytes(1), b' ').decode(errors='replace')[:120]}")
    return found


def rows(stack: Stack, query: str) -> list[tuple[Any, ...]]:
    """Ask the database of a product itself."""
    url = stack.settings.get("DATABASE_URL")
    if url:
        with psycopg.connect(url) as connection:
            return list(connection.execute(query))  # type: ignore[arg-type]  # a query of ours, no text of others
    with contextlib.closing(sqlite3.connect(f"file:{stack.home / 'database' / 'kestra.sqlite3'}?mode=ro", uri=True, timeout=20)) as other:
        return other.execute(query).fetchall()


def open_rows(stack: Stack) -> dict[str, int]:
    """How many deliveries, commands and timers are not done."""
    asked = {name: f"select count(*) from {name}" + (" where status <> 'done'" if "delivery" in name else "") for name in FACTS}
    return {name: rows(stack, query)[0][0] for name, query in asked.items()}


# --- more workers and schedulers -----------------------------------------------------------------------------------------------------


@dataclass
class More:
    """One more part of a running product, started again by us whenever it was killed."""

    stack: Stack
    name: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        output = (self.stack.home.parent / f"{self.name}-more.log").open("ab")
        with output:
            self.process = subprocess.Popen(
                command(self.name), env=self.stack.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def more(stack: Stack, *names: str) -> Iterator[list[More]]:
    """Further workers and schedulers beside those of the product, as long as the block."""
    parts = [More(stack, name) for name in names]
    try:
        for part in parts:
            part.start()
        yield parts
    finally:
        for part in parts:
            part.kill()


# --- the storm of kills -----------------------------------------------------------------------------------------------------------

STUBBORN = """\
trap '' TERM INT HUP
(trap '' TERM; sleep 600.25) &
setsid sh -c "trap '' TERM; sleep 600.5 & sleep 600.75" &
sh -c 'trap "" TERM; sh -c "sleep 601" & sleep 602' &
sleep 603
"""


def _stubborn(name: str, mark: str, depth: int) -> str:
    """A shell task that starts children, which ignore SIGTERM, and grandchildren, one of which leaves the group."""
    text = f"""- id: {name}
  type: io.kestra.plugin.scripts.shell.Script
  taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
  env: {{STORM: {mark}}}
  script: |
"""
    text += "".join(f"    {line}\n" for line in STUBBORN.splitlines())
    return "".join(f"{' ' * depth}{line}\n" for line in text.splitlines())


def kill_flows(mark: str) -> list[str]:
    """Flows that never end by themselves: nested parallel work, in loops, in other executions, behind limits."""
    nested = f"""
id: nested
namespace: {NS}
tasks:
  - id: beside
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
{_stubborn("one", mark, 6)}
      - id: after
        type: io.kestra.plugin.core.flow.Sequential
        tasks:
{_stubborn("two", mark, 10)}
{_stubborn("three", mark, 10)}
      - id: each
        type: io.kestra.plugin.core.flow.ForEach
        values: [1, 2, 3]
        concurrencyLimit: 0
        tasks:
{_stubborn("four", mark, 10)}
      - {{id: pause, type: io.kestra.plugin.core.flow.Pause, delay: PT1H}}
"""
    retried = f"""
id: limited
namespace: {NS}
concurrency: {{limit: 3, behavior: QUEUE}}
tasks:
  - id: beside
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
{_stubborn("one", mark, 6)}
{_stubborn("two", mark, 6)}
  - id: never
    type: io.kestra.plugin.core.log.Log
    message: never
errors:
  - id: failed
    type: io.kestra.plugin.core.log.Log
    message: never either
"""
    parent = f"""
id: parent
namespace: {NS}
tasks:
  - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: {NS}, flowId: child, wait: true, transmitFailed: true}}
"""
    child = f"id: child\nnamespace: {NS}\ntasks:\n{_stubborn('one', mark, 2)}\n"
    return [nested, retried, parent, child]


def kill_storm(stack: Stack, count: int, *, seconds: float = 10) -> str:
    """Kill `count` executions by one query, of which some run, some wait and some are queued; answers how it went."""
    mark = f"storm-{secrets.token_hex(6)}"
    kinds = ["nested", "limited", "parent", "limited"]
    with stack.client() as client:
        client.timeout = httpx.Timeout(60)
        save(client, *kill_flows(mark))
        ids = post_all(client, [kinds[number % len(kinds)] for number in range(count)])
        wait_until(lambda: len(living(mark)) >= min(60, 6 * count // 3), 60, "the processes of the storm run")
        before, processes = states(client), len(living(mark))
        assert before["QUEUED"] > 0
        assert before["RUNNING"] > 0
        begun = time.monotonic()
        answer = client.request("DELETE", "/api/v1/main/executions/kill/by-query", params={"namespace": NS})
        assert answer.status_code == 200, answer.text
        asked = time.monotonic() - begun
        while open_ones := rows(stack, f"select id from executions_execution where state not in {ENDED}"):
            assert time.monotonic() - begun < 5 * seconds, f"not KILLED: {len(open_ones)}, {states(client)}, {open_rows(stack)}"
            time.sleep(0.1)
        took = time.monotonic() - begun
        assert living(mark) == []
        assert set(states(client)) == {"KILLED"}
        assert {found["state"]["current"] for found in executions(client) if found["id"] in ids} == {"KILLED"}
        runs = rows(stack, f"select count(*) from executions_taskrun where state not in {ENDED}")
        assert runs == [(0,)]
        wait_until(lambda: not any(open_rows(stack).values()), 3, f"no delivery, command or timer is left: {open_rows(stack)}")
        lines = {line["message"] for line in pages(client, "/api/v1/main/logs/search", namespace=NS)}
    assert not lines & {"never", "never either"}
    report = f"{count} executions ({dict(before)}) with {processes} processes: asked in {asked:.1f} s, all KILLED in {took:.1f} s"
    assert took < seconds, report
    return report


# --- the storm of deaths ----------------------------------------------------------------------------------------------------------

ROWS, LOOPS = 12, 300
AGAIN = "retry: {type: constant, interval: PT0.2S, maxAttempt: 60}"
SHELL = "type: io.kestra.plugin.scripts.shell.Commands, taskRunner: {type: io.kestra.plugin.core.runner.Process}"


def death_flows(witness: Path, mark: str) -> list[str]:
    """Flows of every kind. What runs as a process writes down in the file `witness` that it began."""
    told = f"echo {{{{ execution.id }}}} {{{{ taskrun.id }}}} {{{{ taskrun.attemptsCount }}}} >> {witness}"
    shell = f"{SHELL}, env: {{STORM: {mark}}}"
    return [
        f"""
id: cheap
namespace: {NS}
inputs:
  - {{id: rows, type: STRING, required: false}}
tasks:
  - {{id: one, type: io.kestra.plugin.core.debug.Return, format: one}}
  - {{id: two, type: io.kestra.plugin.core.log.Log, message: "said {{{{ outputs.one.value }}}}"}}
outputs:
  - {{id: out, type: STRING, value: "{{{{ outputs.one.value }}}}"}}
""",
        f"""
id: steady
namespace: {NS}
tasks:
  - {{id: one, {shell}, {AGAIN}, commands: ["{told}", "sleep 1"]}}
  - {{id: two, {shell}, {AGAIN}, commands: ["{told}", "sleep 0.5"]}}
  - {{id: end, type: io.kestra.plugin.core.log.Log, message: "said one"}}
""",
        f"""
id: brittle
namespace: {NS}
tasks:
  - {{id: one, {shell}, commands: ["{told}", "sleep 2"]}}
errors:
  - {{id: end, type: io.kestra.plugin.core.log.Log, message: "said one"}}
""",
        f"""
id: looping
namespace: {NS}
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{{{ range(1, {LOOPS}) }}}}"
    concurrencyLimit: 0
    tasks:
      - {{id: say, type: io.kestra.plugin.core.log.Log, message: "value {{{{ taskrun.value }}}}"}}
  - {{id: end, type: io.kestra.plugin.core.log.Log, message: "said one"}}
""",
        f"""
id: calling
namespace: {NS}
{AGAIN}
tasks:
  - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: {NS}, flowId: steady, wait: true, transmitFailed: true}}
  - {{id: end, type: io.kestra.plugin.core.log.Log, message: "said one"}}
""",
        f"""
id: batches
namespace: {NS}
{AGAIN}
tasks:
  - {{id: make, {shell}, commands: ["{told}", "seq {ROWS} > rows.txt"], outputFiles: [rows.txt]}}
  - id: each
    type: io.kestra.plugin.core.flow.ForEachItem
    items: "{{{{ outputs.make.outputFiles['rows.txt'] }}}}"
    batch: {{rows: 1}}
    namespace: {NS}
    flowId: cheap
    inputs: {{rows: "{{{{ taskrun.items }}}}"}}
  - {{id: end, type: io.kestra.plugin.core.log.Log, message: "said one"}}
""",
        f"""
id: pausing
namespace: {NS}
tasks:
  - {{id: pause, type: io.kestra.plugin.core.flow.Pause}}
  - {{id: end, type: io.kestra.plugin.core.log.Log, message: "said one"}}
""",
    ]


KINDS = ("cheap", "steady", "brittle", "looping", "calling", "batches", "pausing", "cheap", "steady", "pausing")


class LogLine(NamedTuple):
    """A log line as it is stored."""

    execution: str
    run: str
    attempt: int
    message: str


@dataclass
class Deaths:
    """Executions of every kind, started in rounds, while parts of the product are killed; `run` is the whole of it."""

    stack: Stack
    client: httpx.Client
    folder: Path
    more: Sequence[More] = ()
    mark: str = field(default_factory=lambda: f"storm-{secrets.token_hex(6)}")
    started: list[tuple[str, str]] = field(default_factory=list)  # flow, id
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def witness(self) -> Path:
        return self.folder / "witness.txt"

    def run(self, count: int, times: int, *, seconds: float) -> str:
        """Start `count` executions in `times` rounds, each with a `kill -9` of one part of each kind; then see how all ended."""
        self.folder.chmod(0o777)
        save(self.client, *death_flows(self.witness, self.mark))
        for number in range(times):
            kinds = [KINDS[place % len(KINDS)] for place in range(number * count // times, (number + 1) * count // times)]
            self.started += zip(kinds, post_all(self.client, kinds), strict=True)
            self.resume()
            time.sleep(0.3 + number % 5 * 0.4)
            for name in ("worker", "engine", "scheduler"):
                self.kill(name, number)
                time.sleep(0.1 * (number % 3))
        begun = time.monotonic()
        while open_ones := self.open():
            assert time.monotonic() - begun < seconds, f"these do not end: {open_ones}, {open_rows(self.stack)}"
            self.resume()
            time.sleep(0.3)
        settled = time.monotonic() - begun
        return f"{self.check()}; killed {dict(self.killed)}, the last ended {settled:.0f} s after the last kill"

    def kill(self, name: str, number: int) -> None:
        """Kill the one that the product itself started, or in turn one of those that were started beside it."""
        others = [part for part in self.more if part.name == name]
        self.killed[name] += 1
        if others and number % 2:
            others[0].kill()
            others[0].start()
            return
        wait_until(lambda: self.stack.has_new(name, 0), 30, f"{name} runs again")
        before = self.stack.pid(name)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self.stack.has_new(name, before), 30, f"{name} runs again")

    def open(self) -> list[tuple[Any, ...]]:
        return rows(self.stack, f"select id, flow_id, state from executions_execution where state not in {ENDED}")

    def resume(self) -> None:
        """Resume whatever is paused by now; one that another resume reached first is fine."""
        for (paused,) in rows(self.stack, "select id from executions_execution where state = 'PAUSED'"):
            answer = self.client.post(f"/api/v1/main/executions/{paused}/resume")
            assert answer.status_code in (200, 204, 409), answer.text

    # --- what must be so afterwards

    def check(self) -> str:
        """Every execution ended as it should, nothing was begun twice, nothing is left."""
        found = {one["id"]: one for one in executions(self.client)}
        query = "select execution_id, task_run_id, attempt, message from executions_logline where task_run_id <> '' order by id"
        lines = [LogLine(*row) for row in rows(self.stack, query)]
        lost = {(line.run, line.attempt) for line in lines if line.message == LOST}
        said = Counter(line.run for line in lines if line.message.startswith(("said", "value")))
        twice = [run for run, times in said.items() if times > 1]
        assert not twice, f"{len(twice)} task runs said it twice: {[line for line in lines if line.run in twice[:2]]}"
        for flow_id, id_ in self.started:
            self.check_end(flow_id, found[id_], lost)
        again = 0
        for execution in found.values():
            assert execution["state"]["current"] in ENDED
            for run in execution["taskRunList"]:
                again += check_attempts(run, lost, lines)
        self.check_children(found)
        self.check_begun(found)
        assert living(self.mark) == []
        wait_until(lambda: not any(open_rows(self.stack).values()), 10, f"no delivery, command or timer is left: {open_rows(self.stack)}")
        return (
            f"{len(self.started)} executions with {len(found) - len(self.started)} children, {len(lost)} attempts lost, {again} tried again"
        )

    def check_end(self, flow_id: str, execution: Mapping[str, Any], lost: set[tuple[str, int]]) -> None:
        runs = {run["taskId"]: run for run in execution["taskRunList"]}
        fell = flow_id == "brittle" and (runs["one"]["id"], 0) in lost
        assert execution["state"]["current"] == ("FAILED" if fell else "SUCCESS"), (flow_id, history(execution), execution["id"])
        if flow_id != "brittle":
            assert "end" in runs or flow_id == "cheap"
        if flow_id == "looping":
            query = f"select count(*), count(distinct value) from executions_taskrun where execution_id = '{execution['id']}'"
            counted = rows(self.stack, f"{query} and task_id = 'say' and state = 'SUCCESS'")
            assert counted == [(LOOPS, LOOPS)]

    def check_children(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Each caller has as many children as it asked for: none was lost, none started twice."""
        born = Counter(((one.get("trigger") or {}).get("variables") or {}).get("executionId") for one in found.values())
        for flow_id, id_ in self.started:
            assert born[id_] == {"calling": 1, "batches": ROWS}.get(flow_id, 0), (flow_id, id_)

    def check_begun(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """No attempt was begun twice, and none that nobody knows of."""
        begun = Counter(tuple(line.split()) for line in self.witness.read_text().splitlines())
        assert max(begun.values()) == 1, f"begun twice: {[key for key, times in begun.items() if times > 1]}"
        known = {run["id"]: len(run.get("attempts") or ()) for one in found.values() for run in one["taskRunList"]}
        for _, run_id, attempt in begun:
            assert int(attempt) < known[run_id], (run_id, attempt)


def check_attempts(run: Mapping[str, Any], lost: set[tuple[str, int]], lines: Sequence[LogLine]) -> int:
    """Before every attempt but the first one was lost; answers how many there are beyond it."""
    attempts = run.get("attempts") or []
    for number, attempt in enumerate(attempts[:-1]):
        assert attempt["state"]["current"] == "FAILED", (run["id"], number, history(attempt))
        told = [line for line in lines if line.run == run["id"]]
        assert (run["id"], number) in lost, f"attempt {number} was not lost, and there is another one: {run}, {told}"
    return max(len(attempts) - 1, 0)
