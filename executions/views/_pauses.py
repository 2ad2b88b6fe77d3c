"""What a paused execution waits for: a form for each of its paused task runs, with the inputs that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.document import Input
from executions import gantt, page_selectors, selectors, services
from executions.models import Execution, TaskRun
from executions.time_axis import moment_of
from executions.views import _inputs
from executions.views._inputs import Field, Sent
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person

MOST = 50  # forms shown at once


@dataclass(frozen=True, slots=True)
class Pause:
    """One form. `run_id` is empty for the execution as a whole, which somebody paused by hand; `error` belongs to no field."""

    run_id: str
    name: str
    note: str = ""
    since: datetime | None = None
    fields: Sequence[Field] = ()
    depends: bool = False
    error: str = ""

    @property
    def key(self) -> str:
        return f"resume-{self.run_id or 'all'}"


def pauses(execution: Execution, user: Person) -> list[Pause]:
    """What can be resumed, in its order; nothing unless the execution is paused."""
    if execution.state != "PAUSED":
        return []
    tasks = page_selectors.known_tasks(execution)
    may = rights.allows(rights.role_of(user, execution.namespace), Role.MEMBER)
    runs = selectors.paused_runs(execution)[:MOST]
    waiting = [_pause(execution, run, _declared(tasks, run), Sent() if may else None, user=user) for run in runs]
    return [Pause("", execution.flow_id), *waiting] if selectors.is_held(execution) or not waiting else waiting


def one(execution: Execution, run_id: str, sent: Sent, *, user: Person, complete: bool = True) -> Pause:
    """The form of one task run as it stands after something was sent; while it is not `complete`, an empty field is no error yet."""
    run = _run(execution, run_id)
    if run is None:
        return Pause("", execution.flow_id)
    return _pause(execution, run, _declared(page_selectors.known_tasks(execution), run), sent, user=user, complete=complete)


def _run(execution: Execution, run_id: str) -> TaskRun | None:
    """The paused task run of that id; without one that with which a resume goes on."""
    return selectors.paused_runs(execution).filter(id=run_id).first() if run_id else selectors.resumable(execution)


def declared(execution: Execution, run_id: str) -> tuple[Input, ...]:
    """The inputs that a paused task run asks for."""
    run = _run(execution, run_id)
    return _declared(page_selectors.known_tasks(execution), run) if run is not None else ()


def _declared(tasks: Mapping[str, Any], run: TaskRun) -> tuple[Input, ...]:
    task = tasks.get(run.task_id)
    asked = task.properties.get("onResume") if task is not None else None
    return selectors.declared_inputs(item for item in asked if isinstance(item, Mapping)) if isinstance(asked, list | tuple) else ()


def _pause(
    execution: Execution, run: TaskRun, asked: Sequence[Input], sent: Sent | None, *, user: Person, complete: bool = False
) -> Pause:
    values = sent.values if sent else {}
    depends = any(item.depends_on for item in asked)
    checks: Sequence[Mapping[str, Any]] = ()
    if asked and sent is not None:
        checks = services.validate_resume(user=user, execution_id=execution.id, inputs=values, files=sent.files, task_run_id=run.id)
    fields = _inputs.filled(asked, values, checks, prefix=f"resume-{run.id}-")
    fields = fields if complete else _inputs.without_missing(fields, values)
    since = moment_of(run.histories[-1][1]) if run.histories else None
    return Pause(run.id, run.task_id, gantt.value_note(run), since, fields, depends)
