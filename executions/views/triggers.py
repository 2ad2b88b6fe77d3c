"""Triggers: all of them, those of a flow, one of them; switching, unlocking, backfills."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.timezone import get_current_timezone, is_naive, make_aware
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from engine.document import Input
from executions import backfilling, page_figures, page_triggers, trigger_states
from executions.views.execute import labels_of
from executions.views.home import namespaces_of
from flows import selectors as flow_selectors
from flows.models import Flow
from flows.views.pages import frame
from flows.views.pages import readable as readable_flow
from namespaces.models import Role
from namespaces.rights import login_required
from ui.errors import Invalid, KestraError
from ui.htmx import done, page, wants_fragment

NO_FIELD = ("FILE", "SECRET")  # what a backfill cannot be given


@login_required
@require_GET
def triggers(request: HttpRequest) -> HttpResponse:
    """The triggers of all flows that one may see."""
    return page(request, "executions/triggers.html", "executions/_triggers.html", _all(request, request.GET))


def _all(request: HttpRequest, query: QueryDict) -> dict[str, Any]:
    wanted = {name: query.get(name, "").strip() for name in ("q", "namespace", "status")}
    wanted["status"] = wanted["status"] if wanted["status"] in page_triggers.STATUSES else ""
    now = timezone.now()
    found = page_triggers.search(request.user, text=wanted["q"], namespace=wanted["namespace"], status=wanted["status"])
    return {
        **wanted,
        "now": now,
        "rows": found[: page_triggers.MOST],
        "total": len(found),
        "most": page_triggers.MOST,
        "calendar": page_triggers.calendar(found, now),
        "namespaces": namespaces_of(request.user),
        "statuses": page_triggers.STATUSES.items(),
        "filtered": any(wanted.values()),
        "query": query.urlencode(),
        "list_url": f"{reverse('executions:triggers')}?{query.urlencode()}",
    }


@login_required
@require_GET
def flow_triggers(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """The triggers of one flow."""
    row = readable_flow(request, namespace, flow_id)
    return page(request, "executions/flow_triggers.html", "executions/_triggers.html", _of_flow(request, row))


def _of_flow(request: HttpRequest, flow: Flow) -> dict[str, Any]:
    now = timezone.now()
    found = page_triggers.rows(request.user, [flow])
    return {
        **frame(request, flow, "triggers"),
        "now": now,
        "rows": found,
        "calendar": page_triggers.calendar(found, now),
        "of_flow": True,
        "list_url": reverse("executions:flow_triggers", args=[flow.namespace, flow.flow_id]),
    }


@login_required
@require_GET
def trigger(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str) -> HttpResponse:
    """One trigger: its next dates, what it said, what it started."""
    flow = readable_flow(request, namespace, flow_id)
    now = timezone.now()
    found = page_triggers.one(request.user, flow, trigger_id, now)
    if found is None:
        raise trigger_states.NoSuchTrigger
    context = {**frame(request, flow, "triggers"), "found": found, "row": found.row, "now": now, "single": True}
    context["list_url"] = reverse("executions:trigger", args=[namespace, flow_id, trigger_id])
    return page(request, "executions/trigger.html", "executions/_trigger.html", context)


# --- verbs ------------------------------------------------------------------------------------------------------------------

VERBS: dict[str, tuple[Callable[..., Any], str]] = {
    "unlock": (trigger_states.unlock, "can fire again"),
    "restart": (trigger_states.restart, "begins anew"),
    "pause-backfill": (backfilling.pause, "goes on as planned, its backfill waits"),
    "unpause-backfill": (backfilling.unpause, "goes on with its backfill"),
    "delete-backfill": (backfilling.delete, "goes on as planned, its backfill is over"),
}


@login_required
@require_POST
def set_trigger(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str) -> HttpResponse:
    """Switch a trigger off or on without touching the flow's source; `recover=false` leaves out what it missed meanwhile."""
    disabled, recover = request.POST.get("disabled") == "true", request.POST.get("recover") != "false"
    names = {"namespace": namespace, "flow_id": flow_id, "trigger_id": trigger_id}
    trigger_states.set_disabled(user=request.user, disabled=disabled, recover=recover, **names)
    return _changed(request, namespace, flow_id, f"Trigger {trigger_id} is {'off' if disabled else 'on'}")


@login_required
@require_POST
def verb(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str, verb: str) -> HttpResponse:
    """Unlock or restart a trigger; pause, go on with or end its backfill."""
    if verb not in VERBS:
        raise Invalid(f"A trigger can be told {', '.join(VERBS)}")
    service, told = VERBS[verb]
    service(user=request.user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id)
    return _changed(request, namespace, flow_id, f"Trigger {trigger_id} {told}")


def _changed(request: HttpRequest, namespace: str, flow_id: str, message: str) -> HttpResponse:
    """Back to the list that it was changed from: all triggers as they were filtered, or those of the flow."""
    everything = "query" in request.POST
    context = None
    if wants_fragment(request):
        flow = readable_flow(request, namespace, flow_id)
        context = _all(request, QueryDict(request.POST["query"])) if everything else _of_flow(request, flow)
    url = f"{reverse('executions:triggers')}?{request.POST['query']}" if everything else _list_url(namespace, flow_id)
    return done(request, url, message=message, fragment="executions/_triggers.html", context=context)


def _list_url(namespace: str, flow_id: str) -> str:
    return reverse("executions:flow_triggers", args=[namespace, flow_id])


# --- backfill ---------------------------------------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "POST"])
def backfill(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str) -> HttpResponse:
    """GET shows the form, as a dialog where htmx asks; POST begins the backfill or answers 422 with the reason."""
    flow = readable_flow(request, namespace, flow_id, role=Role.MEMBER)
    row = next((each for each in page_triggers.rows(request.user, [flow]) if each.id == trigger_id), None)
    if row is None:
        raise trigger_states.NoSuchTrigger
    inputs = [one for one in flow_selectors.parsed(namespace, flow_id).inputs if one.type not in NO_FIELD]
    context: dict[str, Any] = {
        **frame(request, flow, "triggers"),
        "row": row,
        "now": timezone.now(),
        "fields": _fields(request, row, inputs),
    }
    if request.method == "GET":
        return page(request, "executions/backfill.html", "executions/_backfill_dialog.html", context)
    try:
        given = _given(request, inputs)
        backfilling.create(user=request.user, namespace=namespace, flow_id=flow_id, trigger_id=trigger_id, **given)
    except KestraError as error:
        return page(
            request,
            "executions/backfill.html",
            "executions/_backfill_form.html",
            context | {"error": error.message, "sent": request.POST},
            status=422,
        )
    return done(request, _list_url(namespace, flow_id), message=f"The backfill of {trigger_id} has begun")


@login_required
@require_POST
def backfill_effect(request: HttpRequest, namespace: str, flow_id: str, trigger_id: str) -> HttpResponse:
    """How many executions the form, as it stands, would start; nothing is changed."""
    readable_flow(request, namespace, flow_id, role=Role.MEMBER)
    context: dict[str, Any] = {"now": timezone.now()}
    names = {"namespace": namespace, "flow_id": flow_id, "trigger_id": trigger_id}
    try:
        given = _given(request, [])
        context["effect"] = backfilling.preview(user=request.user, **names, start=given["start"], end=given["end"])
        usual = page_figures.usual_durations({(namespace, flow_id)}).get((namespace, flow_id))
        context["takes"] = usual * context["effect"].count if usual else None
    except KestraError as error:
        context["problem"] = error.message
    return page(request, "executions/_backfill_effect.html", "executions/_backfill_effect.html", context)


def _given(request: HttpRequest, inputs: list[Input]) -> dict[str, Any]:
    start = _moment(request.POST.get("start", ""), "start")
    if start is None:
        raise Invalid("A backfill needs a start")
    values = {one.id: request.POST[f"input.{one.id}"] for one in inputs if request.POST.get(f"input.{one.id}", "") != ""}
    labels = [{"key": key, "value": value} for key, value in labels_of(request.POST.get("labels", ""))]
    return {"start": start, "end": _moment(request.POST.get("end", ""), "end"), "inputs": values, "labels": labels}


def _moment(text: str, name: str) -> datetime | None:
    if not text:
        return None
    try:
        value = parse_datetime(text)
    except ValueError:
        value = None
    if value is None:
        raise Invalid(f"Expected a date and time as the {name}, found {text[:40]}")
    return make_aware(value, get_current_timezone()) if is_naive(value) else value


def _fields(request: HttpRequest, row: page_triggers.Row, inputs: list[Input]) -> list[dict[str, Any]]:
    """One field for each input; empty means as at every other date."""
    own = row.raw.get("inputs")
    usual = own if isinstance(own, dict) else {}
    made = []
    for one in inputs:
        values = one.properties.get("values")
        shown = usual.get(one.id, one.defaults)
        made.append(
            {
                "name": f"input.{one.id}",
                "id": f"backfill-input-{one.id}".replace(".", "-"),
                "label": one.display_name or one.id,
                "type": one.type,
                "values": ("true", "false")
                if one.type in ("BOOLEAN", "BOOL")
                else tuple(map(str, values))
                if isinstance(values, list)
                else (),
                "usual": "" if shown is None else str(shown).lower() if isinstance(shown, bool) else str(shown),
                "value": request.POST.get(f"input.{one.id}", ""),
            }
        )
    return made
