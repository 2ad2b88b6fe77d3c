"""The administrators' page of people."""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces.forms import PersonForm
from namespaces.models import User
from namespaces.rights import login_required, require_admin
from namespaces.services import people as service
from ui.errors import Conflict, Invalid
from ui.htmx import done, invalid, page
from ui.paging import paginate

PAGE, FRAGMENT = "namespaces/people.html", "namespaces/_people.html"


def _context(request: HttpRequest, **more: Any) -> dict[str, Any]:
    query = request.GET.get("q", "").strip()
    found = (
        User.objects.annotate(token_used=Max("tokens__last_used"))
        .prefetch_related("memberships__namespace")
        .order_by("-is_active", "email")
    )
    if query:
        found = found.filter(email__icontains=query) | found.filter(name__icontains=query)
    return {"page": paginate(request, found), "query": query, "form": PersonForm(), "now": timezone.now(), **more}


@never_cache
@require_safe
@login_required
def people(request: HttpRequest) -> HttpResponse:
    """Everyone who can sign in, or could."""
    require_admin(request.user)
    return page(request, PAGE, FRAGMENT, _context(request))


@never_cache
@require_POST
@login_required
def add(request: HttpRequest) -> HttpResponse:
    """Add a person and show their one-time password, this once."""
    require_admin(request.user)
    form = PersonForm(request.POST)
    if form.is_valid():
        try:
            person, password = service.add(user=request.user, **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.refuse(error.message, "email")
        else:
            return page(request, PAGE, FRAGMENT, _context(request, new_person=person, new_password=password))
    return invalid(request, PAGE, FRAGMENT, _context(request, form=form))


@never_cache
@require_POST
@login_required
def reset_password(request: HttpRequest, person_id: int) -> HttpResponse:
    """Give someone a new one-time password and show it, this once."""
    password = service.reset_password(user=request.user, person_id=person_id)
    person = User.objects.get(pk=person_id)
    return page(request, PAGE, FRAGMENT, _context(request, new_person=person, new_password=password))


@require_POST
@login_required
def change(request: HttpRequest, person_id: int, action: str) -> HttpResponse:
    """Disable, enable, make administrator, or no longer."""
    doings = {
        "disable": lambda: service.set_active(user=request.user, person_id=person_id, active=False),
        "enable": lambda: service.set_active(user=request.user, person_id=person_id, active=True),
        "promote": lambda: service.set_admin(user=request.user, person_id=person_id, is_admin=True),
        "demote": lambda: service.set_admin(user=request.user, person_id=person_id, is_admin=False),
    }
    said = {
        "disable": "{} is disabled",
        "enable": "{} can sign in again",
        "promote": "{} is an administrator",
        "demote": "{} is no administrator",
    }
    person = doings[action]()
    return done(request, reverse("namespaces:people"), message=said[action].format(person), fragment=FRAGMENT, context=_context(request))
