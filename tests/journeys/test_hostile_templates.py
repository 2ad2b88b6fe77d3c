"""Templates that would never end are ended within two seconds, one after another, while other executions go on as if nothing were."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.stack import Stack, wait_until

NS = "company.hostile"
ENDED = ("SUCCESS", "WARNING", "FAILED", "KILLED")
CORE = "io.kestra.plugin.core"
VARIABLES = """
variables:
  again: "{{ render(vars.again) ~ render(vars.again) }}"
  doubled: "{% set a = 'xxxxxxxxxxxxxxxx' %}{% for i in 1..60 %}{% set a = a ~ a %}{% endfor %}{{ a }}"
"""
LOG = f"- {{id: log, type: {CORE}.log.Log, message: %s}}"
HOSTILE = {
    "nested-loops": LOG % '"{% for a in 1..9999 %}{% for b in 1..9999 %}{% for c in 1..9999 %}x{% endfor %}{% endfor %}{% endfor %}"',
    "huge-range": LOG % '"{{ range(0, 1000000000) | length }}"',
    "doubled-text": LOG % '"{{ render(vars.doubled) }}"',
    "endless-macro": LOG % '"{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}"',
    "endless-render": LOG % '"{{ render(vars.again) }}"',
    "slow-pattern": LOG
    % "\"{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' | replace({'^(a|aa|aaa)+(a|aa)+$': 'x'}, regexp=true) }}\"",
    "endless-jq": LOG % "\"{{ {'a': 1} | jq('def f: f; f') }}\"",
    "growing-jq": LOG % "\"{{ {'a': 1} | jq('[repeat([range(100000)])]') }}\"",
    "condition": f"""- id: check
    type: {CORE}.flow.If
    condition: "{{% for a in 1..99999 %}}{{% for b in 1..99999 %}}{{{{ a * b }}}}{{% endfor %}}{{% endfor %}}"
    then:
      - {{id: log, type: {CORE}.log.Log, message: never}}""",
    "loop-of-values": f"""- id: each
    type: {CORE}.flow.ForEach
    values: "{{{{ [1] | jq('[range(1e12)]') }}}}"
    tasks:
      - {{id: log, type: {CORE}.log.Log, message: never}}""",
}
STEADY = f"""
id: steady
namespace: {NS}
tasks:
  - {{id: one, type: {CORE}.debug.Return, format: "{{{{ execution.id }}}}"}}
  - {{id: two, type: {CORE}.log.Log, message: "{{{{ outputs.one.value }}}}"}}
"""


class Stream:
    """Executions started four times a second, as long as the block; `latencies` are the seconds until each was seen to have ended."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._over = stack, threading.Event()
        self.latencies: list[float] = []
        self.states: set[str] = set()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(2)]

    def __enter__(self) -> Stream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, number: int) -> None:
        with self._stack.client() as client:
            while not self._over.wait(0.25 + 0.1 * number):
                begun = time.monotonic()
                ended = _end(client, "steady", 30, pause=0.02)
                self.latencies.append(time.monotonic() - begun)
                self.states.add(ended["state"]["current"])


def _end(client: httpx.Client, flow_id: str, seconds: float, *, pause: float = 0.05) -> dict[str, Any]:
    """Start a flow and wait for its end."""
    identity = client.post(f"/api/v1/main/executions/{NS}/{flow_id}", files={"x": ("", b"")}).raise_for_status().json()["id"]
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = client.get(f"/api/v1/main/executions/{identity}").raise_for_status().json()
        if found["state"]["current"] in ENDED:
            return found
        assert time.monotonic() < deadline, f"{flow_id} goes on after {seconds} s: {found['state']}"
        time.sleep(pause)


def _lasted(execution: dict[str, Any]) -> float:
    moments = [datetime.fromisoformat(moment["date"]) for moment in execution["state"]["histories"]]
    return (moments[-1] - moments[0]).total_seconds()


@pytest.mark.redis
@pytest.mark.timeout(240)
def test_hostile_templates_end_soon_and_hold_nobody_up(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(KESTRA_WEB_DEMO="false")
    stack.start()
    sources = [STEADY, *(f"id: {name}\nnamespace: {NS}\n{VARIABLES}\ntasks:\n  {task}\n" for name, task in HOSTILE.items())]
    with stack.client() as client:
        for source in sources:
            answer = client.post("/api/v1/main/flows", content=source, headers={"content-type": "application/x-yaml"})
            assert answer.status_code == 200, answer.text
        _end(client, "steady", 30)
        with Stream(stack) as stream:
            wait_until(lambda: len(stream.latencies) >= 8, 30, "executions go on")
            before = list(stream.latencies)
            took, failed = {}, {}
            for name in HOSTILE:
                ended = _end(client, name, 20)
                took[name], failed[name] = _lasted(ended), ended["state"]["current"]
            during = stream.latencies[len(before) :]
        lines = client.get("/api/v1/main/logs/search", params={"namespace": NS, "minLevel": "ERROR", "size": 100}).json()["results"]
    usual, slowed = statistics.median(before), statistics.median(during)
    print(f"took {took}; the others {usual:.2f} s before, {slowed:.2f} s meanwhile, at most {max(during):.2f} s")
    assert set(failed.values()) == {"FAILED"}, failed
    assert {line["flowId"] for line in lines} == set(HOSTILE), "each says why"
    assert max(took.values()) <= 2.0, took
    assert len(during) >= 8
    assert stream.states == {"SUCCESS"}
    assert max(during) < 2.5, "nobody waits for a hostile template"
