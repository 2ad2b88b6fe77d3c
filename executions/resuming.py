"""Going on with a dbt task where it failed, and running some of its nodes alone: a new execution whose task does less than it says.

What had succeeded is known from the rows of the nodes, which are in the database before anybody sees them, however the task ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from engine import states
from executions import models, selectors, services
from namespaces.rights import Person
from plugins.dbt._narrowing import selector
from ui.errors import Conflict, Invalid, Missing

NODES = ("model", "seed", "snapshot", "test", "unit_test")
GOOD = ("SUCCESS", "WARNING")
Which = Literal["node", "node+", "+node"]


class NothingToResume(Invalid):
    """No dbt task of this execution failed after it had begun to run nodes: restart it instead."""


def resumable(execution: models.Execution) -> models.TaskRun | None:
    """The first dbt task run that did not succeed and left rows of nodes; None where there is none, or while the execution goes on."""
    if execution.state not in states.TERMINATED:
        return None
    runs = models.TaskRun.objects.filter(execution=execution, state__in=("FAILED", "KILLED"), steps__kind__in=NODES)
    return runs.order_by("position").first()


def succeeded(run: models.TaskRun) -> list[str]:
    """The nodes of a task run that are done, by their unique ids; with those that were left out of it because they had been before."""
    worst: dict[str, bool] = {}
    steps = models.Step.objects.filter(task_run=run, kind__in=NODES)
    last = steps.order_by("-attempt").values_list("attempt", flat=True).first()
    for data, state in steps.filter(attempt=last).values_list("data", "state"):
        unique_id = str(data.get("unique_id") or "")
        worst[unique_id] = worst.get(unique_id, True) and state in GOOD
    before = run.execution.notes.get("narrowed") or {}
    earlier = before.get("without", []) if before.get("task") == run.task_id and before.get("value") == run.value else []
    done = {name for name, good in worst.items() if good} | {name for name in earlier if worst.get(name, True)}
    return sorted(done - {""})


def resume(*, user: Person, execution_id: str) -> models.Execution:
    """A new execution that goes on from the dbt task that failed, with the same inputs; its nodes that had succeeded are left out."""
    execution = selectors.execution(user, execution_id)
    run = resumable(execution)
    if run is None:
        raise NothingToResume
    before = execution.notes.get("narrowed") or {}
    notes = _notes(run, before.get("nodes", []), succeeded(run), before.get("dropped", []))
    return services.replay(user=user, execution_id=execution.id, task_run_id=run.id, notes=notes)


def run_nodes(*, user: Person, execution_id: str, step_id: str, which: Which) -> models.Execution:
    """A new execution that goes on from the dbt task with one of its nodes, with all that comes after it, or all that comes before."""
    execution = selectors.execution(user, execution_id)
    if execution.state not in states.TERMINATED:
        raise Conflict("The execution still goes on; wait until it has ended")
    step = models.Step.objects.filter(execution=execution, id=step_id, kind__in=NODES).select_related("task_run").first()
    if step is None:
        raise Missing("There is no such dbt node in this execution; reload the page")
    itself = selector(str(step.data.get("unique_id") or step.name))
    name = itself.partition(",")[0]
    chosen = {"node": itself, "node+": f"{name}+", "+node": f"+{name}"}[which]
    return services.replay(user=user, execution_id=execution.id, task_run_id=step.task_run.id, notes=_notes(step.task_run, [chosen], []))


def _notes(run: models.TaskRun, nodes: list[str], without: list[str], dropped: Sequence[str] = ()) -> dict[str, Any]:
    told = {"task": run.task_id, "value": run.value, "nodes": nodes, "without": without}
    return {"narrowed": told | ({"dropped": list(dropped)} if dropped else {})}
