"""Going on with a dbt task where it failed, and running some of its nodes alone: a new execution whose task does less than it says.

What had succeeded is known from the rows of the nodes, which are in the database before anybody sees them, and what was to run from
the lists that dbt left before it began: however the task ended.
"""

from __future__ import annotations

from typing import Literal

from django.db.models import Exists, OuterRef, Q

from engine import states
from executions import leftovers, models, selectors, services
from namespaces.rights import Person
from plugins.contract import Narrowed
from plugins.dbt._narrowing import NODES, selector
from ui.errors import Conflict, Invalid, Missing

Which = Literal["node", "node+", "+node"]


class NothingToResume(Invalid):
    """No dbt task of this execution failed after it had begun to run nodes: restart it instead."""


def resumable(execution: models.Execution) -> models.TaskRun | None:
    """The first dbt task run that did not succeed and had begun with its nodes; None without one, or while the execution goes on."""
    if execution.state not in states.TERMINATED:
        return None
    rows = models.Step.objects.filter(task_run=OuterRef("pk"), kind__in=NODES)
    lists = models.Selection.objects.filter(task_run=OuterRef("pk"))
    runs = models.TaskRun.objects.filter(Q(Exists(rows)) | Q(Exists(lists)), execution=execution, state__in=("FAILED", "KILLED"))
    return runs.order_by("position").first()


def resume(*, user: Person, execution_id: str) -> models.Execution:
    """A new execution that goes on from the dbt task that failed, with the same inputs; its nodes that had succeeded are left out."""
    execution = selectors.execution(user, execution_id)
    run = resumable(execution)
    if run is None:
        raise NothingToResume
    planned = {name: execution.notes[name] for name in (leftovers.PLANNED,) if name in execution.notes}
    notes = planned | leftovers.as_notes(run.task_id, run.value, leftovers.of(run).narrowed())
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
    run = step.task_run
    notes = leftovers.as_notes(run.task_id, run.value, Narrowed(nodes=(chosen,)))
    return services.replay(user=user, execution_id=execution.id, task_run_id=run.id, notes=notes)
