"""What the buttons of an execution do: each is a POST to a verb, calls one service and answers with a page or the header."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from executions import selectors, services
from executions.execution_context import header_context, page_context
from executions.models import Execution
from executions.views import _inputs
from executions.views.detail import overview_context
from executions.views.execute import labels_of
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import login_required
from ui.errors import Invalid
from ui.htmx import done, wants_fragment

Verb = Callable[..., Any]


def _opened(request: HttpRequest, execution_id: str) -> Execution:
    """The execution and the right to change it together."""
    execution = selectors.execution(request.user, execution_id)
    rights.require(request.user, execution.namespace, Role.MEMBER)
    return execution


def _answer(request: HttpRequest, execution: Execution, message: str, *, url: str = "") -> HttpResponse:
    """To the page at `url`; without one the page stays and hears by its socket what changed, htmx gets the header at once."""
    if url or not wants_fragment(request):
        return done(request, url or reverse("executions:detail", args=[execution.id]), message=message)
    fresh = selectors.execution(request.user, execution.id)
    response = done(request, "", message=message, fragment="executions/_header.html", context=header_context(fresh, request.user))
    response["HX-Retarget"] = "#execution-header"
    response["HX-Reswap"] = "outerHTML"
    return response


def _simple(verb: Callable[[], Verb], message: str) -> Callable[[HttpRequest, str], HttpResponse]:
    """A view that calls a service with nothing but the execution."""

    @login_required
    @require_POST
    @wraps(verb)
    def view(request: HttpRequest, execution_id: str) -> HttpResponse:
        execution = _opened(request, execution_id)
        verb()(user=request.user, execution_id=execution.id)
        return _answer(request, execution, message)

    return view


kill = _simple(lambda: services.kill, "The execution is being stopped")
pause = _simple(lambda: services.pause, "The execution pauses after the tasks that run now")
force_run = _simple(lambda: services.force_run, "The execution starts now")
unqueue = _simple(lambda: services.unqueue, "The execution left the queue")


@login_required
@require_POST
def restart(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Go on from the failed tasks; with another revision a new execution."""
    execution = _opened(request, execution_id)
    result = services.restart(user=request.user, execution_id=execution.id, revision=_revision(request))
    new = getattr(result, "id", execution.id)
    return _answer(
        request,
        execution,
        "The execution goes on from its failed tasks",
        url=reverse("executions:gantt", args=[new]) if new != execution.id else "",
    )


@login_required
@require_POST
def replay(request: HttpRequest, execution_id: str) -> HttpResponse:
    """A new execution like this one, from the beginning or from one task run."""
    execution = _opened(request, execution_id)
    result = services.replay(
        user=request.user, execution_id=execution.id, task_run_id=request.POST.get("task_run") or None, revision=_revision(request)
    )
    return done(request, reverse("executions:gantt", args=[result.id]), message="A new execution with the same inputs")


def _revision(request: HttpRequest) -> int | None:
    text = request.POST.get("revision", "")
    return int(text) if text.isdigit() else None


@login_required
@require_POST
def resume(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Go on after the task that paused it, with the values that it asks for."""
    execution = _opened(request, execution_id)
    declared = _inputs.resume_inputs(execution)
    sent = _inputs.sent(request, declared)
    try:
        services.resume(user=request.user, execution_id=execution.id, inputs=sent.values, files=sent.files)
    except Invalid as error:
        fields = [_inputs.field_of(one, sent.values.get(one.id), prefix="resume-") for one in declared]
        input_id = getattr(error, "input_id", "")
        if not input_id:
            raise
        context = page_context(execution, request.user, "detail") | overview_context(execution, request.user)
        context |= {"resume_fields": _inputs.with_error(fields, input_id, error.message), "resume_errors": True}
        return render(request, "executions/overview.html", context, status=422)
    return done(request, reverse("executions:gantt", args=[execution.id]), message="The execution goes on")


@login_required
@require_POST
def delete(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Delete the execution with everything that belongs to it."""
    execution = _opened(request, execution_id)
    services.delete(user=request.user, execution_id=execution.id)
    return done(request, reverse("executions:list"), message=f"Execution {execution.id[:8]} deleted")


@login_required
@require_http_methods(["GET", "POST"])
def labels(request: HttpRequest, execution_id: str) -> HttpResponse:
    """A form with the labels; POST sets them."""
    execution = _opened(request, execution_id)
    own = [(key, value) for key, value in execution.labels if not key.startswith("system.")]
    context = page_context(execution, request.user, "detail") | {"label_text": "\n".join(f"{key}:{value}" for key, value in own)}
    if request.method == "GET":
        return render(request, "executions/labels.html", context)
    try:
        services.set_labels(user=request.user, execution_id=execution.id, labels=labels_of(request.POST.get("labels", "")))
    except Invalid as error:
        return render(
            request, "executions/labels.html", context | {"label_text": request.POST.get("labels", ""), "error": error.message}, status=422
        )
    return done(request, reverse("executions:detail", args=[execution.id]), message="Labels changed")


@login_required
@require_POST
def change_status(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Replace the state of an execution that has ended by another one in which executions end."""
    execution = _opened(request, execution_id)
    services.change_status(user=request.user, execution_id=execution.id, status=request.POST.get("status", ""))
    return _answer(request, execution, "State changed")


@login_required
@require_POST
def set_state(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Replace the state of one task run; the execution goes on from there."""
    execution = _opened(request, execution_id)
    services.set_state(
        user=request.user, execution_id=execution.id, task_run_id=request.POST.get("task_run", ""), state=request.POST.get("state", "")
    )
    return _answer(request, execution, "State changed, the execution goes on", url=reverse("executions:gantt", args=[execution.id]))
