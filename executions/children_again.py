"""Executions that an execution started, begun again where they failed because that one was restarted (`restartBehavior: RETRY_FAILED`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine import commands, events, states
from engine.execution import Execution
from engine.restart import restartable
from executions import executor, models, ports
from executions.born import PARENT
from executions.dispatch import Outgoing
from namespaces.models import Role


def begin(child_id: str, parent: Execution, waits: Sequence[object]) -> list[Outgoing] | None:
    """Run again what failed in it, for whoever `waits` for it; answers what to send, None where there is nothing to run again."""
    turn = executor.Turn.begin(child_id, whole=True)
    if not turn.execution.state.terminated:
        return []  # the same command was carried out before, or somebody was faster
    if not restartable(turn.execution):
        return None
    ports.People(parent).require(turn.execution.namespace, Role.MEMBER)
    executor.edit(child_id, lambda execution: replace(execution, notes={**execution.notes, PARENT: [*waits]}))
    return executor.advance(child_id, events.RestartRequested(), whole=True)


def of_subflow(command: commands.StartExecution, parent: Execution) -> models.Execution | None:
    """The execution of the same flow that the task run of the command started before and that it may go on with."""
    row = models.Execution.objects.filter(id=command.again, namespace=command.namespace, flow_id=command.flow_id).first()
    ours = row is not None and row.notes.get(PARENT, [])[:2] == [parent.id, command.task_run_id]
    return row if ours else None


def of_lines(parent: Execution, task_run_id: str, lines: Sequence[int]) -> Mapping[int, tuple[str, str]]:
    """Id and state of the execution that the task run started last for each of these lines of its file."""
    rows = models.Execution.objects.filter(caller_id=parent.id, **{f"notes__{PARENT}__1": task_run_id}).order_by("created")
    found = {row.notes[PARENT][3]: (row.id, row.state) for row in rows.filter(**{f"notes__{PARENT}__3__in": lines})}
    return {line: found[line] for line in lines if line in found}


def went_well(state: str) -> bool:
    """Whether there is nothing to run again."""
    return state in (states.SUCCESS, states.WARNING)
