"""What people and other rooms do with executions: start, stop and change them. Rights are checked wherever a user is given; None is the
system itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from engine import events, states
from engine import restart as again
from engine.attempts import labelled
from engine.document import Check, Flow
from engine.execution import Execution
from engine.inputs import Resolved, value_of
from engine.states import Moment, State
from executions import dispatch, executor, models, selectors, sources, starting, storage, world
from executions.executor import Turn
from executions.leftovers import unplanned
from executions.starting import Upload
from flows import selectors as flow_selectors
from flows.validation import InvalidFlow
from namespaces import vault
from namespaces.models import Role
from namespaces.rights import Person, require
from plugins.catalog import CATALOG
from ui.errors import Conflict, Invalid, Missing

File = UploadedFile | tuple[str, bytes] | tuple[str, IO[bytes]]


class TaskRunMissing(Missing):
    """There is no such task run in this execution."""


class NothingToRestart(Invalid):
    """No task found to restart execution from!"""


class NotEnded(Conflict):
    """The execution is not terminated"""


class LabelsOfEnded(Invalid):
    """The execution is not terminated"""

    @property
    def status(self) -> int:
        """As Kestra answers here; where an execution is deleted it is a 409."""
        return 400


# --- starting -------------------------------------------------------------------------------------------------------------------


def start(
    *,
    user: Person,
    namespace: str,
    flow_id: str,
    inputs: Mapping[str, Any] | None = None,
    files: Mapping[str, File] | None = None,
    labels: Iterable[tuple[str, str]] = (),
    revision: int | None = None,
    schedule_date: datetime | None = None,
    trigger: Mapping[str, Any] | None = None,
    correlation_id: str | None = None,
    source: Mapping[str, Any] | None = None,
) -> models.Execution:
    """Start an execution. `files` holds what was uploaded for FILE inputs, by input id; `source` is another one than what is deployed.

    Raises Missing, Forbidden, starting.FlowDisabled and starting.InvalidInput (with Kestra's message).
    """
    flow = _flow(user, namespace, flow_id, revision)
    execution_id = world.new_id()
    correlation = "" if trigger is not None and correlation_id is None else correlation_id or execution_id
    known = starting.labels_of(flow, labels, correlation=correlation)
    given = {**(inputs or {}), **uploads(files)}
    execution = starting.new(
        flow, inputs=given, labels=known, trigger=trigger, schedule_date=schedule_date, id=execution_id, starter=user, source=source
    )  # fmt: skip
    dispatch.send(executor.start(execution, flow, getattr(user, "pk", None)))
    return models.Execution.objects.get(id=execution_id)


def validate_inputs(
    *, user: Person, namespace: str, flow_id: str, inputs: Mapping[str, Any] | None = None, files: Mapping[str, File] | None = None,
    revision: int | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Every input as `{"input": Input, "value", "enabled", "errors": [text]}`; nothing is stored."""
    flow = _flow(user, namespace, flow_id, revision)
    return [_checked(item) for item in starting.check(flow, {**(inputs or {}), **uploads(files)}, user)]


def failing_checks(
    *, user: Person, namespace: str, flow_id: str, inputs: Mapping[str, Any] | None = None, files: Mapping[str, File] | None = None,
) -> list[Check]:  # fmt: skip
    """The checks of a flow that do not hold for these inputs; none while an input is wrong. Nothing is stored."""
    flow = _flow(user, namespace, flow_id, None)
    resolved = starting.check(flow, {**(inputs or {}), **uploads(files)}, user) if flow.checks else []
    return [] if any(each.error for each in resolved) else starting.looked_at(flow, resolved, user)


def _checked(item: Resolved) -> dict[str, Any]:
    return {"input": item.input, "value": item.value, "enabled": item.enabled, "errors": [item.message] if item.message else []}


def _flow(user: Person, namespace: str, flow_id: str, revision: int | None) -> Flow:
    require(user, namespace, Role.MEMBER)
    flow_selectors.flow(namespace, flow_id)  # one that is deleted cannot be started any more
    try:
        return flow_selectors.parsed(namespace, flow_id, revision)
    except InvalidFlow as error:
        raise Conflict(f"Cannot execute an invalid flow: {error.message}") from error


def uploads(files: Mapping[str, File] | None) -> dict[str, Upload]:
    """What was uploaded, as values of inputs."""
    return {
        name: Upload(file[0], file[1]) if isinstance(file, tuple) else Upload(file.name or "", file.file)  # type: ignore[arg-type] -- an open file
        for name, file in (files or {}).items()
    }


# --- changing -------------------------------------------------------------------------------------------------------------------


def _row(user: Person, execution_id: str, role: Role = Role.MEMBER) -> models.Execution:
    row = selectors.execution(user, execution_id)
    require(user, row.namespace, role)
    return row


def _tell(execution_id: str, event: events.Event, *, whole: bool = False) -> models.Execution:
    dispatch.send(executor.advance(execution_id, event, whole=whole))
    return models.Execution.objects.get(id=execution_id)


def kill(*, user: Person, execution_id: str, cascade: bool = True) -> models.Execution:
    """Kill an execution with everything that it started; one that has ended stays as it is.

    Without `cascade` the executions that it started go on, and one that has ended is a Conflict, as in Kestra.
    """
    row = _row(user, execution_id)
    if not cascade and row.state in states.TERMINATED:
        raise Conflict("Execution is already finished, can't kill it")
    return _tell(execution_id, events.KillRequested(cascade))


def pause(*, user: Person, execution_id: str) -> models.Execution:
    """Let what runs finish and start nothing new; raises Conflict unless it is running."""
    row = _row(user, execution_id)
    if row.state not in (states.RUNNING, states.RETRYING):
        raise Conflict(f"Execution '{execution_id}' is not running, can't pause it")
    return _tell(execution_id, events.PauseRequested())


def resume(
    *,
    user: Person,
    execution_id: str,
    inputs: Mapping[str, Any] | None = None,
    files: Mapping[str, File] | None = None,
    task_run_id: str | None = None,
) -> models.Execution:
    """Go on with a paused execution (with one of its paused task runs, or else the first), with values for what its `onResume` asks for.

    Raises Conflict unless it is paused, starting.InvalidInput.
    """
    row = _row(user, execution_id)
    if row.state != states.PAUSED:
        raise Conflict(f"Execution '{execution_id}' is not paused, can't resume it")
    turn, run = Turn.begin(execution_id), _resumed(row, task_run_id)
    given = {**(inputs or {}), **uploads(files)}
    values = starting.checked(turn.flow, turn.execution, _asked(turn, run), given, turn.execution.run(run.id) if run else None)
    return _tell(execution_id, events.ResumeRequested(values, task_run_id))


def validate_resume(
    *,
    user: Person,
    execution_id: str,
    inputs: Mapping[str, Any] | None = None,
    files: Mapping[str, File] | None = None,
    task_run_id: str | None = None,
) -> list[dict[str, Any]]:
    """Every `onResume` input of the paused task, as `validate_inputs` answers."""
    row = _row(user, execution_id)
    turn = Turn.begin(execution_id)
    flow = replace(turn.flow, inputs=_asked(turn, _resumed(row, task_run_id)))
    return [_checked(item) for item in starting.check(flow, {**(inputs or {}), **uploads(files)}, user)]


def _resumed(row: models.Execution, task_run_id: str | None) -> models.TaskRun | None:
    if task_run_id is None:
        return selectors.resumable(row)
    run = selectors.paused_runs(row).filter(id=task_run_id).first()
    if run is None:
        raise Conflict("This task does not wait any more: somebody has resumed it, or it has ended. Reload the page")
    return run


def _asked(turn: Turn, run: models.TaskRun | None) -> tuple[Any, ...]:
    task = turn.table.task(run.id) if run is not None else None
    return selectors.declared_inputs((task.properties.get("onResume") if task is not None else None) or [])


def restart(*, user: Person, execution_id: str, revision: int | None = None) -> models.Execution:
    """Run again what failed or is paused: in the same execution, or as a new one where a revision is asked for.

    Raises Conflict while it goes on, NothingToRestart.
    """
    row = _row(user, execution_id)
    if row.state not in (*states.TERMINATED, states.PAUSED):
        raise Conflict(f"Execution must be terminated to be restarted, current state is '{row.state}'")
    turn = Turn.begin(execution_id, whole=True)
    if not again.restartable(turn.execution):
        raise NothingToRestart
    seen = sources.carried(turn.execution.notes, row.namespace, row.namespace)
    if revision is None:
        if {**turn.execution.notes, **seen} != turn.execution.notes:  # something else was deployed since
            executor.edit(execution_id, lambda execution: replace(execution, notes={**execution.notes, **seen}))
        return _tell(execution_id, events.RestartRequested(), whole=True)
    flow = flow_selectors.parsed(row.namespace, row.flow_id, revision)
    copy = unplanned(again.copy(turn.execution, flow, world.new_id()))
    return _begin(user, replace(copy, notes={**copy.notes, **seen}), flow, events.RestartRequested())


def replay(
    *,
    user: Person,
    execution_id: str,
    task_run_id: str | None = None,
    revision: int | None = None,
    inputs: Mapping[str, Any] | None = None,
    kept: Iterable[str] = (),
    notes: Mapping[str, Any] | None = None,
) -> models.Execution:
    """A new execution with the same inputs (or others), from the start or from one task run. Raises TaskRunMissing, InvalidInput.

    Of other `inputs` those named in `kept` have their earlier value again. `notes` is what the execution remembers from its beginning.
    """
    row = _row(user, execution_id)
    turn = Turn.begin(execution_id, whole=True)
    if task_run_id is not None and turn.execution.run(task_run_id) is None:
        raise TaskRunMissing
    flow = flow_selectors.parsed(row.namespace, row.flow_id, revision or row.flow_revision)
    execution = again.replay(turn.execution, flow, task_run_id, world.new_id(), timezone.now(), flowables=CATALOG.flowables)
    if inputs is not None:
        given = {**_earlier(execution.inputs, kept), **inputs}
        execution = replace(execution, inputs=starting.new(flow, inputs=given, labels=(), id=execution.id, starter=user).inputs)
    seen = sources.carried(turn.execution.notes, row.namespace, row.namespace)
    remembered = {**unplanned(execution).notes, **seen, **(notes or {})}
    return _begin(user, replace(execution, notes=remembered), flow, events.ExecutionCreated())


def _earlier(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The values of these inputs as somebody would give them anew: secrets in clear."""
    found = {name: value for name in names if (value := value_of(values, name)) is not None}
    return {name: vault.decrypt_value(value) if vault.is_encrypted(value) else value for name, value in found.items()}


def _begin(user: Person, execution: Execution, flow: Flow, event: events.Event) -> models.Execution:
    turn = Turn.create(execution, flow, getattr(user, "pk", None))
    turn.apply(event)
    dispatch.send(turn.commit())
    return models.Execution.objects.get(id=execution.id)


def force_run(*, user: Person, execution_id: str) -> models.Execution:
    """Begin an execution that waits, whatever it waits for; raises Conflict on one that has ended."""
    row = _row(user, execution_id)
    if row.state in states.TERMINATED:
        raise Conflict(f"Execution '{execution_id}' is terminated, can't force run it")
    return _tell(execution_id, events.ForceRunRequested())


def unqueue(*, user: Person, execution_id: str) -> models.Execution:
    """Begin a queued execution beyond the flow's limit; raises Conflict unless it is queued."""
    row = _row(user, execution_id)
    if row.state != states.QUEUED:
        raise Conflict(f"Execution '{execution_id}' is not queued, can't unqueue it")
    return _tell(execution_id, events.SlotDecided(True))


def set_state(*, user: Person, execution_id: str, task_run_id: str, state: str) -> models.Execution:
    """Say by hand how a task run ended, and go on from there; nothing comes of it for what runs because of the execution's end.

    Raises TaskRunMissing, Invalid.
    """
    _row(user, execution_id)
    if state not in states.TERMINATED:
        raise Invalid(f"A task run can be set to {', '.join(sorted(states.TERMINATED))}; found {state}")
    if not models.TaskRun.objects.filter(execution_id=execution_id, id=task_run_id).exists():
        raise TaskRunMissing
    return _tell(execution_id, events.StateChangeRequested(task_run_id, state), whole=True)


def change_status(*, user: Person, execution_id: str, status: str) -> models.Execution:
    """Replace the state of an execution that has ended by another such state. Raises NotEnded, Invalid."""
    row = _row(user, execution_id)
    if row.state not in states.TERMINATED:
        raise NotEnded(f"Execution '{execution_id}' is not in a terminal state, can't change its status")
    terminal(status)
    executor.edit(
        execution_id, lambda execution: replace(execution, state=State((*execution.state.histories, Moment(status, timezone.now()))))
    )
    return models.Execution.objects.get(id=execution_id)


def terminal(status: str) -> str:
    """A state in which executions end. Raises Invalid for any other."""
    if status not in states.TERMINATED:
        raise Invalid(f"You can only change the state of an execution to a terminal state, not to {status[:20]}")
    return status


def set_labels(*, user: Person, execution_id: str, labels: Iterable[tuple[str, str]]) -> models.Execution:
    """Add labels to an execution that has ended, over those of the same key. Raises LabelsOfEnded, Invalid for `system.` ones."""
    row = _row(user, execution_id)
    if row.state not in states.TERMINATED:
        raise LabelsOfEnded
    fresh = {str(key).strip(): str(value) for key, value in labels}
    if not all(key and value for key, value in fresh.items()):
        raise Invalid("A label has a key and a value, and neither is empty")
    known = dict(reversed([(key, value) for key, value in row.labels]))
    for key, value in fresh.items():
        if key.startswith(starting.SYSTEM) and known.get(key) != value:
            raise Invalid(f"System labels can only be set by Kestra itself, offending label: {key}={value}.")
    executor.edit(execution_id, lambda execution: replace(execution, labels=labelled(execution.labels, fresh)))
    return models.Execution.objects.get(id=execution_id)


def delete(
    *,
    user: Person,
    execution_id: str,
    logs: bool = True,
    metrics: bool = True,
    storage_files: bool = True,
    include_non_terminated: bool = False,
) -> None:
    """Remove an execution with its task runs and steps, and its files unless `storage_files` is False.

    Log lines and metrics belong to the execution and go with it whatever `logs` and `metrics` say. Raises NotEnded.
    """
    row = _row(user, execution_id)
    if row.state not in states.TERMINATED and not include_non_terminated:
        raise NotEnded(f"Execution '{execution_id}' is still {row.state}: kill it first")
    purge([row], files=storage_files)


def purge(rows: Iterable[models.Execution], *, files: bool = True) -> int:
    """Remove executions and everything of theirs; answers how many."""
    count = 0
    for row in rows:
        models.Execution.objects.filter(id=row.id).delete()
        if files:
            storage.delete_execution(row.namespace, row.flow_id, row.id)
        count += 1
    return count
