"""The secrets tab of a namespace, and all secrets together. A value goes in and never comes out."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces.forms import SecretForm
from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.selectors import secrets as selector
from namespaces.services import secrets as service
from namespaces.views.shell import shell
from ui.errors import Conflict, Invalid
from ui.htmx import done, invalid, page

PAGE, FRAGMENT = "namespaces/secrets.html", "namespaces/_secrets.html"


def _context(request: HttpRequest, namespace: str, role: Role = Role.READER, **more: Any) -> dict[str, Any]:
    return {**shell(request, namespace, "secrets", role), "secrets": selector.secrets_of(namespace), "form": SecretForm(), **more}


@never_cache
@require_safe
@login_required
def secrets(request: HttpRequest, namespace: str) -> HttpResponse:
    """The keys that flows of this namespace can read."""
    return page(request, PAGE, FRAGMENT, _context(request, namespace))


@require_POST
@login_required
def put(request: HttpRequest, namespace: str) -> HttpResponse:
    """Set a new secret, or give one a new value (`replace`)."""
    context = _context(request, namespace, Role.OWNER)
    form = SecretForm(request.POST)
    if form.is_valid():
        try:
            row = service.put(user=request.user, namespace=namespace, must_be_new="replace" not in request.POST, **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.refuse(error.message, "value" if "replace" in request.POST else "key")
        else:
            return done(
                request,
                reverse("namespaces:secrets", args=[namespace]),
                message=f"{row.key} is set",
                fragment=FRAGMENT,
                context=_context(request, namespace),
            )
    return invalid(request, PAGE, FRAGMENT, {**context, "form": form, "replace": request.POST.get("replace", "")})


@require_POST
@login_required
def delete(request: HttpRequest, namespace: str, key: str) -> HttpResponse:
    """Delete a secret whose key was typed again."""
    shell(request, namespace, "secrets", Role.OWNER)
    service.delete(user=request.user, namespace=namespace, key=key, repeated=request.POST.get("repeated", ""))
    return done(
        request,
        reverse("namespaces:secrets", args=[namespace]),
        message=f"{key} is deleted",
        fragment=FRAGMENT,
        context=_context(request, namespace),
    )


@never_cache
@require_safe
@login_required
def all_secrets(request: HttpRequest) -> HttpResponse:
    """The secrets of every namespace that the reader may see."""
    query = request.GET.get("q", "").strip()
    found = selector.all_secrets(request.user, query)
    context = {"secrets": found, "query": query, "now": timezone.now(), "namespaces": len({row.origin for row in found if row.origin})}
    return page(request, "namespaces/all_secrets.html", "namespaces/_all_secrets.html", context)
