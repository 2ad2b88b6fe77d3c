"""The environments of tasks, for administrators: what is there, and how one is removed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from executions import environments as service
from namespaces import rights
from namespaces.rights import login_required
from ui.htmx import done, page

FRAGMENT = "executions/_environments.html"


@login_required
@require_safe
def environments(request: HttpRequest) -> HttpResponse:
    """Every environment that was made."""
    rights.require_admin(request.user)
    return page(request, "executions/environments.html", FRAGMENT, _context())


@login_required
@require_POST
def remove(request: HttpRequest, key: str) -> HttpResponse:
    """Remove one."""
    service.remove(user=request.user, key=key)
    address = reverse("executions:environments")
    return done(request, address, message=f"{key} is removed", fragment=FRAGMENT, context=_context())


def _context() -> dict[str, Any]:
    found = service.made()
    return {"environments": found, "total": sum(one.size for one in found)}
