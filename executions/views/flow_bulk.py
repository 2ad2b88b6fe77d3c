"""One action on many flows of the list, each by the service that does it to one alone; or all of them as a zip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from executions.bulk import MOST, Outcome
from executions.presenters import FLOW_OFFERS
from executions.views import bulk
from executions.views.flows import found
from flows import services
from flows.models import Flow
from flows.views.transfer import zipped
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person, login_required
from ui.errors import Invalid, KestraError
from ui.htmx import done, page


@dataclass(frozen=True, slots=True)
class Verb:
    """Something to do to flows; `needless` says why there is nothing to do for one."""

    done: str
    act: Callable[..., Any]
    needless: Callable[[Flow], str]


VERBS = {
    "enable": Verb("enabled", partial(services.set_disabled, disabled=False), lambda row: "" if row.disabled else "enabled already"),
    "disable": Verb("disabled", partial(services.set_disabled, disabled=True), lambda row: "disabled already" if row.disabled else ""),
    "delete": Verb("deleted", services.delete, lambda row: ""),
}
_OFFERS = {offer.name: offer for offer in FLOW_OFFERS}


def _chosen(request: HttpRequest, sent: QueryDict) -> QuerySet[Flow]:
    """The flows of the boxes that were ticked, or all that the filters of the list leave; of those that the person may see."""
    if sent.get("all") == "yes":
        rows = found(request.user, QueryDict(sent.get("query", "")))
    else:
        ids = [int(one) for one in sent.getlist("id")[:MOST] if one.isdecimal() and len(one) < 18]
        if not ids:
            raise Invalid("Choose flows first")
        rows = rights.filter_readable(Flow.objects.filter(deleted=False, pk__in=ids), request.user)
    return rows.order_by("namespace", "flow_id")


@login_required
@require_http_methods(["GET", "POST"])
def bulk_action(request: HttpRequest, verb: str) -> HttpResponse:
    """GET tells what would happen to the chosen flows, POST does it."""
    wanted = VERBS.get(verb)
    if wanted is None:
        raise Invalid(f"Nothing called {verb[:50]} can be done to flows; there are {', '.join(VERBS)}")
    if request.method == "GET":
        return _dialog(request, verb)
    outcome = _applied(request.user, list(_chosen(request, request.POST)[:MOST]), wanted)
    bulk.tell(request, bulk.Tally.of(outcome), "flow", wanted.done)
    return done(request, _back(request.POST))


def _reason(user: Person, row: Flow, verb: Verb) -> str:
    if not rights.allows(rights.role_of(user, row.namespace), Role.MEMBER):
        return rights.RoleTooLow().message
    return verb.needless(row)


def _foreseen(user: Person, rows: QuerySet[Flow], verb: Verb) -> Outcome:
    outcome = Outcome()
    for row in rows:
        reason = _reason(user, row, verb)
        if reason:
            outcome.refuse(row.flow_id, reason)
        else:
            outcome.count += 1
    return outcome


def _applied(user: Person, rows: list[Flow], verb: Verb) -> Outcome:
    outcome = Outcome()
    for row in rows:
        reason = _reason(user, row, verb)
        if reason:
            outcome.refuse(row.flow_id, reason)
            continue
        try:
            verb.act(user=user, namespace=row.namespace, flow_id=row.flow_id)
            outcome.count += 1
        except KestraError as error:
            outcome.refuse(row.flow_id, error.message)
    return outcome


def _dialog(request: HttpRequest, verb: str) -> HttpResponse:
    rows = _chosen(request, request.GET)
    total = rows.count()
    everything = request.GET.get("all") == "yes"
    foreseen = _foreseen(request.user, rows[:MOST], VERBS[verb])
    context = {
        "noun": "flow",
        "action_url": reverse("flows:bulk", args=[verb]),
        "offer": _OFFERS[verb],
        "hidden": [("query", request.GET.get("query", "")), ("all", "yes" if everything else "")],
        "ids": [] if everything else [row.pk for row in rows[:MOST]],
        "found": total,
        "count": foreseen.count,
        "refused": bulk.Tally.of(foreseen),
        "most": MOST if total > MOST else 0,
        "back_url": _back(request.GET),
        "back_text": "Flows",
    }
    return page(request, "executions/bulk.html", "executions/_bulk_dialog.html", context)


def _back(sent: QueryDict) -> str:
    query = QueryDict(sent.get("query", "")).urlencode()
    return f"{reverse('flows:list')}?{query}" if query else reverse("flows:list")


@login_required
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """The chosen flows as a zip, one file each."""
    return zipped(_chosen(request, request.GET)[:MOST], "flows.zip")
