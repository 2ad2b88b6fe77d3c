"""Replaying one execution: a dialog for where to begin, which revision and which inputs; then the new execution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from engine.document import Flow, Input
from engine.inputs import value_of
from executions import selectors, services
from executions.execution_context import revisions_of
from executions.models import Execution, TaskRun
from executions.starting import InvalidInput
from executions.views import _inputs
from flows import selectors as flow_selectors
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import login_required
from ui.errors import Invalid
from ui.htmx import done, wants_fragment

# An input's id never begins with an underscore: these are names that no input can have.
REVISION, CHANGE = "_revision", "_change"
KEPT = ("SECRET", "FILE")  # what a form cannot show again stays as it was where nothing else is given


def _opened(request: HttpRequest, execution_id: str) -> Execution:
    """The execution and the right to change it together."""
    execution = selectors.execution(request.user, execution_id)
    rights.require(request.user, execution.namespace, Role.MEMBER)
    return execution


def _flow(request: HttpRequest, execution: Execution) -> Flow:
    """The flow in the revision that is asked for, else the one that the execution had."""
    asked = request.POST.get(REVISION) or request.GET.get(REVISION) or ""
    number = int(asked) if asked.isdecimal() and len(asked) < 10 else execution.flow_revision
    return flow_selectors.parsed(execution.namespace, execution.flow_id, number)


@login_required
@require_GET
def replay_dialog(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The dialog; `?task_run=` begins there, `?_revision=` shows the inputs of that revision."""
    execution = _opened(request, execution_id)
    flow = _flow(request, execution)
    shown = {one.id: value for one in flow.inputs if (value := _shown(execution, one)) is not None}
    return _dialog(request, execution, flow, _fields(request, execution, flow, shown))


@login_required
@require_POST
def replay_check(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The fields again as things stand: inputs that depend on others appear and go. Nothing is stored."""
    execution = _opened(request, execution_id)
    flow = _flow(request, execution)
    fields = _fields(request, execution, flow, _inputs.sent(request, flow.inputs).values)
    return render(request, "executions/_replay_fields.html", {"fields": fields})


def _fields(request: HttpRequest, execution: Execution, flow: Flow, values: dict[str, Any]) -> list[_inputs.Field]:
    """The fields with these values; those that do not take part as things stand are not enabled."""
    fields = [_inputs.field_of(one, values.get(one.id), prefix="replay-") for one in flow.inputs]
    fields = [_kept_field(field) if _is_kept(execution, field) else field for field in fields]
    if not any(one.depends_on for one in flow.inputs):
        return fields
    checks = services.validate_inputs(user=request.user, namespace=flow.namespace, flow_id=flow.id, inputs=values, revision=flow.revision)
    enabled = {check["input"].id: check["enabled"] for check in checks}
    return [replace(field, enabled=enabled.get(field.name, True)) for field in fields]


def _shown(execution: Execution, declared: Input) -> Any:
    """The earlier value of an input, but for one that a form cannot show."""
    return None if declared.type in KEPT else value_of(execution.inputs, declared.id)


def _dialog(
    request: HttpRequest, execution: Execution, flow: Flow, fields: list[_inputs.Field], *, change: bool = False, error: str = ""
) -> HttpResponse:
    run = _task_run(request, execution)
    context: dict[str, Any] = {
        "execution": execution,
        "flow": flow,
        "run": run,
        "revisions": revisions_of(execution),
        "fields": fields,
        "change": change,
        "error": error,
    }
    return render(request, "executions/_replay_dialog.html", context, status=422 if error or change else 200)


def _is_kept(execution: Execution, field: _inputs.Field) -> bool:
    return field.type in KEPT and value_of(execution.inputs, field.name) is not None


def _kept_field(field: _inputs.Field) -> _inputs.Field:
    return replace(field, required=False, help=" ".join(filter(None, (field.help, "Stays as it was where nothing is given."))))


def _task_run(request: HttpRequest, execution: Execution) -> TaskRun | None:
    """The task run to begin at; raises TaskRunMissing."""
    asked = request.GET.get("task_run", "")
    if not asked:
        return None
    run = TaskRun.objects.filter(execution=execution, id=asked).first()
    if run is None:
        raise services.TaskRunMissing
    return run


@login_required
@require_POST
def replay(request: HttpRequest, execution_id: str) -> HttpResponse:
    """A new execution like this one, from the beginning or from one task run; with other inputs where they were changed."""
    execution = _opened(request, execution_id)
    run = _task_run(request, execution)
    flow = _flow(request, execution)
    change = request.POST.get(CHANGE) == "yes"
    sent = _inputs.sent(request, flow.inputs) if change else _inputs.Sent()
    try:
        made = services.replay(
            user=request.user,
            execution_id=execution.id,
            task_run_id=run.id if run else None,
            revision=flow.revision,
            inputs={**sent.values, **services.uploads(sent.files)} if change else None,
            kept=_kept(flow.inputs, sent),
        )
    except Invalid as error:
        if not wants_fragment(request) or not change:
            raise
        return _refused(request, execution, flow, sent, error)
    word = "other inputs" if change else "the same inputs"
    return done(request, reverse("executions:gantt", args=[made.id]), message=f"A new execution with {word}")


def _kept(declared: tuple[Input, ...], sent: _inputs.Sent) -> list[str]:
    return [one.id for one in declared if one.type in KEPT and one.id not in sent.values and one.id not in sent.files]


def _refused(request: HttpRequest, execution: Execution, flow: Flow, sent: _inputs.Sent, error: Invalid) -> HttpResponse:
    fields = _fields(request, execution, flow, sent.values)
    at_field = isinstance(error, InvalidInput) and any(field.name == error.input_id for field in fields)
    if isinstance(error, InvalidInput):
        fields = _inputs.with_error(fields, error.input_id, error.message)
    return _dialog(request, execution, flow, fields, change=True, error="" if at_field else error.message)
