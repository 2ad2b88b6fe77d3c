"""The Topology tab of an execution: the picture of its flow with the states of its task runs; and the last state of a task."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions import gantt, page_selectors, presenters, selectors
from executions.execution_context import page_context
from executions.models import Execution, TaskRun
from executions.views._pauses import pauses
from flows import selectors as flow_selectors
from flows.views.pages import readable
from flows.views.pictures import canvas_context, node_context
from namespaces.rights import Person, login_required
from ui.errors import KestraError, Missing
from ui.htmx import page

RUNS = 20  # task runs listed in the pane of a node


@login_required
@require_GET
def topology_of(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The tasks of the flow, coloured by what happened to them."""
    execution = selectors.execution(request.user, execution_id)
    opened = request.GET.getlist("open")
    context = page_context(execution, request.user, "topology") | canvas_context(request.user, page_selectors.flow_of(execution), opened)
    context |= _coloured(request.user, execution, context) | {
        "node_url": reverse("executions:topology_node", args=[execution.id]),
        "live_url": request.get_full_path(),
        "can_expand": True,
        "pauses": pauses(execution, request.user),
        "canvas_empty": "The source of this flow can no longer be read, so its tasks cannot be drawn.",
    }
    return page(request, "executions/topology.html", "executions/_topology.html", context)


def _coloured(user: Person, execution: Execution, context: dict[str, Any]) -> dict[str, Any]:
    """Nodes with the states of their own flow's task runs, those inside an opened node with those of the execution that it started."""
    own = page_selectors.task_states(execution)
    inside = {uid: _states_inside(user, execution, uid) for uid in context["opened"]}

    def state(uid: str, task_id: str) -> page_selectors.TaskState | None:
        box = max((one for one in inside if uid.startswith(f"{one}.")), key=len, default="")
        return (inside[box] if box else own).get(task_id)

    return {name: [(node, state(node.uid, node.id)) for node, _ in context[name]] for name in ("boxes", "leaves")}


def _states_inside(user: Person, execution: Execution, uid: str) -> dict[str, page_selectors.TaskState]:
    """What became of the tasks in the flow that the last run of a task called, as far as one may see that."""
    run = TaskRun.objects.filter(execution=execution, task_id=uid.rpartition(".")[2]).order_by("-position").first()
    called = (run.outputs or {}).get("executionId") if run else None
    try:
        return page_selectors.task_states(selectors.execution(user, called)) if isinstance(called, str) else {}
    except KestraError:
        return {}


@login_required
@require_GET
def node(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The pane of one node: its task runs, its YAML, its type's documentation."""
    execution = selectors.execution(request.user, execution_id)
    flow = page_selectors.flow_of(execution)
    if flow is None:
        raise Missing("The source of this flow can no longer be read")
    source = flow_selectors.flow_revision(execution.namespace, execution.flow_id, execution.flow_revision).source
    context = node_context(request.user, flow, source, request.GET.getlist("open"), request.GET.get("node", ""))
    runs = TaskRun.objects.filter(execution=execution, task_id=context["known"].id)
    context |= _runs_context(runs) | {"execution": execution, "state_of": page_selectors.task_states(execution).get(context["known"].id)}
    return render(request, "executions/_topology_node.html", context)


def _runs_context(runs: QuerySet[TaskRun]) -> dict[str, Any]:
    """The task runs of a task, those that are not a success first."""
    fields = runs.only("id", "task_id", "state", "histories", "value", "iteration", "position", "execution_id")
    loud = list(fields.exclude(state="SUCCESS").order_by("position")[:RUNS])
    listed = [*loud, *fields.filter(state="SUCCESS").order_by("-position")[: RUNS - len(loud)]]
    return {"runs": [(run, gantt.value_note(run), presenters.ran(run.histories)) for run in listed], "run_count": runs.count()}


@login_required
@require_GET
def last_of_task(request: HttpRequest, namespace: str, flow_id: str, task_id: str) -> HttpResponse:
    """What the task did in the last execution that reached it."""
    row = readable(request, namespace, flow_id)
    recent = list(
        Execution.objects.filter(namespace=row.namespace, flow_id=row.flow_id).order_by("-created").values_list("id", flat=True)[:RUNS]
    )
    runs = TaskRun.objects.filter(execution_id__in=recent, task_id=task_id).select_related("execution")
    last = runs.order_by("-execution__created", "-position").first()
    context = {"run": last, "took": presenters.ran(last.histories) if last else None}
    return render(request, "executions/_last_of_task.html", context)
