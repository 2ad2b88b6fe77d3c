"""One action on many executions of a list: a dialog that says how many and which it does not fit, and then what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from executions import bulk, page_figures, presenters
from executions.execution_context import END_STATES
from executions.models import Execution
from executions.views import lists
from executions.views.execute import labels_of
from namespaces.rights import login_required
from ui import formats
from ui.errors import Invalid
from ui.htmx import done, page

_BY_NAME = {offer.name: offer for offer in presenters.OFFERS}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Executions by their ids, or all that a list's filters leave (`namespace` and `flow` where it is the list of one flow)."""

    ids: list[str]
    everything: bool
    query: str
    namespace: str
    flow: str
    until: datetime

    @property
    def fixed(self) -> dict[str, str]:
        """What the page itself sets, as `lists.filters_of` takes it."""
        return {"namespace": self.namespace, "flow": self.flow} if self.namespace and self.flow else {}

    def rows(self, request: HttpRequest) -> QuerySet[Execution]:
        """Those that the person may see, the oldest first; none that began after the person was asked."""
        if self.everything:
            wanted = lists.filters_of(QueryDict(self.query), **self.fixed)
            found = lists.found(request.user, wanted, self.until, exact_namespace=bool(self.fixed)).filter(created__lte=self.until)
        else:
            found = page_figures.executions_of(request.user).filter(id__in=self.ids)
        return found.order_by("created", "id")


def _chosen(sent: QueryDict) -> Chosen:
    made = Chosen(
        ids=sent.getlist("id")[: bulk.MOST],
        everything=sent.get("all") == "yes",
        query=sent.get("query", ""),
        namespace=sent.get("namespace", ""),
        flow=sent.get("flow", ""),
        until=lists.moment(sent.get("until", "")) or timezone.now(),
    )
    if not made.ids and not made.everything:
        raise Invalid("Choose executions first")
    return made


@login_required
@require_http_methods(["GET", "POST"])
def bulk_action(request: HttpRequest, verb: str) -> HttpResponse:
    """GET tells what would happen to the chosen executions, POST does it, each by the same service as alone."""
    offer = _BY_NAME.get(verb)
    if offer is None:
        raise Invalid(f"Nothing called {verb[:50]} can be done to executions; there are {', '.join(_BY_NAME)}")
    if request.method == "GET":
        return _dialog(request, offer, _chosen(request.GET))
    chosen = _chosen(request.POST)
    try:
        given = _given(request, offer)
    except Invalid as error:
        return _dialog(request, offer, chosen, error.message)
    outcome = bulk.apply(request.user, list(chosen.rows(request)[: bulk.MOST]), bulk.VERBS[verb], **given)
    tell(request, outcome, "execution", bulk.VERBS[verb].done)
    return done(request, _back(request.POST, verb))


def _given(request: HttpRequest, offer: presenters.Offer) -> dict[str, Any]:
    """What the dialog asked for, as the service takes it."""
    match offer.asks:
        case "revision":
            return {"newest": request.POST.get("revision") == "newest"}
        case "status":
            if request.POST.get("status") not in END_STATES:
                raise Invalid(f"Choose one of the states {', '.join(END_STATES)}")
            return {"status": request.POST["status"]}
        case "labels":
            labels = labels_of(request.POST.get("labels", ""))
            if not labels:
                raise Invalid("Write at least one label, such as env:prod")
            return {"labels": labels}
    return {}


def _dialog(request: HttpRequest, offer: presenters.Offer, chosen: Chosen, error: str = "") -> HttpResponse:
    rows = chosen.rows(request)
    found = rows.count()
    foreseen = bulk.foreseen(request.user, rows.only("id", "namespace", "state")[: bulk.MOST], bulk.VERBS[offer.name])
    context = {
        "noun": "execution",
        "action_url": reverse("executions:bulk", args=[offer.name]),
        "offer": offer,
        "hidden": [
            ("query", chosen.query),
            ("namespace", chosen.namespace),
            ("flow", chosen.flow),
            ("until", chosen.until.isoformat()),
            ("all", "yes" if chosen.everything else ""),
        ],
        "ids": [] if chosen.everything else chosen.ids,
        "found": found,
        "foreseen": foreseen,
        "most": bulk.MOST if found > bulk.MOST else 0,
        "end_states": END_STATES,
        "error": error,
        "label_text": request.POST.get("labels", ""),
        "back_url": lists.address(request.POST or request.GET),
        "back_text": "Executions",
    }
    return page(request, "executions/bulk.html", "executions/_bulk_dialog.html", context, status=422 if error else 200)


def tell(request: HttpRequest, outcome: bulk.Outcome, noun: str, word: str) -> None:
    """Say how many were done, and which were not and why, on the page that comes next."""
    text = f"{formats.plural(outcome.count, noun)} {word}"
    if not outcome.refused:
        messages.success(request, text)
        return
    reasons = "; ".join(f"{reason} ({named})" for _, reason, named in outcome.reasons)
    messages.warning(request, f"{text}, {formats.number(outcome.others)} not: {reasons}")


def _back(sent: QueryDict, verb: str) -> str:
    """The list that it came from; after deleting its first page, since the one that was shown may be gone."""
    query = QueryDict(sent.get("query", ""), mutable=True)
    if verb == "delete":
        query.pop("page", None)
    sent = sent.copy()
    sent["query"] = query.urlencode()
    return lists.address(sent)
