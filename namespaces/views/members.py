"""The members tab of a namespace."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces.forms import MemberForm
from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.selectors import members as selector
from namespaces.services import members as service
from namespaces.views.shell import shell
from ui.errors import Conflict, Invalid
from ui.htmx import done, invalid, page

PAGE, FRAGMENT = "namespaces/members.html", "namespaces/_members.html"


def _context(request: HttpRequest, namespace: str, role: Role = Role.READER, **more: Any) -> dict[str, Any]:
    return {
        **shell(request, namespace, "members", role),
        "members": selector.members(namespace),
        "form": MemberForm(),
        "roles": Role,
        **more,
    }


@never_cache
@require_safe
@login_required
def members(request: HttpRequest, namespace: str) -> HttpResponse:
    """Who may do what here."""
    return page(request, PAGE, FRAGMENT, _context(request, namespace))


@require_POST
@login_required
def add(request: HttpRequest, namespace: str) -> HttpResponse:
    """Make someone a member, or give them another role."""
    context = _context(request, namespace, Role.OWNER)
    form = MemberForm(request.POST)
    if form.is_valid():
        try:
            row = service.add(
                user=request.user, namespace=namespace, email=form.cleaned_data["email"], role=Role(form.cleaned_data["role"])
            )
        except (Invalid, Conflict) as error:
            form.refuse(error.message, "email")
        else:
            said = f"{row.user} is {'an' if row.role == Role.OWNER else 'a'} {row.get_role_display().lower()} now"
            return done(
                request,
                reverse("namespaces:members", args=[namespace]),
                message=said,
                fragment=FRAGMENT,
                context=_context(request, namespace),
            )
    return invalid(request, PAGE, FRAGMENT, {**context, "form": form})


@require_POST
@login_required
def remove(request: HttpRequest, namespace: str, person_id: int) -> HttpResponse:
    """Take a role away. Those who remove themselves cannot see the namespace afterwards: they go to the tree."""
    shell(request, namespace, "members", Role.OWNER)
    service.remove(user=request.user, namespace=namespace, person_id=person_id)
    if person_id == request.user.pk:
        return done(request, reverse("namespaces:list"), message=f"You left {namespace}")
    return done(
        request,
        reverse("namespaces:members", args=[namespace]),
        message="Member removed",
        fragment=FRAGMENT,
        context=_context(request, namespace),
    )
