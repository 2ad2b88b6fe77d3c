"""What the palette finds in the catalog."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from catalog import selectors
from catalog.graph import TESTS
from catalog.selectors import Hit
from catalog.templatetags.catalog import kind_icon, words
from namespaces.rights import login_required

JUMPS = 10
HIDDEN = TESTS | {"operation", "analysis"}


@login_required
@require_GET
def jump(request: HttpRequest) -> JsonResponse:
    """Nodes and columns by name for `?q=`, with kind and project. Words of descriptions and SQL are for the search of the catalog."""
    found = [hit for hit in selectors.search(request.user, request.GET.get("q", "")) if hit.node.kind not in HIDDEN]
    named = [_jump(hit) for hit in found if not hit.where or hit.where.startswith("column ")]
    return JsonResponse({"results": named[:JUMPS]})


def _jump(hit: Hit) -> dict[str, Any]:
    node, column = hit.node, hit.where.removeprefix("column ")
    url = reverse("catalog:node", args=[node.project_id, node.unique_id])
    made = {"title": node.name, "badge": words(node.kind), "icon": kind_icon(node.kind), "hint": str(node.project), "url": url}
    if column:
        made |= {"title": column, "badge": f"column of {node.name}", "icon": "columns-3", "url": f"{url}#column-{column}"}
    return made
