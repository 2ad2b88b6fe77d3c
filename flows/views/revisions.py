"""Everything a flow ever was: two revisions side by side, and going back to one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from flows import services
from flows.diff import compare
from flows.models import Flow, Revision
from flows.views.pages import frame, readable
from namespaces.models import Role
from namespaces.rights import login_required
from ui.errors import Invalid, Missing
from ui.htmx import done, page


def _chosen(row: Flow, text: str | None, fallback: Revision | None) -> Revision | None:
    """The revision of this number; the fallback where none was asked for."""
    if not text:
        return fallback
    if not text.isdigit():
        raise Invalid(f"A revision is a number, got {text[:50]}")
    found = row.revisions.select_related("created_by").filter(number=int(text)).first()
    if found is None:
        raise Missing(f"Flow {row.flow_id} has no revision {text}.")
    return found


@login_required
@require_GET
def compared(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """All revisions, and the difference between `from` and `to` (by default the last two)."""
    row = readable(request, namespace, flow_id)
    listed = list(row.revisions.select_related("created_by")[:500])
    after = _chosen(row, request.GET.get("to"), listed[0] if listed else None)
    older = [one for one in listed if after and one.number < after.number]
    before = _chosen(row, request.GET.get("from"), older[0] if older else None)
    context = frame(request, row, "revisions") | {
        "revisions": listed,
        "before": before,
        "after": after,
        "diff": compare(before.source if before else "", after.source if after else ""),
        "columns": "one" if before is None or request.GET.get("columns") == "one" else "two",
    }
    return page(request, "flows/revisions.html", "flows/_revisions.html", context)


@login_required
@require_POST
def restore(request: HttpRequest, namespace: str, flow_id: str) -> HttpResponse:
    """Save an old revision's source as a new revision; also brings a deleted flow back."""
    row = readable(request, namespace, flow_id, role=Role.MEMBER, deleted=True)
    chosen = _chosen(row, request.POST.get("number") or request.GET.get("number"), None)
    if chosen is None:
        raise Invalid("Say which revision to restore.")
    saved = services.restore(user=request.user, namespace=namespace, flow_id=flow_id, number=chosen.number)
    return done(
        request, reverse("flows:detail", args=[namespace, flow_id]), message=f"Revision {chosen.number} restored as {saved.revision}"
    )
