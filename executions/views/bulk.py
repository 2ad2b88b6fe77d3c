"""One action on many executions of a list: a dialog that says how many and which it does not fit, and then what came of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
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
from ui.htmx import done, page, wants_fragment

SECONDS = 4.0  # that one request works before it says how far it is
STEP = 20  # executions between two looks at the clock
REASONS = 5  # that are told
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
    after: tuple[datetime, str] | None = None

    @property
    def fixed(self) -> dict[str, str]:
        """What the page itself sets, as `lists.filters_of` takes it."""
        return {"namespace": self.namespace, "flow": self.flow} if self.namespace and self.flow else {}

    def rows(self, request: HttpRequest) -> QuerySet[Execution]:
        """Those that the person may see, the oldest first; none that began after the person was asked, or that has had its turn."""
        if self.everything:
            wanted = lists.filters_of(QueryDict(self.query), **self.fixed)
            found = lists.found(request.user, wanted, self.until, exact_namespace=bool(self.fixed)).filter(created__lte=self.until)
        else:
            found = page_figures.executions_of(request.user).filter(id__in=self.ids)
        if self.after:
            found = found.filter(Q(created__gt=self.after[0]) | Q(created=self.after[0], id__gt=self.after[1]))
        return found.order_by("created", "id")


def _chosen(sent: QueryDict) -> Chosen:
    moment, _, last = sent.get("after", "").partition(" ")
    began = lists.moment(moment)
    made = Chosen(
        ids=sent.getlist("id")[: bulk.MOST],
        everything=sent.get("all") == "yes",
        query=sent.get("query", ""),
        namespace=sent.get("namespace", ""),
        flow=sent.get("flow", ""),
        until=lists.moment(sent.get("until", "")) or timezone.now(),
        after=(began, last) if began else None,
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
    return _done(request, offer, chosen, given)


def _done(request: HttpRequest, offer: presenters.Offer, chosen: Chosen, given: dict[str, Any]) -> HttpResponse:
    """Do it to as many as one request has time for; a page of ours then asks for the next ones, any other client waits for all."""
    verb = bulk.VERBS[offer.name]
    tally = Tally.read(request.POST.get("tally", ""))
    rows = list(chosen.rows(request)[: bulk.MOST - tally.treated])
    ends = time.monotonic() + SECONDS
    treated = 0
    while treated < len(rows) and (not treated or time.monotonic() < ends or not wants_fragment(request)):
        part = rows[treated : treated + STEP]
        fit, outcome = bulk.fitting(request.user, part, verb)
        outcome.add(bulk.apply(request.user, fit, verb, **given))
        tally.add(outcome)
        treated += len(part)
    if treated < len(rows):
        after = f"{rows[treated - 1].created.isoformat()} {rows[treated - 1].id}"
        return _progress(request, offer, chosen, tally, len(rows) - treated, after)
    tell(request, tally, "execution", verb.done)
    return done(request, _back(request.POST, offer.name))


def _progress(request: HttpRequest, offer: presenters.Offer, chosen: Chosen, tally: Tally, left: int, after: str) -> HttpResponse:
    """The dialog while it goes on: how far it is, and the form that asks for the rest by itself."""
    asked = [(name, request.POST[name]) for name in ("labels", "status", "revision") if name in request.POST]
    context = {
        **_around(request, offer, chosen),
        "tally": tally,
        "total": tally.treated + left,
        "share": f"{100 * tally.treated / (tally.treated + left):.1f}%",
        "more": [("after", after), ("tally", tally.written()), *asked],
    }
    return render(request, "executions/_bulk_progress.html", context)


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


def _around(request: HttpRequest, offer: presenters.Offer, chosen: Chosen) -> dict[str, Any]:
    """What the dialog is about, and what its form sends again."""
    hidden = [("query", chosen.query), ("namespace", chosen.namespace), ("flow", chosen.flow), ("until", chosen.until.isoformat())]
    return {
        "noun": "execution",
        "action_url": reverse("executions:bulk", args=[offer.name]),
        "offer": offer,
        "hidden": [*hidden, ("all", "yes" if chosen.everything else "")],
        "ids": [] if chosen.everything else chosen.ids,
        "back_url": lists.address(request.POST or request.GET),
        "back_text": "Executions",
    }


def _dialog(request: HttpRequest, offer: presenters.Offer, chosen: Chosen, error: str = "") -> HttpResponse:
    rows = chosen.rows(request)
    found = rows.count()
    fit, outcome = bulk.fitting(request.user, rows.only("id", "namespace", "state")[: bulk.MOST], bulk.VERBS[offer.name])
    context = {
        **_around(request, offer, chosen),
        "found": found,
        "count": len(fit),
        "refused": Tally.of(outcome),
        "most": bulk.MOST if found > bulk.MOST else 0,
        "end_states": END_STATES,
        "error": error,
        "label_text": request.POST.get("labels", ""),
    }
    return page(request, "executions/bulk.html", "executions/_bulk_dialog.html", context, status=422 if error else 200)


@dataclass(slots=True)
class Tally:
    """What has come of it so far: how many were treated, and of the others how many and some names by the reason why not."""

    count: int = 0
    refused: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, outcome: bulk.Outcome) -> Tally:
        """The tally of one outcome."""
        made = cls()
        made.add(outcome)
        return made

    @classmethod
    def read(cls, text: str) -> Tally:
        """What `written` wrote; nothing for anything else."""
        try:
            kept = json.loads(text)
            refused = {str(reason): (int(count), [str(one) for one in names]) for reason, (count, names) in kept["refused"].items()}
            return cls(max(int(kept["count"]), 0), refused)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            return cls()

    def written(self) -> str:
        """As a text that a form can carry to the next request."""
        return json.dumps({"count": self.count, "refused": self.refused})

    def add(self, outcome: bulk.Outcome) -> None:
        """What came of some more."""
        self.count += outcome.count
        for reason, names in outcome.refused.items():
            count, known = self.refused.get(reason, (0, []))
            self.refused[reason] = (count + len(names), [*known, *(name[: outcome.shown] for name in names)][: bulk.NAMED])

    @property
    def others(self) -> int:
        """How many could not be treated."""
        return sum(count for count, _ in self.refused.values())

    @property
    def treated(self) -> int:
        """How many had their turn."""
        return self.count + self.others

    @property
    def reasons(self) -> list[tuple[int, str, str]]:
        """(how many, why, `ab12cd34, ef56ab78 and 3 more`), the commonest first."""
        listed = sorted(self.refused.items(), key=lambda pair: -pair[1][0])[:REASONS]
        return [(count, reason, _named(count, names)) for reason, (count, names) in listed]


def _named(count: int, names: list[str]) -> str:
    more = f" and {formats.number(count - len(names))} more" if count > len(names) else ""
    return ", ".join(names) + more


def tell(request: HttpRequest, tally: Tally, noun: str, word: str) -> None:
    """Say how many were done, and which were not and why, on the page that comes next."""
    text = f"{formats.plural(tally.count, noun)} {word}"
    if not tally.refused:
        messages.success(request, text)
        return
    reasons = "; ".join(f"{reason} ({named})" for _, reason, named in tally.reasons)
    messages.warning(request, f"{text}, {formats.number(tally.others)} not: {reasons}")


def _back(sent: QueryDict, verb: str) -> str:
    """The list that it came from; after deleting its first page, since the one that was shown may be gone."""
    query = QueryDict(sent.get("query", ""), mutable=True)
    if verb == "delete":
        query.pop("page", None)
    sent = sent.copy()
    sent["query"] = query.urlencode()
    return lists.address(sent)
