"""Templates that would never end: each is ended in a moment, and other executions go on beside them."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from executions.models import Execution
from tests.executions.conftest import Process, until_ended
from tests.executions.flows import CORE, log, messages, save, shell, start

pytestmark = pytest.mark.redis

ROUNDS = "{% for a in 1..90000 %}{% for b in 1..90000 %}x{% endfor %}{% endfor %}"
DOUBLED = "{% set a = 'xxxxxxxxxxxxxxxx' %}{% for i in 1..60 %}{% set a = a ~ a %}{% endfor %}{{ a }}"
NESTED = "{% set a = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% endfor %}{{ a }}"
CALLS = "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}"
SORTED = "{% for a in 1..90000 %}{{ (1..90000) | sort | reverse | length }}{% endfor %}"
PATTERN = "{% for a in 1..90000 %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | replace({'(a+)+$': 'b'}, true) }}{% endfor %}"
PROGRAM = "{{ [1] | jq('def f: f; f') }}"
PROGRAMS = "{% for a in 1..90000 %}{{ [1] | jq('[range(1; 1e12)] | length') }}{% endfor %}"
FAR = "{{ 1..1000000000000 }}"
AGAIN = "{{ render(vars.loop) }}"


TOLD = ("the expression", "the loops", "the range", "took longer", "Too many", "macros call")
NEVER = f"[{{id: never, type: {CORE}.log.Log, message: x}}]"
SECONDS = 60  # all twelve at the same time, on a machine that does much else; one alone takes less than two


def returned(template: str) -> str:
    return f"  - {{id: trap, type: {CORE}.debug.Return, format: {json.dumps(template)}}}\n"


def asked(template: str) -> str:
    return f"  - {{id: trap, type: {CORE}.flow.If, condition: {json.dumps(template)}, then: {NEVER}}}\n"


def looped(template: str) -> str:
    return f"  - {{id: trap, type: {CORE}.flow.ForEach, values: {json.dumps(template)}, tasks: {NEVER}}}\n"


def ran(template: str) -> str:
    return shell("trap", json.dumps(f"echo {template}"))


HOSTILE = {
    "rounds": log("trap", ROUNDS),
    "doubled": returned(DOUBLED),
    "nested": returned(NESTED),
    "calls": asked(CALLS),
    "sorted": asked(SORTED),
    "pattern": looped(PATTERN),
    "program": asked(PROGRAM),
    "programs": returned(PROGRAMS),
    "far": looped(FAR),
    "again": ran(AGAIN),
    "shell": ran(SORTED),
    "message": log("trap", SORTED),
}


def test_hostile_templates_are_ended_while_others_advance(worker: Process) -> None:
    head = "variables: {loop: '{{ render(vars.loop) }}'}\n"
    flows = {name: save(f"hostile_{name}", head + "tasks:\n" + body) for name, body in HOSTILE.items()}
    innocent = save("innocent", "tasks:\n" + log("one") + shell("two", "echo done") + log("three"))
    trapped = {name: start(flow_id) for name, flow_id in flows.items()}
    others = [start(innocent) for _ in range(5)]
    for execution in others:
        assert until_ended(execution, 90).state == "SUCCESS"
    for name, execution in trapped.items():
        assert until_ended(execution, 90).state == "FAILED", name
        assert any(told in " ".join(messages(execution)) for told in TOLD), (name, messages(execution))
        assert seconds(execution) < SECONDS, name


def seconds(execution: Execution) -> float:
    """How long its first task run took to fail."""
    run = execution.task_runs.order_by("position").first()
    assert run is not None
    first, last = run.histories[0][1], run.histories[-1][1]
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
