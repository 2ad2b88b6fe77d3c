"""Expressions tried on an execution: what one gives, and what may stand where someone types.

Nothing changes; secrets and files are out of reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from engine import context as engine_context
from engine.document import Flow
from engine.errors import ExpressionError
from engine.execution import TaskRun as Run
from engine.expressions import BOUNDED, completion
from engine.expressions import render as render_expression
from engine.expressions.completion import Place
from engine.needs import NOTHING, Needs, needs_of
from executions import executor, long_loops, page_selectors, presenters, selectors, store, world
from executions.jq_child import run_jq
from executions.models import Execution, TaskRun
from executions.sight import with_folded
from namespaces.rights import login_required
from ui.errors import Invalid

LONGEST = 20_000  # characters of an expression, and of what it gives
NEAR = 200  # task runs of one task that completion looks at
NAMES = 1000  # tasks whose names completion knows


@login_required
@require_POST
def evaluate(request: HttpRequest, execution_id: str) -> HttpResponse:
    """What an expression gives, seen from one task run."""
    row = selectors.execution(request.user, execution_id)
    text = request.POST.get("expression", "")[:LONGEST]
    result, error = "", ""
    try:
        flow = page_selectors.flow_of(row)
        if flow is None:
            raise Invalid("The flow of this execution can no longer be read, so its expressions cannot be tried")
        needs = needs_of(text)
        at_hand = _at_hand(row, request.POST.get("run", ""))
        runs = with_folded(row.id, at_hand, needs) if needs != NOTHING else at_hand
        known = _known(flow, row, request.POST.get("run", ""), at_hand, runs, needs)
        result = render_expression(text, known, functions={**BOUNDED, "jq": run_jq}, options=world.options())
    except ExpressionError as problem:
        error = str(problem)
    return render(
        request,
        "executions/_expression_result.html",
        {"result": result[:LONGEST], "error": error, "cut": len(result) > LONGEST, "tried": True},
    )


@login_required
@require_POST
def complete(request: HttpRequest, execution_id: str) -> HttpResponse:
    """What may stand at the end of the text before the cursor, as options of a list box."""
    row = selectors.execution(request.user, execution_id)
    flow = page_selectors.flow_of(row)
    place = completion.place_of(request.POST.get("before", "")[-LONGEST:])
    found = completion.options(place, _names(flow, row, request.POST.get("run", ""), place)) if flow is not None and place else []
    return render(request, "executions/_expression_options.html", {"options": found})


def _at_hand(row: Execution, run_id: str) -> dict[str, Run]:
    """The task runs that are not folded, with the one from which it is seen and those above it."""
    near = long_loops.ancestry(row, run_id)
    rows = TaskRun.objects.filter(execution=row).filter(Q(folded=False) | Q(id__in=near)).order_by("position")
    return {run.id: store.task_run_of(run) for run in rows}


def _known(flow: Flow, row: Execution, run_id: str, at_hand: dict[str, Run], runs: dict[str, Run], needs: Needs) -> dict[str, Any]:
    """The variables that an expression names, seen from one task run; of a long loop only the task runs that it names are read."""
    execution = store.execution_of(row, ())
    made = engine_context.variables(flow, execution, at_hand.get(run_id), world=executor.world(flow.namespace), runs=runs, needs=needs)
    shown: dict[str, Any] = presenters.display(dict(made))
    return shown


def _names(flow: Flow, row: Execution, run_id: str, place: Place) -> dict[str, Any]:
    """The variables as far as completion asks for them: of outputs only the names of tasks, or those of one task."""
    at_hand = _at_hand(row, run_id)
    of_tasks = place.meant == "member" and place.path[0] in ("outputs", "tasks")
    if of_tasks and len(place.path) > 1:
        task_id = str(place.path[1])
        runs = sorted((_runs_of(row, task_id, place) | at_hand).items(), key=lambda item: item[1].position)
        return _known(flow, row, run_id, at_hand, dict(runs), frozenset([task_id]))
    known = _known(flow, row, run_id, at_hand, at_hand, NOTHING)
    if of_tasks:
        tasks = TaskRun.objects.filter(execution=row)
        tasks = tasks.exclude(outputs=None) if place.path[0] == "outputs" else tasks
        ids = tasks.order_by("task_id").values_list("task_id", flat=True).distinct()[:NAMES]
        known[str(place.path[0])] = dict.fromkeys(ids, ...)
    return known


def _runs_of(row: Execution, task_id: str, place: Place) -> dict[str, Run]:
    """Task runs of one task with those above them; of a long loop those whose value is in the path, or has what was typed in it."""
    rows = TaskRun.objects.filter(execution=row, task_id=task_id).order_by("position")
    values = [str(step) for step in place.path[2:]]
    if rows.count() > NEAR:
        rows = rows.filter(value__in=values) if values else rows.filter(value__icontains=place.partial)
    return _with_ancestors(row, list(rows[:NEAR]))


def _with_ancestors(row: Execution, rows: Sequence[TaskRun]) -> dict[str, Run]:
    found = {run.id: store.task_run_of(run) for run in rows}
    while missing := {run.parent_id for run in found.values() if run.parent_id} - found.keys():
        above = TaskRun.objects.filter(execution=row, id__in=missing)
        if not above:
            break
        found |= {run.id: store.task_run_of(run) for run in above}
    return found
