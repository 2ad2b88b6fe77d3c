"""Whether the conditions of a listener hold for the execution that has just ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine import events
from engine.document import Flow
from engine.errors import ExpressionError
from engine.execution import Execution
from engine.expressions import render
from engine.needs import ALL
from executions import ports, world
from executions.masks import Masks
from executions.sight import Sight, with_folded
from plugins.catalog import CATALOG
from plugins.contract import ConditionFailed, Facts, FlowReference


def judge(flow: Flow, execution: Execution, number: int) -> events.ListenerJudged:
    """Look at all its conditions; one that cannot be told does not hold."""
    facts = _facts(flow, execution)
    try:
        return events.ListenerJudged(number, all(CATALOG.condition(one).holds(facts) for one in flow.listeners[number].conditions))
    except ConditionFailed as error:
        return events.ListenerJudged(number, holds=False, error=str(error))


def _facts(flow: Flow, execution: Execution) -> Facts:
    masks = Masks()
    runs = with_folded(execution.id, {run.id: run for run in execution.task_runs}, ALL)
    sight = Sight(flow, execution, runs, masks)
    functions = world.functions(execution, masks, ports.People(execution).may_read)

    def rendered(template: str, extra: Mapping[str, Any]) -> str:
        try:
            return str(sight.rendered(render, template, functions, extra))
        except ExpressionError as error:
            raise ConditionFailed(masks.text(error.message)) from error

    whole = replace(execution, task_runs=tuple(runs.values()))
    return Facts(FlowReference(flow.namespace, flow.id, flow.revision), whole, rendered, CATALOG.condition)
