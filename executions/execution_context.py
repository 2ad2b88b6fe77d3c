"""What every tab of one execution shows: its header and its tabs. Views and consumers build them here, so that both say the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils import timezone

from executions import leftovers, page_logs, presenters, resuming, sources
from executions.models import Execution, TaskRun
from flows.models import Flow, Revision
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person

REVISIONS = 50
END_STATES = ("SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED")
TABS = (
    ("detail", "Overview"),
    ("gantt", "Gantt"),
    ("logs_of", "Logs"),
    ("topology", "Topology"),
    ("outputs", "Outputs"),
    ("metrics", "Metrics"),
)


def header_context(execution: Execution, user: Person) -> dict[str, Any]:
    """Name, state, actions and facts of the header."""
    now = timezone.now()
    may = rights.allows(rights.role_of(user, execution.namespace), Role.MEMBER)
    can_restart = TaskRun.objects.filter(execution=execution, state__in=("FAILED", "KILLED", "PAUSED")).exists()
    buttons, menu = presenters.actions(execution.state, may=may, can_restart=can_restart)
    if may:
        buttons = _with_resume(execution, buttons)
    icon, name = presenters.started_by(execution)
    return {
        "execution": execution,
        "now": now,
        "may": may,
        "buttons": [(action, reverse(f"executions:{action.name}", args=[execution.id])) for action in buttons],
        "menu": [(action, reverse(f"executions:{action.name}", args=[execution.id])) for action in menu],
        "took": presenters.duration_of(execution, now),
        "started_by": name,
        "started_by_icon": icon,
        "header_notes": presenters.notes({"source": sources.told(execution.notes), **execution.header}),
        "flow_exists": Flow.objects.filter(namespace=execution.namespace, flow_id=execution.flow_id, deleted=False).exists(),
        "pausing": execution.state == "PAUSED",
    }


def _with_resume(execution: Execution, buttons: list[presenters.Action]) -> list[presenters.Action]:
    """The buttons, led by *Resume from failure* where a dbt task failed half-way."""
    run = resuming.resumable(execution)
    if run is None:
        return buttons
    text = presenters.RESUME_DBT.text.format(done=len(leftovers.of(run).done))
    others = [replace(button, kind="") if button.kind == "primary" else button for button in buttons]
    return [replace(presenters.RESUME_DBT, text=text), *others]


def page_context(execution: Execution, user: Person, tab: str) -> dict[str, Any]:
    """The header, the tabs with the one that is shown, and what the page must remember to ask for what is newer."""
    counts = page_logs.level_counts(execution)
    return {
        **header_context(execution, user),
        "tab": tab,
        "tabs": [(name, label, reverse(f"executions:{name}", args=[execution.id])) for name, label in TABS],
        "errors": counts.get(4, 0),
        "warnings": counts.get(3, 0),
        "level_counts": counts,
        "seen_line": execution.log_count,
        "zone": timezone.get_current_timezone_name(),
        "end_states": END_STATES,
    }


def revisions_of(execution: Execution) -> list[int]:
    """The newest revisions of its flow, for whoever replays it with another one."""
    rows = Revision.objects.filter(flow__namespace=execution.namespace, flow__flow_id=execution.flow_id, deleted=False)
    return list(rows.order_by("-number").values_list("number", flat=True)[:REVISIONS])
