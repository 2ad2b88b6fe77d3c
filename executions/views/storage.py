"""What the installation keeps, and how much of it: for administrators."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from executions import selectors
from executions.models import Worker
from namespaces import rights
from namespaces.rights import login_required
from ui.htmx import page

PLACES = {
    "storage": "Files of namespaces and executions",
    "working": "Working folders of tasks that run",
    "environments": "Environments made for tasks (Python, dbt)",
}
ROWS = {"executions": "Executions", "task_runs": "Task runs", "steps": "Steps", "log_lines": "Log lines", "metrics": "Metrics"}


@login_required
@require_GET
def usage(request: HttpRequest) -> HttpResponse:
    """Rows, bytes and the limits that apply."""
    rights.require_admin(request.user)
    used = selectors.usage()
    context = {
        "rows": [(ROWS.get(name, name), count) for name, count in used.rows.items()],
        "places": [(PLACES.get(name, name), count) for name, count in used.bytes.items()],
        "limits": [(name.replace("_", " "), value) for name, value in used.limits.items()],
        "oldest": used.oldest,
        "workers": list(Worker.objects.order_by("kind", "name")),
    }
    return page(request, "executions/storage.html", "executions/_storage.html", context)
