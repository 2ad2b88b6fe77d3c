"""The expression tester: an expression rendered as it would be in an execution, or in one of its task runs."""

from __future__ import annotations

import traceback
from typing import Any

from engine import context
from engine.errors import ExpressionError
from engine.expressions import render
from executions import executor, ports, world
from executions.executor import Turn
from executions.services import TaskRunMissing
from namespaces.rights import Person, require


def evaluate(*, user: Person, execution_id: str, expression: str, task_run_id: str | None = None) -> dict[str, str]:
    """`{"result": text}`, or `{"error", "stackTrace"}`. Encrypted inputs and outputs stay encrypted, every secret reads as its mask.

    The caller checks that the user may see the execution; other namespaces are open only where the user may read, too.
    Raises ExecutionMissing, TaskRunMissing.
    """
    turn = Turn.begin(execution_id, whole=True)
    run = turn.execution.run(task_run_id) if task_run_id else None
    if task_run_id and run is None:
        raise TaskRunMissing
    task = turn.table.task(run.id) if run is not None else None
    known = context.variables(turn.flow, turn.execution, run, world=executor.world(turn.flow.namespace), task=task)

    def may_read(namespace: str) -> None:
        ports.People(turn.execution).may_read(namespace)
        require(user, namespace)

    functions = {**world.shown_functions(turn.execution, may_read), "http": _nowhere}
    try:
        return {"result": render(expression, known, functions=functions, options=world.options())}
    except ExpressionError as error:
        return {"error": error.message, "stackTrace": "".join(traceback.format_exception_only(error))}


def _nowhere(uri: str, **_arguments: Any) -> str:
    """Whoever may only look has nothing fetched by this server."""
    raise ExpressionError("http() asks nobody here: it runs when an execution does")
