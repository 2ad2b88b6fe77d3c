"""Executions that other executions start, wait for and kill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from engine import commands, events, states
from engine.errors import ExpressionError
from engine.execution import Execution
from engine.expressions import render_any
from engine.restart import replay
from executions import batch_children, born, children_again, executor, models, ports, store, world
from executions.born import PARENT
from executions.dispatch import Outgoing
from executions.executor import Guard, Stale
from executions.masks import Masks
from executions.sight import Sight
from executions.store import execution_of, task_run_of
from flows import selectors as flow_selectors
from ui.errors import Invalid, KestraError

TOGETHER = 50  # ends of executions of one parent that it is told of at once


def carry_out(row: models.Command, command: commands.Command) -> list[Outgoing]:
    """Start or kill other executions, as a Command row says; answers what to send."""
    loaded = store.load(row.execution_id)
    if loaded is None:
        raise executor.ExecutionMissing
    if isinstance(command, commands.KillChildren):
        return _kill_children(row, loaded.execution)
    if isinstance(command, commands.StartEach):
        return batch_children.start(row, command, loaded.execution)
    if not isinstance(command, commands.StartExecution):
        raise TypeError(f"{row.kind} is no command that concerns other executions")
    if command.replay_of is not None:
        return _replay(row, command, loaded.execution)
    return _start(row, command, loaded.execution)


def _start(row: models.Command, command: commands.StartExecution, parent: Execution) -> list[Outgoing]:
    task_run_id, child_id = command.task_run_id or "", born.child_id(row)
    happened: list[events.Event] = []
    try:
        earlier = children_again.of_subflow(command, parent)
        sent = children_again.begin(earlier.id, parent, [parent.id, task_run_id]) if earlier is not None else None
        if earlier is not None and children_again.went_well(earlier.state):
            happened, sent = [_ended(execution_of(earlier, ()))], []  # somebody else saw to it
        if earlier is not None and sent is not None:
            child_id = earlier.id
        outgoing = born.create(command, parent, child_id) if sent is None else sent
        happened.insert(0, events.ChildStarted(task_run_id, child_id))
    except KestraError as error:
        outgoing, happened = [], [events.ChildEnded(task_run_id, "", states.FAILED, message=error.message)]
    outgoing += executor.advance(parent.id, *happened, guard=Guard(commands=[row.id]))
    return [*outgoing, *born.killed_with(parent, [child_id])]


def _replay(row: models.Command, command: commands.StartExecution, original: Execution) -> list[Outgoing]:
    flow, child_id = born.flow_of(command), born.child_id(row)
    if models.Execution.objects.filter(id=child_id).exists():
        models.Command.objects.filter(id=row.id).delete()
        return []
    notes = {PARENT: original.notes[PARENT]} if PARENT in original.notes else {}
    execution = replace(replay(original, flow, None, child_id, timezone.now()), schedule_date=command.schedule_date, notes=notes)
    with transaction.atomic():
        if not models.Command.objects.filter(id=row.id).delete()[0]:
            raise Stale("command")
        return executor.start(execution, flow, getattr(born.starter_of(original.id), "pk", None))


def of(execution: Execution) -> list[str]:
    """Ids of the executions that this one started and that go on."""
    return list(models.Execution.objects.filter(caller_id=execution.id, state__in=states.UNFINISHED).values_list("id", flat=True))


def _kill_children(row: models.Command, execution: Execution) -> list[Outgoing]:
    outgoing: list[Outgoing] = []
    for child_id in of(execution):
        outgoing += executor.advance(child_id, events.KillRequested())
    models.Command.objects.filter(id=row.id).delete()
    return outgoing


def finished(row: models.Command) -> list[Outgoing]:
    """An execution ended that somebody waits for: tell the parent, start the oldest one that is queued.

    The parent of many is told of all that ended meanwhile at once.
    """
    parent_id = row.payload.get("parent")
    others = models.Command.objects.filter(kind=store.FINISHED, payload__parent=parent_id).exclude(id=row.id) if parent_id else ()
    try:
        return _finished([row, *others[:TOGETHER]])
    except Stale:
        return _finished([row])


def _finished(rows: Sequence[models.Command]) -> list[Outgoing]:
    ended = [execution_of(row, ()) for row in models.Execution.objects.filter(id__in=[row.execution_id for row in rows])]
    outgoing: list[Outgoing] = []
    for namespace, flow_id in sorted({(execution.namespace, execution.flow_id) for execution in ended}):
        outgoing += release_queued(namespace, flow_id)
    numbers = [row.id for row in rows]
    awaited = [execution for execution in ended if PARENT in execution.notes]
    if not awaited:
        models.Command.objects.filter(id__in=numbers).delete()
        return outgoing
    return [*outgoing, *executor.advance(awaited[0].notes[PARENT][0], *map(_ended, awaited), guard=Guard(commands=numbers))]


def _ended(execution: Execution) -> events.ChildEnded:
    _, task_run_id, *batch = execution.notes[PARENT]
    if batch:
        batch_children.keep_outputs(execution)
        return events.ChildEnded(task_run_id, execution.id, execution.state.current, batch=(batch[0], batch[1]))
    try:
        outputs = _given(execution) if born.GIVE in execution.notes else execution.outputs
    except KestraError as error:
        message = f"Failed to extract outputs with the error: {error.message}"
        return events.ChildEnded(task_run_id, execution.id, execution.state.current, message=message)
    return events.ChildEnded(task_run_id, execution.id, execution.state.current, outputs)


def _given(execution: Execution) -> dict[str, Any]:
    """The outputs that the parent asks for, rendered in the execution that has ended; raises Invalid."""
    flow = flow_selectors.parsed(execution.namespace, execution.flow_id, execution.flow_revision)
    runs = models.TaskRun.objects.filter(execution_id=execution.id, folded=False).order_by("position")
    masks = Masks()
    sight = Sight(flow, execution, {row.id: task_run_of(row) for row in runs}, masks)
    functions = world.functions(execution, masks, ports.People(execution).may_read)
    try:
        rendered: dict[str, Any] = masks.value(sight.rendered(render_any, execution.notes[born.GIVE], functions))
    except ExpressionError as error:
        raise Invalid(masks.text(error.message)) from error
    return rendered


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
