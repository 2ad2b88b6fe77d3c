"""Two executions side by side."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from catalog import comparing
from executions import selectors as executions
from namespaces.rights import login_required
from ui.htmx import page
from ui.paging import paginate

SHOWN = {"changed": "What differs", "all": "All nodes"}


@login_required
@require_GET
def compare(request: HttpRequest, execution_id: str) -> HttpResponse:
    """An execution against `?with=`, or against the last one of its flow before it; `?node=` shows the SQL of one node."""
    after = executions.execution(request.user, execution_id)
    candidates = comparing.others(request.user, after)
    wanted = request.GET.get("with", "")
    before = executions.execution(request.user, wanted) if wanted else comparing.before(after, candidates)
    context: dict[str, Any] = {"after": comparing.side(after), "candidates": candidates, "execution": after}
    if before is not None:
        if before not in candidates:
            candidates.insert(0, before)
        context |= _compared(request, comparing.side(before), context["after"])
    return page(request, "catalog/compare.html", "catalog/_compare.html", context)


def _compared(request: HttpRequest, before: comparing.Side, after: comparing.Side) -> dict[str, Any]:
    rows = comparing.node_rows(before, after)
    changed = [row for row in rows if row.ways]
    shown = request.GET.get("show", "changed")
    window = paginate(request, rows if shown == "all" else changed)
    chosen = next((row for row in rows if row.unique_id == request.GET.get("node", "")), None)
    counts = Counter(way for row in changed for way in row.ways)
    settings = comparing.settings(before, after)
    return {
        "before": before,
        "page": window,
        "rows": window.rows,
        "total": len(rows),
        "changed": len(changed),
        "counts": counts.most_common(),
        "shown": shown if shown in SHOWN else "changed",
        "choices": SHOWN.items(),
        "differing": [one for one in settings if one.differs],
        "same": [one for one in settings if not one.differs],
        "chosen": chosen,
        "diff": comparing.sql_diff(chosen) if chosen else None,
    }
