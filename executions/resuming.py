"""Going on with a dbt task where it failed, and running some of its nodes alone: a new execution whose task does less than it says.

What had succeeded is known from the rows of the nodes, which are in the database before anybody sees them, however the task ended.
"""

from __future__ import annotations

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
    rows, before = _rows(run), _before(run)
    earlier = {name for name in before.get("without", ()) if rows.get(name, True)}
    return sorted({name for name, good in rows.items() if good} | earlier)


def unfinished(run: models.TaskRun) -> list[str]:
    """The nodes of a task run that have rows and are not done; with those that it was to run again and did not reach."""
    rows = _rows(run)
    earlier = {name for name in _before(run).get("failed", ()) if name not in rows}
    return sorted({name for name, good in rows.items() if not good} | earlier)


def _rows(run: models.TaskRun) -> dict[str, bool]:
    """Whether each node of the last attempt that had any succeeded, every time that it was run."""
    found: dict[str, bool] = {}
    steps = models.Step.objects.filter(task_run=run, kind__in=NODES)
    last = steps.order_by("-attempt").values_list("attempt", flat=True).first()
    for data, state in steps.filter(attempt=last).values_list("data", "state"):
        unique_id = str(data.get("unique_id") or "")
        found[unique_id] = found.get(unique_id, True) and state in GOOD
    found.pop("", None)
    return found


def _before(run: models.TaskRun) -> dict[str, Any]:
    """What was noted for this task when its execution was itself a narrowed one."""
    told: dict[str, Any] = run.execution.notes.get("narrowed") or {}
    return told if told.get("task") == run.task_id and told.get("value") == run.value else {}


def resume(*, user: Person, execution_id: str) -> models.Execution:
    """A new execution that goes on from the dbt task that failed, with the same inputs; its nodes that had succeeded are left out."""
    execution = selectors.execution(user, execution_id)
    run = resumable(execution)
    if run is None:
        raise NothingToResume
    before = _before(run)
    told = {"nodes": before.get("nodes", []), "without": succeeded(run), "failed": unfinished(run), "dropped": before.get("dropped", [])}
    return services.replay(user=user, execution_id=execution.id, task_run_id=run.id, notes=_notes(run, told))


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
    return services.replay(
        user=user, execution_id=execution.id, task_run_id=step.task_run.id, notes=_notes(step.task_run, {"nodes": [chosen]})
    )


def _notes(run: models.TaskRun, told: dict[str, list[str]]) -> dict[str, Any]:
    return {"narrowed": {"task": run.task_id, "value": run.value, **{name: names for name, names in told.items() if names}}}
