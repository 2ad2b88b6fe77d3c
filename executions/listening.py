"""Whether the conditions of a listener hold for the execution that has just ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine import events
from engine.context import variables
from engine.document import Flow
from engine.errors import ExpressionError
from engine.execution import Execution
from engine.expressions import render
from executions import executor, ports, world
from plugins.catalog import CATALOG
from plugins.contract import ConditionFailed, Facts, FlowReference


def judge(flow: Flow, execution: Execution, number: int) -> events.ListenerJudged:
    """Look at all its conditions; one that cannot be told does not hold."""
    facts = _facts(flow, execution)
    try:
        holds = all(CATALOG.condition(one).holds(facts) for one in flow.listeners[number].conditions)
    except ConditionFailed:
        holds = False
    return events.ListenerJudged(number, holds)


def _facts(flow: Flow, execution: Execution) -> Facts:
    masks = world.Masks()
    known = world.decrypted(variables(flow, execution, world=executor.world()), masks)
    functions = world.functions(execution, masks, ports.People(execution).may_read)

    def rendered(template: str, extra: Mapping[str, Any]) -> str:
        try:
            return str(render(template, {**known, **extra}, functions=functions, options=world.options()))
        except ExpressionError as error:
            raise ConditionFailed(masks.text(error.message)) from error

    return Facts(FlowReference(flow.namespace, flow.id, flow.revision), execution, rendered, CATALOG.condition)
