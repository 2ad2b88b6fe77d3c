"""Reading the language: a flow of 600 lines parsed and validated, and a template rendered that was rendered before."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.stack import Client
from engine.expressions import render
from engine.parser import parse
from plugins.catalog import CATALOG

HEAD = """id: large
namespace: bench.core
labels:
  round: "{round}"
inputs:
  - id: name
    type: STRING
    defaults: value
tasks:
"""
PIECE = """  - id: log_{n}
    type: io.kestra.plugin.core.log.Log
    message: "{{{{ inputs.name }}}} {round}-{n}"
  - id: if_{n}
    type: io.kestra.plugin.core.flow.If
    condition: "{{{{ inputs.name == '{round}-{n}' }}}}"
    then:
      - id: then_{n}
        type: io.kestra.plugin.core.debug.Return
        format: "{{{{ outputs.log_{n} ?? '{round}' | upper }}}}"
  - id: shell_{n}
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    env:
      NAME: "{{{{ inputs.name }}}}-{round}-{n}"
    commands:
      - echo "{n}"
      - echo "{{{{ taskrun.startDate | date('yyyy-MM-dd') }}}}-{round}-{n}"
    retry:
      type: constant
      interval: PT1S
      maxAttempt: 3
"""
VARIABLES = {
    "inputs": {"name": "shop", "n": 3},
    "outputs": {"load": {"value": "v"}},
    "flow": {"id": "large", "namespace": "bench.core"},
    "taskrun": {"startDate": "2024-05-06T07:08:09Z"},
    "vars": {"tags": ["a", "b", "c"]},
}
TEMPLATES = (
    "{{ inputs.name }}",
    "Hello {{ inputs.name | upper }} from {{ flow.namespace }}.{{ flow.id }}",
    "{{ outputs.load.value ?? 'none' }} on {{ taskrun.startDate | date('yyyy-MM-dd') }}",
    "{{ inputs.n * 2 + 1 > 5 ? 'big' : 'small' }}",
    "{% for tag in vars.tags %}{{ tag }}{% if not loop.last %}, {% endif %}{% endfor %}",
)
RENDERINGS = 2_000


def flow(number: int) -> str:
    """A flow of 600 lines, none of whose expressions is in another one."""
    pieces = (PIECE.format(n=n, round=number) for n in range(600 // PIECE.count("\n") + 1))
    lines = (HEAD.format(round=number) + "".join(pieces)).splitlines()
    end = max(at for at, line in enumerate(lines[:601]) if line.startswith("  - id: "))
    return "\n".join(lines[:end]) + "\n"


def validating(rounds: int) -> list[float]:
    """Seconds for each of so many flows that were never seen before."""
    times = []
    for number in range(rounds + 1):
        source = flow(number)
        started = time.perf_counter()
        made, problems = parse(source, catalog=CATALOG)
        times.append(time.perf_counter() - started)
        if made is None or problems:
            raise RuntimeError(f"the flow is not valid: {problems[:3]}")
    return times[1:]  # the first one imports the plugins


def rendering(template: str, rounds: int) -> list[float]:
    """Seconds a rendering, so many times over."""
    render(template, VARIABLES)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(RENDERINGS):
            render(template, VARIABLES)
        times.append((time.perf_counter() - started) / RENDERINGS)
    return times


def measure(_client: Client, _home: Path) -> Iterator[Figure]:
    """Both figures; no server takes part."""
    times = validating(5)
    lines = flow(0).count("\n")
    yield Figure(f"parse and validate a flow of {lines} lines, never seen before", statistics.median(times) * 1000, "ms", 30)
    for template in TEMPLATES:
        median = statistics.median(rendering(template, 5))
        yield Figure(f"render {template[:50]!r}, compiled before", median * 1_000_000, "µs", 50)
