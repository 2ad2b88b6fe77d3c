"""What expressions of a flow may name, as a list for completion: inputs, variables, outputs of the tasks before, filters, functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.document import Flow, Task
from engine.expressions import names
from plugins import catalog

EXECUTION = (
    "flow.id", "flow.namespace", "flow.revision", "execution.id", "execution.startDate", "execution.originalId", "execution.state",
    "task.id", "task.type", "taskrun.id", "taskrun.startDate", "taskrun.attemptsCount", "taskrun.parentId", "taskrun.value",
    "trigger", "labels", "envs", "globals", "parent", "parents",
)  # fmt: skip


def of(flow: Flow | None, task_id: str = "") -> dict[str, list[str]]:
    """Names by what they are. With `task_id` only tasks before that one have outputs."""
    if flow is None:
        return {"executionContext": list(EXECUTION), "filters": names.filters(), "functions": names.functions()}
    return {
        "taskOutputs": [name for task in _before(_all(flow.all_tasks), task_id) for name in _outputs(task)],
        "executionContext": list(EXECUTION),
        "inputs": [f"inputs.{one.id}" for one in flow.inputs],
        "variables": [f"vars.{name}" for name in flow.variables],
        "filters": names.filters(),
        "functions": names.functions(),
    }


def _all(tasks: Iterable[Task]) -> Iterator[Task]:
    """Tasks with those inside them, in the order of the text."""
    for task in tasks:
        yield task
        for branch in task.branches.values():
            yield from _all(branch)


def _before(tasks: Iterable[Task], task_id: str) -> Iterator[Task]:
    for task in tasks:
        if task.id == task_id:
            return
        yield task


def _outputs(task: Task) -> list[str]:
    try:
        known = getattr(catalog.find(task.type), "outputs_schema", {})
    except catalog.CatalogError:
        known = {}
    return [f"outputs.{task.id}.{name}" for name in known] or [f"outputs.{task.id}"]
