"""Triggers that run a script, case by case, and what `edge` remembers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from engine.document import Trigger
from plugins.catalog import CATALOG
from plugins.contract import PollingTrigger, TaskFailed
from tests.plugins.context import MemoryContext

PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}
SHELL, PYTHON = "io.kestra.plugin.scripts.shell", "io.kestra.plugin.scripts.python"


def look(context: MemoryContext, type_: str, **given: Any) -> Any:
    """Evaluate a trigger as it would be written."""
    made = CATALOG.trigger(Trigger("watch", type_, properties={"id": "watch", "type": type_, "taskRunner": PROCESS, **given}))
    assert isinstance(made, PollingTrigger)
    return made.evaluate(context)


@pytest.mark.parametrize(
    ("type_", "given", "seen"),
    [
        pytest.param(
            f"{SHELL}.CommandsTrigger", {"commands": ["exit 1"], "exitCondition": "exit 1", "edge": True},
            {"condition": "exit 1", "exitCode": 1, "vars": {}}, id="trigger.exit1",
        ),
        pytest.param(
            f"{SHELL}.ScriptTrigger", {"script": "cat /path/that/does/not/exist", "exitCondition": "exit 1", "edge": True},
            {"condition": "exit 1", "exitCode": 1, "vars": {}}, id="trigger.script_exit1",
        ),
        pytest.param(
            f"{SHELL}.ScriptTrigger",
            {"script": """echo '::{"outputs":{"listing":"toto"}}::'""", "exitCondition": "toto", "edge": True},
            {"condition": "toto", "exitCode": 0, "vars": {"listing": "toto"}}, id="trigger.vars_match",
        ),
        pytest.param(
            f"{PYTHON}.ScriptTrigger", {"script": "print('new files: 3')", "exitCondition": "files: [1-9]"},
            {"condition": "files: [1-9]", "exitCode": 0, "vars": {}}, id="a pattern in the output of Python",
        ),
        pytest.param(
            f"{PYTHON}.CommandsTrigger", {"commands": "python -c 'import sys; sys.exit(4)'", "exitCondition": "exit {{ 2 + 2 }}"},
            {"condition": "exit 4", "exitCode": 4, "vars": {}}, id="a condition that is rendered",
        ),
    ],
)  # fmt: skip
def test_it_fires_with_what_it_saw(context: MemoryContext, type_: str, given: dict[str, Any], seen: dict[str, Any]) -> None:
    found = look(context, type_, **given)
    assert datetime.fromisoformat(found.pop("timestamp")).tzinfo is not None
    assert found == seen


@pytest.mark.parametrize("condition", ["exit 1", "nothing like it", "^hell$"])
def test_it_does_not_fire_where_the_condition_is_not_met(context: MemoryContext, condition: str) -> None:
    assert look(context, f"{SHELL}.ScriptTrigger", script="echo hello; echo nothing >&2", exitCondition=condition) is None


def test_with_edge_it_fires_when_the_condition_comes_to_be_met(context: MemoryContext) -> None:
    fired = []
    for script in ("exit 0", "exit 1", "exit 1", "exit 0", "exit 1"):
        fired.append(look(context, f"{SHELL}.ScriptTrigger", script=script, exitCondition="exit 1") is not None)
    assert fired == [False, True, False, False, True]


def test_without_edge_it_fires_each_time(context: MemoryContext) -> None:
    for _ in range(2):
        assert look(context, f"{SHELL}.CommandsTrigger", commands=["exit 1"], exitCondition="exit 1", edge=False)


def test_what_cannot_be_run_is_an_error(context: MemoryContext) -> None:
    with pytest.raises(TaskFailed, match="no such program"):
        look(context, f"{SHELL}.ScriptTrigger", script="x", interpreter=["/no/such/shell"], exitCondition="exit 1")


def test_a_condition_that_cannot_be_read_is_told_where_it_is_written() -> None:
    told = CATALOG.check({"id": "a", "type": f"{SHELL}.ScriptTrigger", "script": "x", "exitCondition": "(("}, "trigger")
    assert [path for _, path in told] == [("exitCondition",)]
    assert "regular expression" in told[0][0]


def test_a_pattern_without_an_end_is_given_up(context: MemoryContext) -> None:
    with pytest.raises(TaskFailed, match="takes too long"):
        look(context, f"{SHELL}.ScriptTrigger", script=f"echo {'a' * 60}b", exitCondition="^(a|aa|aaa)+(a|aa)+$")
