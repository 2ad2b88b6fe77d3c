"""The account page: name, appearance, API tokens."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces.forms import NameForm, TokenForm
from namespaces.models import Member, User
from namespaces.rights import login_required
from namespaces.services import people, tokens
from ui.errors import Invalid
from ui.htmx import done, invalid, page


def _context(user: User, **more: Any) -> dict[str, Any]:
    return {
        "person": user,
        "now": timezone.now(),
        "name_form": NameForm(initial={"name": user.name}),
        "token_form": TokenForm(),
        "tokens": user.tokens.filter(revoked=None).order_by("-created"),
        "memberships": Member.objects.filter(user=user).select_related("namespace").order_by("namespace__name"),
        **more,
    }


@never_cache
@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Everything about oneself."""
    return page(request, "namespaces/account.html", "namespaces/_tokens.html", _context(_self(request)))


@require_POST
@login_required
def rename(request: HttpRequest) -> HttpResponse:
    """How others see this person."""
    form = NameForm(request.POST)
    if not form.is_valid():
        return invalid(request, "namespaces/account.html", "namespaces/account.html", _context(_self(request), name_form=form))
    people.change_name(user=_self(request), name=form.cleaned_data["name"])
    return done(request, reverse("namespaces:account"), message="Name changed")


@never_cache
@require_POST
@login_required
def create_token(request: HttpRequest) -> HttpResponse:
    """Make an API token and show it, this once."""
    user = _self(request)
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            row, token = tokens.create(user=user, name=form.cleaned_data["name"], days=form.cleaned_data["days"])
        except Invalid as error:
            form.refuse(error.message, "name")
        else:
            return page(request, "namespaces/account.html", "namespaces/_tokens.html", _context(user, new_token=token, new_row=row))
    return invalid(request, "namespaces/account.html", "namespaces/_tokens.html", _context(user, token_form=form))


@require_POST
@login_required
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """End an API token."""
    user = _self(request)
    tokens.revoke(user=user, token_id=token_id)
    return done(request, reverse("namespaces:account"), message="Token revoked", fragment="namespaces/_tokens.html", context=_context(user))


def _self(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # login_required saw to it
    return request.user
