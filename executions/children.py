"""Executions that other executions start, wait for and kill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from engine import commands, events, states
from engine.document import Flow
from engine.execution import Execution
from engine.ids import copied_id
from engine.restart import replay
from executions import executor, models, ports, starting, store, world
from executions.dispatch import Outgoing
from executions.executor import Guard, Stale
from flows import selectors as flow_selectors
from namespaces.models import Role, User
from ui.errors import KestraError

PARENT = "parent"  # in an execution's notes: the task run that waits for it


def carry_out(row: models.Command, command: commands.Command) -> list[Outgoing]:
    """Start or kill other executions, as a Command row says; answers what to send."""
    loaded = store.load(row.execution_id)
    if loaded is None:
        raise executor.ExecutionMissing
    if isinstance(command, commands.KillChildren):
        return _kill_children(row, loaded.execution)
    if not isinstance(command, commands.StartExecution):
        raise TypeError(f"{row.kind} is no command that concerns other executions")
    if command.replay_of is not None:
        return _replay(row, command, loaded.execution)
    return _start(row, command, loaded.execution)


def _child_id(row: models.Command) -> str:
    """The same id each time the same command is carried out: what was half done is found again."""
    return copied_id(row.execution_id, str(row.id))


def _start(row: models.Command, command: commands.StartExecution, parent: Execution) -> list[Outgoing]:
    task_run_id, outgoing, child_id = command.task_run_id or "", [], _child_id(row)
    happened: events.Event
    try:
        if not models.Execution.objects.filter(id=child_id).exists():
            outgoing = _create(command, parent, child_id)
        happened = events.ChildStarted(task_run_id, child_id)
    except KestraError as error:
        happened = events.ChildEnded(task_run_id, "", states.FAILED, message=error.message)
    return [*outgoing, *executor.advance(parent.id, happened, guard=Guard(commands=[row.id]))]


def _create(command: commands.StartExecution, parent: Execution, child_id: str) -> list[Outgoing]:
    """The other execution, on behalf of whoever started this one; secrets among its inputs are handed on, and stay encrypted there."""
    ports.People(parent).require(command.namespace, Role.MEMBER)
    starter, masks = _starter(parent.id), world.Masks()
    flow = _flow(command)
    run = parent.run(command.task_run_id or "")
    trigger: dict[str, Any] = {
        "id": run.task_id if run else "",
        "type": "io.kestra.plugin.core.flow.Subflow",
        "variables": {
            "executionId": parent.id,
            "namespace": parent.namespace,
            "flowId": parent.flow_id,
            "flowRevision": parent.flow_revision,
        },
    }
    execution = starting.new(
        flow,
        inputs=world.decrypted(command.inputs or {}, masks),
        labels=_labels(flow, command, parent),
        trigger=trigger,
        schedule_date=command.schedule_date,
        id=child_id,
        starter=starter,
        masks=masks,
    )
    if command.wait:
        execution = replace(execution, notes={**execution.notes, PARENT: [parent.id, command.task_run_id]})
    return executor.start(execution, flow, getattr(starter, "pk", None))


def _starter(execution_id: str) -> User | None:
    return models.Execution.objects.select_related("created_by").get(id=execution_id).created_by


def _flow(command: commands.StartExecution) -> Flow:
    missing = f"Unable to find flow '{command.namespace}'.'{command.flow_id}' with revision '{command.revision or 0}'"
    try:
        flow = flow_selectors.parsed(command.namespace, command.flow_id, command.revision)
    except KestraError as error:
        raise starting.Invalid(missing) from error
    if flow.disabled:
        raise starting.FlowDisabled("Cannot execute a flow which is disabled")
    return flow


def _labels(flow: Flow, command: commands.StartExecution, parent: Execution) -> list[tuple[str, str]]:
    system = [pair for pair in parent.labels if pair[0].startswith(starting.SYSTEM)]
    inherited = [pair for pair in parent.labels if pair not in system] if command.inherit_labels else []
    return [*inherited, *starting.labels_of(flow, command.labels), *system]


def _replay(row: models.Command, command: commands.StartExecution, original: Execution) -> list[Outgoing]:
    flow, child_id = _flow(command), _child_id(row)
    if models.Execution.objects.filter(id=child_id).exists():
        models.Command.objects.filter(id=row.id).delete()
        return []
    notes = {PARENT: original.notes[PARENT]} if PARENT in original.notes else {}
    execution = replace(replay(original, flow, None, child_id, timezone.now()), schedule_date=command.schedule_date, notes=notes)
    with transaction.atomic():
        if not models.Command.objects.filter(id=row.id).delete()[0]:
            raise Stale("command")
        return executor.start(execution, flow, getattr(_starter(original.id), "pk", None))


def of(execution: Execution) -> list[str]:
    """Ids of the executions that this one started and that go on."""
    correlation = dict(execution.labels).get(starting.CORRELATION, "")
    rows = models.Execution.objects.filter(state__in=states.UNFINISHED, label_rows__key=starting.CORRELATION, label_rows__value=correlation)
    return [row.id for row in rows.distinct() if ((row.trigger or {}).get("variables") or {}).get("executionId") == execution.id]


def _kill_children(row: models.Command, execution: Execution) -> list[Outgoing]:
    outgoing: list[Outgoing] = []
    for child_id in of(execution):
        outgoing += executor.advance(child_id, events.KillRequested())
    models.Command.objects.filter(id=row.id).delete()
    return outgoing


def finished(row: models.Command) -> list[Outgoing]:
    """An execution ended that somebody waits for: tell the parent, start the oldest one that is queued."""
    loaded = store.load(row.execution_id)
    if loaded is None:
        raise executor.ExecutionMissing
    execution = loaded.execution
    outgoing = release_queued(execution.namespace, execution.flow_id)
    if PARENT not in execution.notes:
        models.Command.objects.filter(id=row.id).delete()
        return outgoing
    parent_id, task_run_id = execution.notes[PARENT]
    ended = events.ChildEnded(task_run_id, execution.id, execution.state.current, execution.outputs)
    return [*outgoing, *executor.advance(parent_id, ended, guard=Guard(commands=[row.id]))]


def release_queued(namespace: str, flow_id: str) -> list[Outgoing]:
    """Begin the oldest queued executions of a flow, as many as there are slots."""
    outgoing: list[Outgoing] = []
    queued = models.Execution.objects.filter(namespace=namespace, flow_id=flow_id, state=states.QUEUED).order_by("created")
    for execution_id in queued.values_list("id", flat=True):
        turn = executor.Turn.begin(execution_id)
        if not executor.slot_is_free(turn.flow):
            break
        turn.apply(events.SlotDecided(True))
        outgoing += turn.commit()
    return outgoing
