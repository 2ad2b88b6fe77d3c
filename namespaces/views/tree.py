"""The tree of namespaces, and making, describing and deleting one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from namespaces.forms import NamespaceForm
from namespaces.models import Role
from namespaces.rights import login_required, readable
from namespaces.selectors import tree as selector
from namespaces.services import tree as service
from ui.errors import KestraError
from ui.htmx import done, invalid, page

PAGE, FRAGMENT = "namespaces/tree.html", "namespaces/_tree.html"


def _context(request: HttpRequest, **more: Any) -> dict[str, Any]:
    query = request.GET.get("q", "").strip()
    user: Any = request.user
    return {
        "nodes": selector.tree(user, query),
        "query": query,
        "form": NamespaceForm(initial={"name": request.GET.get("below", "")}),
        "may_create": user.is_admin or user.memberships.filter(role=Role.OWNER).exists(),
        "is_stranger": readable(user) == [],
        **more,
    }


@require_safe
@login_required
def namespaces(request: HttpRequest) -> HttpResponse:
    """All namespaces that the reader may see."""
    return page(request, PAGE, FRAGMENT, _context(request))


@require_POST
@login_required
def create(request: HttpRequest) -> HttpResponse:
    """Make a namespace and go there."""
    form = NamespaceForm(request.POST)
    if form.is_valid():
        try:
            row = service.create(user=request.user, **form.cleaned_data)
        except KestraError as error:
            form.refuse(error.message, "name")
        else:
            return done(request, reverse("namespaces:files", args=[row.name]), message=f"{row.name} is made")
    return invalid(request, PAGE, FRAGMENT, _context(request, form=form))


@require_safe
@login_required
def detail(request: HttpRequest, namespace: str) -> HttpResponse:
    """A namespace opens with its files."""
    selector.enter(request.user, namespace)
    return HttpResponseRedirect(reverse("namespaces:files", args=[namespace]))


@require_POST
@login_required
def describe(request: HttpRequest, namespace: str) -> HttpResponse:
    """Say what a namespace is for."""
    selector.enter(request.user, namespace, Role.OWNER)
    service.describe(user=request.user, name=namespace, description=request.POST.get("description", "")[:1000])
    return done(request, reverse("namespaces:members", args=[namespace]), message="Description changed")


@require_POST
@login_required
def delete(request: HttpRequest, namespace: str) -> HttpResponse:
    """Delete an empty namespace."""
    selector.enter(request.user, namespace, Role.OWNER)
    service.delete(user=request.user, name=namespace)
    return done(request, reverse("namespaces:list"), message=f"{namespace} is deleted")
