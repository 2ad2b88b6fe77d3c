"""From a line on a script's stdout to the open page: a real browser notes when each line appears."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from bench import browser
from bench.figures import Figure, p95
from bench.stack import Client

FLOW = """id: ticker
namespace: bench.core
tasks:
  - id: tick
    type: io.kestra.plugin.scripts.python.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    commands:
      - |
        python3 -u -c "
        import time
        time.sleep(3)
        for n in range(100):
            print('tick', n, int(time.time() * 1000), flush=True)
            time.sleep(0.08)
        "
"""
WATCH = """() => {
  window.seen = {};
  const read = () => {
    for (const found of document.body.innerText.matchAll(/tick (\\d+) (\\d{13})/g)) {
      if (!(found[1] in window.seen)) window.seen[found[1]] = Date.now() - Number(found[2]);
    }
  };
  new MutationObserver(read).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""


def measure(client: Client, _home: Path) -> Iterator[object]:
    """What 95 of 100 lines take."""
    if browser.program() is None:
        yield browser.MISSING
        return
    lines = times(client)
    yield Figure("line on stdout to open page, p95", p95(lines), "ms", 300, note=f"median {statistics.median(lines):.0f} ms")


def times(client: Client) -> list[float]:
    """Milliseconds per line, in the order of the lines."""
    client.put_flow(FLOW)
    with browser.signed_in(client, height=2400) as page:
        execution_id = client.start("bench.core", "ticker")
        page.goto(f"{client.url}/executions/{execution_id}/logs/")
        page.evaluate(WATCH)
        client.until_terminated(execution_id, 120, every=0.5)
        page.wait_for_timeout(1500)
        seen: dict[str, float] = page.evaluate("() => window.seen")
    if len(seen) < 90:
        raise RuntimeError(f"only {len(seen)} of 100 lines reached the page")
    return [seen[number] for number in sorted(seen, key=int)]
