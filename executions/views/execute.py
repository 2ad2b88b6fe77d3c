"""Execute: the form that a flow's inputs describe, what pressing the button will do, and then straight to the execution."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import get_current_timezone, is_naive, make_aware
from django.views.decorators.http import require_http_methods, require_POST

from engine.document import Flow
from executions import page_selectors, planning, selectors, services
from executions.models import Execution
from executions.starting import InvalidInput
from executions.views import _inputs
from flows import selectors as flow_selectors
from flows.views.pages import readable as readable_flow
from namespaces.models import Role
from namespaces.rights import login_required
from ui.errors import Invalid
from ui.htmx import done, page


@login_required
@require_http_methods(["GET", "POST"])
def execute(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """GET shows the form (`?from=<execution id>` fills it as that one was), POST starts it or answers 422 with errors at the fields."""
    row = readable_flow(request, namespace, flow_id, role=Role.MEMBER)
    flow = flow_selectors.parsed(namespace, flow_id)
    context: dict[str, Any] = {
        "flow": row,
        "document": flow,
        "expected": page_selectors.expectation(namespace, flow_id, flow),
        "depends": any(one.depends_on for one in flow.inputs),
        "can_plan": planning.planned_task(flow) is not None,
    }
    if request.method == "GET":
        context["fields"] = _first_fields(request, flow, depends=context["depends"])
        return page(request, "executions/execute.html", "executions/_execute_form.html", context)
    return _start(request, flow, context)


def _first_fields(request: HttpRequest, flow: Flow, *, depends: bool) -> list[_inputs.Field]:
    """The fields of a fresh form; where inputs depend on others, only those that take part as things stand."""
    values = _earlier(request)
    if not depends:
        return _inputs.filled(flow.inputs, values)
    checks = services.validate_inputs(user=request.user, namespace=flow.namespace, flow_id=flow.id, inputs=values)
    return _inputs.without_missing(_inputs.filled(flow.inputs, values, checks), values)


def _earlier(request: HttpRequest) -> dict[str, Any]:
    """Values of an earlier execution, or of the query (`?input.name=value`): what a link may fill in."""
    given = {key.removeprefix("input."): value for key, value in request.GET.items() if key.startswith("input.")}
    if not request.GET.get("from"):
        return given
    execution = selectors.execution(request.user, request.GET["from"])
    return {**page_selectors.flat_inputs(execution), **given}


def _start(request: HttpRequest, flow: Flow, context: dict[str, Any]) -> HttpResponse:
    sent = _inputs.sent(request, flow.inputs)
    try:
        execution: Execution = services.start(
            user=request.user,
            namespace=flow.namespace,
            flow_id=flow.id,
            inputs=sent.values,
            files=sent.files,
            labels=labels_of(request.POST.get("labels", "")),
            schedule_date=_moment(request.POST.get("schedule_date", "")),
        )
    except Invalid as error:
        return _refused(request, flow, context, sent, error)
    url = reverse("executions:gantt", args=[execution.id])
    if request.headers.get("HX-Request"):
        return HttpResponse(status=200, headers={"HX-Redirect": url})
    return redirect(url)


@login_required
@require_POST
def plan(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """Have it found out what an execution with these inputs would do, and go to that page; or 422 with errors at the fields."""
    row = readable_flow(request, namespace, flow_id, role=Role.MEMBER)
    flow = flow_selectors.parsed(namespace, flow_id)
    sent = _inputs.sent(request, flow.inputs)
    try:
        made = planning.ask(
            user=request.user, namespace=namespace, flow_id=flow_id, inputs=sent.values, files=sent.files,
            labels=labels_of(request.POST.get("labels", "")),
        )  # fmt: skip
    except Invalid as error:
        context = {
            "flow": row, "document": flow, "expected": page_selectors.expectation(namespace, flow_id, flow), "can_plan": True,
            "depends": any(one.depends_on for one in flow.inputs),
        }  # fmt: skip
        return _refused(request, flow, context, sent, error)
    return done(request, reverse("executions:plan", args=[made.id]))


def _refused(request: HttpRequest, flow: Flow, context: dict[str, Any], sent: _inputs.Sent, error: Invalid) -> HttpResponse:
    checks = services.validate_inputs(user=request.user, namespace=flow.namespace, flow_id=flow.id, inputs=sent.values, files=sent.files)
    fields = _inputs.filled(flow.inputs, sent.values, checks)
    if isinstance(error, InvalidInput) and not any(field.errors for field in fields):
        fields = _inputs.with_error(fields, error.input_id, error.message)
    context |= {
        "fields": fields,
        "error": "" if any(field.errors for field in fields) else error.message,
        "labels": request.POST.get("labels", ""),
        "schedule_date": request.POST.get("schedule_date", ""),
    }
    return page(request, "executions/execute.html", "executions/_execute_form.html", context, status=422)


@login_required
@require_http_methods(["POST"])
def check(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """The fields again, as they stand: inputs that depend on others appear and go. Nothing is stored."""
    row = readable_flow(request, namespace, flow_id, role=Role.MEMBER)
    flow = flow_selectors.parsed(namespace, flow_id)
    sent = _inputs.sent(request, flow.inputs)
    checks = services.validate_inputs(user=request.user, namespace=namespace, flow_id=flow_id, inputs=sent.values, files=sent.files)
    fields = _inputs.without_missing(_inputs.filled(flow.inputs, sent.values, checks), sent.values)
    context = {"flow": row, "document": flow, "fields": fields}
    return page(request, "executions/_execute_fields.html", "executions/_execute_fields.html", context)


def labels_of(text: str) -> list[tuple[str, str]]:
    """`key:value` pairs, one a line or apart by commas."""
    pairs = []
    for part in text.replace("\n", ",").split(","):
        if not part.strip():
            continue
        key, found, value = part.partition(":")
        if not found or not key.strip():
            raise Invalid(f"A label is written key:value, found {part.strip()}")
        pairs.append((key.strip(), value.strip()))
    return pairs


def _moment(text: str) -> Any:
    if not text:
        return None
    value = parse_datetime(text)
    if value is None:
        raise Invalid(f"Expected a date and time for the start, found {text[:40]}")
    return make_aware(value, get_current_timezone()) if is_naive(value) else value
