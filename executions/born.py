"""Executions that come of other executions: under which id, with which inputs, labels and trigger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.db import IntegrityError

from engine import commands, events, states
from engine.document import Flow
from engine.execution import Execution
from engine.ids import copied_id
from executions import executor, models, ports, sources, starting, store, world
from executions.dispatch import Outgoing
from flows import selectors as flow_selectors
from flows.validation import InvalidFlow
from namespaces.models import Role, User
from ui.errors import KestraError

PARENT = "parent"  # in an execution's notes: the execution and the task run that wait for it; for one of a batch its attempt and line too

GIVE = "give"  # in an execution's notes: templates of outputs that whoever waits for it asked for


def child_id(row: models.Command, line: int = 0) -> str:
    """The same id each time the same command is carried out: what was half done is found again."""
    return copied_id(row.execution_id, f"{row.id}:{line}" if line else str(row.id))


def create(
    command: commands.StartExecution, parent: Execution, id_: str, *, batch: tuple[int, int] | None = None, masks: world.Masks | None = None
) -> list[Outgoing]:
    """Start the execution on behalf of whoever started this one, if that was not done before; answers what to send.

    Secrets among its inputs (those that `masks` know, too) are handed on, and stay encrypted there. Raises KestraError for one that cannot
    be started.
    """
    if models.Execution.objects.filter(id=id_).exists():
        return []
    ports.People(parent).require(command.namespace, Role.MEMBER)
    starter, hidden = starter_of(parent.id), masks or world.Masks()
    flow = flow_of(command)
    execution = starting.new(
        flow,
        inputs=world.decrypted(command.inputs or {}, hidden),
        labels=_labels(flow, command, parent),
        trigger=_trigger(command, parent, batch),
        schedule_date=command.schedule_date,
        id=id_,
        starter=starter,
        masks=hidden,
        source=sources.carried(parent.notes, command.namespace, parent.namespace),
    )
    if command.wait:
        execution = replace(execution, notes={**execution.notes, PARENT: [parent.id, command.task_run_id, *(batch or ())]})
    if command.wait and command.outputs and not flow.outputs:
        execution = replace(execution, notes={**execution.notes, GIVE: command.outputs})
    try:
        return executor.start(execution, flow, getattr(starter, "pk", None))
    except IntegrityError:  # somebody carries out the same command
        return []


def starter_of(execution_id: str) -> User | None:
    """Whoever started an execution; None for the system."""
    return models.Execution.objects.select_related("created_by").get(id=execution_id).created_by


def _trigger(command: commands.StartExecution, parent: Execution, batch: tuple[int, int] | None) -> dict[str, Any]:
    run = parent.run(command.task_run_id or "")
    variables = {
        "executionId": parent.id,
        "namespace": parent.namespace,
        "flowId": parent.flow_id,
        "flowRevision": parent.flow_revision,
    }
    if batch is None:
        return {"id": run.task_id if run else "", "type": store.SUBFLOW, "variables": variables}
    return {"id": run.task_id if run else "", "type": store.EACH, "variables": {**variables, "taskRunIteration": batch[1]}}


def flow_of(command: commands.StartExecution) -> Flow:
    """The flow that is called; raises KestraError in Kestra's words."""
    missing = f"Unable to find flow '{command.namespace}'.'{command.flow_id}' with revision '{command.revision or 0}'"
    try:
        flow = flow_selectors.parsed(command.namespace, command.flow_id, command.revision)
    except InvalidFlow as error:
        raise starting.Invalid(f"Cannot execute an invalid flow: {error.message}") from error
    except KestraError as error:
        raise starting.Invalid(missing) from error
    if flow.disabled:
        raise starting.FlowDisabled("Cannot execute a flow which is disabled")
    return flow


def _labels(flow: Flow, command: commands.StartExecution, parent: Execution) -> list[tuple[str, str]]:
    system = [pair for pair in parent.labels if pair[0].startswith(starting.SYSTEM)]
    inherited = [pair for pair in parent.labels if pair not in system] if command.inherit_labels else []
    return [*inherited, *starting.labels_of(flow, command.labels), *system]


def killed_with(parent: Execution, ids: Iterable[str]) -> list[Outgoing]:
    """The kill for executions that were started while their parent was being killed; answers what to send."""
    state = models.Execution.objects.filter(id=parent.id).values_list("state", flat=True).first()
    if state not in (states.KILLING, states.KILLED):
        return []
    outgoing: list[Outgoing] = []
    for id_ in models.Execution.objects.filter(id__in=list(ids), state__in=states.UNFINISHED).values_list("id", flat=True):
        outgoing += executor.advance(id_, events.KillRequested())
    return outgoing
