"""What the buttons of an execution do: each is a POST to a verb, calls one service and answers with a page or the header."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from executions import resuming, selectors, services
from executions.execution_context import header_context, page_context
from executions.models import Execution
from executions.starting import InvalidInput
from executions.views import _inputs, _pauses
from executions.views._pauses import Pause
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
def resume_dbt(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Go on from the dbt task that failed, in a new execution."""
    execution = _opened(request, execution_id)
    new = resuming.resume(user=request.user, execution_id=execution.id)
    return _answer(request, execution, "What had not succeeded is run", url=reverse("executions:gantt", args=[new.id]))


@login_required
@require_POST
def run_nodes(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Run one node of a dbt task, with what comes after it or before it, in a new execution."""
    execution = _opened(request, execution_id)
    which = request.POST.get("which", "node")
    if which not in ("node", "node+", "+node"):
        raise Invalid("`which` is node, node+ or +node")
    new = resuming.run_nodes(user=request.user, execution_id=execution.id, step_id=request.POST.get("step", ""), which=which)
    return _answer(request, execution, "The chosen nodes are run", url=reverse("executions:gantt", args=[new.id]))


def _revision(request: HttpRequest) -> int | None:
    text = request.POST.get("revision", "")
    return int(text) if text.isdigit() else None


@login_required
@require_POST
def resume(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Go on after one paused task (`?task_run=`), else after the first, with the values that it asks for.

    htmx hears about each form alone: with 422 what is wrong at its fields, else nothing in its place while other tasks still wait.
    """
    execution = _opened(request, execution_id)
    run_id = request.GET.get("task_run", "")
    sent = _inputs.sent(request, _pauses.declared(execution, run_id))
    try:
        services.resume(
            user=request.user, execution_id=execution.id, inputs=sent.values, files=sent.files, task_run_id=run_id or None
        )
    except InvalidInput as error:
        return _resume_refused(request, execution, _pauses.one(execution, run_id, sent, user=request.user), error)
    fresh = selectors.execution(request.user, execution.id)
    if fresh.state == "PAUSED" and wants_fragment(request):
        return done(request, "", message="The task goes on, others still wait", fragment="executions/_nothing.html", context={})
    url = reverse("executions:detail" if fresh.state == "PAUSED" else "executions:gantt", args=[execution.id])
    return done(request, url, message="The execution goes on")


def _resume_refused(request: HttpRequest, execution: Execution, refused: Pause, error: InvalidInput) -> HttpResponse:
    """The form with its errors: alone for htmx, else in its page with the dialog open."""
    if not any(field.errors for field in refused.fields):
        told = _inputs.with_error(list(refused.fields), error.input_id, error.message)
        refused = replace(refused, fields=told, error="" if any(field.errors for field in told) else error.message)
    if wants_fragment(request):
        return render(request, "executions/_resume_form.html", {"execution": execution, "pause": refused}, status=422)
    shown = [refused if one.key == refused.key else one for one in _pauses.pauses(execution, request.user)]
    context = page_context(execution, request.user, "detail") | overview_context(execution, request.user)
    return render(request, "executions/overview.html", context | {"pauses": shown, "resume_errors": True}, status=422)


@login_required
@require_GET
def resume_form(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The forms of all that waits now, for a dialog that is open while something else pauses."""
    execution = _opened(request, execution_id)
    return render(request, "executions/_resume_forms.html", {"execution": execution, "pauses": _pauses.pauses(execution, request.user)})


@login_required
@require_POST
def resume_check(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The fields of one form again, as they stand: inputs that depend on others appear and go. Nothing is stored."""
    execution = _opened(request, execution_id)
    run_id = request.GET.get("task_run", "")
    sent = _inputs.sent(request, _pauses.declared(execution, run_id))
    pause = _pauses.one(execution, run_id, sent, user=request.user, complete=False)
    return render(request, "executions/_resume_fields.html", {"execution": execution, "pause": pause})


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
