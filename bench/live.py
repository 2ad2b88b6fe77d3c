"""The Gantt while dbt runs: how soon a row is in an open page, what telling of a run costs it, and how a page with 2,000 steps bears it."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import browser, dbt, projects
from bench.figures import Figure, p95
from bench.stack import Client

WATCH = """() => {
  window.seen = {};
  const read = () => {
    for (const row of document.querySelectorAll("#gantt-body > .gantt-row")) {
      const name = row.querySelector("a").textContent;
      if (!(name in window.seen)) {
        window.seen[name] = 0;
        requestAnimationFrame(() => { window.seen[name] = Date.now(); });
      }
    }
  };
  new MutationObserver(read).observe(document.querySelector("[data-gantt]"), {childList: true, subtree: true});
}"""


def rows(client: Client, home: Path) -> Iterator[object]:
    """From the start of a node, as dbt writes it into run_results.json, to its row in the frame that is painted next."""
    if browser.program() is None:
        yield browser.MISSING
        return
    dbt.find(client, home)
    with tempfile.TemporaryDirectory() as folder:
        work = dbt.Work(projects.write(Path(folder) / "project", 100), "made", "dbt build", "bench.rows")
        work.prepare(client)
        work.through_flow(client)
        with browser.signed_in(client) as page:
            execution_id = client.start(work.namespace, "build")
            page.goto(f"{client.url}/executions/{execution_id}/gantt/")
            page.evaluate(WATCH)
            execution = client.until_terminated(execution_id, every=0.5)
            page.wait_for_timeout(1500)
            seen: dict[str, float] = page.evaluate("() => window.seen")
    began = _starts(client, execution)
    took = [seen[name] - moment for name, moment in began.items() if seen.get(name)]
    if len(took) < 0.8 * len(began):
        raise RuntimeError(f"only {len(took)} of {len(began)} nodes reached the page")
    note = f"{len(took)} nodes, median {statistics.median(took):.0f} ms"
    yield Figure("node start in dbt to row in the open page, p95", p95(took), "ms", 300, note=note)


def _starts(client: Client, execution: dict[str, Any]) -> dict[str, float]:
    """Name of a node → when dbt began with it, in ms since 1970; without those that ran before the page was there."""
    uri = execution["taskRunList"][0]["outputs"]["outputFiles"]["run_results.json"]
    results = client.call("GET", f"/executions/{execution['id']}/file?path={uri}")["results"]
    return {result["unique_id"].split(".")[2]: _moment(result["timing"][0]["started_at"]) for result in results}


def _moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=UTC).timestamp() * 1000


def overhead(client: Client, home: Path) -> Iterator[Figure]:
    """A build whose nodes and lines are told, beside the same one that says nothing and is not looked at; in turn, after one of each."""
    dbt.find(client, home)
    with tempfile.TemporaryDirectory() as folder:
        told = dbt.Work(projects.write(Path(folder) / "project", 200), "made", "dbt build", "bench.told")
        silent = replace(
            told,
            command="dbt --quiet build --log-level none",
            namespace="bench.silent",
            settings=("logFormat: NONE", "parseRunResults: false"),
        )
        for work in (told, silent):
            work.prepare(client)
            work.through_flow(client)
        found = [(told.through_flow(client), silent.through_flow(client)) for _ in range(5)]
    pairs = ", ".join(f"{one:.2f}/{other:.2f}" for one, other in found)
    ratio = statistics.median(one / other for one, other in found)
    yield Figure("build of 400 nodes, told over silent", ratio, "times", 1.05, note=f"{pairs} s")


# --- 2,000 steps ------------------------------------------------------------------------------------------------------------------

STEPS, EARLY = 2000, 1900  # of which so many are there when the page is opened
SAYING = '''import json, sys, time
from datetime import datetime, timezone

def say(name, node, **data):
    now = datetime.now(timezone.utc).isoformat()
    info = {"name": name, "level": "info", "msg": f"{name} {node['unique_id']}", "ts": now, "invocation_id": "i", "thread": "Thread-1"}
    print(json.dumps({"info": info, "data": {"node_info": node, **data}}), flush=True)

def node(number, began, **more):
    model = f"model.made.model_{number // 2:05}"
    test = number % 2 == 1
    one = f"test.made.not_null_model_{number // 2:05}_id.0" if test else model
    kind = {"resource_type": "test" if test else "model", "materialized": "test" if test else "view"}
    about = {"attached_node": model} if test else {}
    return {"unique_id": one, "node_name": one.split(".")[2], "node_started_at": began, **kind, **more}, about

def one(number, seconds):
    began = datetime.now(timezone.utc).isoformat()
    info, more = node(number, began, node_status="started")
    say("LogStartLine", info, **more)
    time.sleep(seconds)
    info, more = node(number, began, node_status="success", node_finished_at=datetime.now(timezone.utc).isoformat())
    say("LogModelResult", info, execution_time=seconds, **more)

for number in range(EARLY):
    one(number, 0.0005)
time.sleep(25)
for number in range(EARLY, STEPS):
    one(number, 0.1)
'''
FLOW = """id: steps
namespace: bench.steps
tasks:
  - id: dbt
    type: io.kestra.plugin.dbt.cli.DbtCLI
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    containerImage: ubuntu
    inputFiles:
      say.py: SAYING
    commands:
      - python3 say.py
"""
PAINT = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const [page] = performance.getEntriesByType("navigation");
  return {paint: paint ? paint.startTime : null, ready: page.domContentLoadedEventEnd,
          rows: document.querySelectorAll("#gantt-body > .gantt-row").length};
}"""
TRACED = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]


def gantt(client: Client, _home: Path) -> Iterator[object]:
    """The page of an execution with 2,000 steps, opened and then kept open while 100 of them run."""
    if browser.program() is None:
        yield browser.MISSING
        return
    saying = SAYING.replace("EARLY", str(EARLY)).replace("STEPS", str(STEPS))
    client.put_flow(FLOW.replace("SAYING", json.dumps(saying)))
    with browser.signed_in(client) as page:
        execution_id = client.start("bench.steps", "steps")
        address = f"{client.url}/executions/{execution_id}/gantt/"
        while _opened(page, address)["rows"] <= EARLY:
            page.wait_for_timeout(500)
        found = [_opened(page, address) for _ in range(5)]
        paint, ready = (statistics.median(one[name] for one in found) for name in ("paint", "ready"))
        yield Figure("Gantt of 2,000 steps, first paint", paint / 1000, "s", 1, note=f"whole page in {ready / 1000:.2f} s")
        page.wait_for_timeout(1000)
        page.context.browser.start_tracing(page=page, categories=TRACED)
        client.until_terminated(execution_id, 120, every=0.5)
        page.wait_for_timeout(500)
        updates = _updates(json.loads(page.context.browser.stop_tracing())["traceEvents"])
        rows_there = page.evaluate(PAINT)["rows"]
    if rows_there != STEPS + 1:
        raise RuntimeError(f"the page has {rows_there} rows, not {STEPS + 1}")
    note = f"{len(updates)} updates, median {statistics.median(updates):.0f} ms, longest {max(updates):.0f} ms"
    yield Figure("Gantt of 2,000 steps, main thread per update, p95", p95(updates), "ms", 50, note=note)


def _opened(page: Any, address: str) -> dict[str, Any]:
    page.goto(address, wait_until="load")
    page.wait_for_timeout(300)
    found: dict[str, Any] = page.evaluate(PAINT)
    return found


def _updates(events: list[dict[str, Any]]) -> list[float]:
    """Milliseconds of the page's main thread from each message on its socket to the next: for the message, and what it does anyway."""
    messages = [event for event in events if event["name"] == "WebSocketReceive"]
    if not messages:
        raise RuntimeError("the trace shows no message")
    where = (messages[0]["pid"], messages[0]["tid"])
    moments = sorted(event["ts"] for event in messages)
    tasks = [event for event in events if (event["pid"], event["tid"]) == where and event["name"] == "RunTask" and "dur" in event]
    own = sorted((event["ts"], event["dur"]) for event in tasks)
    found = []
    for moment, following in zip(moments, [*moments[1:], moments[-1] + 100_000], strict=True):
        found.append(sum(took for at, took in own if moment <= at + took and at < following) / 1000)
    return found
