"""Starting one execution for each line of a stored file, a wave at a time, and keeping what each gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine import commands, events
from engine.context import find_task
from engine.errors import ExpressionError
from engine.execution import Execution, TaskRun
from engine.expressions import render_any, to_text
from engine.expressions.ion import to_ion
from executions import born, children_again, executor, models, ports, storage, world
from executions.dispatch import Outgoing
from executions.executor import ExecutionMissing, Guard
from executions.sight import Sight
from flows import selectors as flow_selectors
from plugins.core.flow.subflow import labels_of
from ui.errors import Invalid, KestraError

RENDERED = ("namespace", "flowId", "inputs", "labels", "scheduleDate")


def start(row: models.Command, command: commands.StartEach, parent: Execution) -> list[Outgoing]:
    """Start a wave, as far as it goes, and tell the parent; answers what to send."""
    run = parent.run(command.task_run_id)
    if run is None:
        raise ExecutionMissing
    uris, total, message = [], 0, None
    made: list[str] = []
    outgoing: list[Outgoing] = []
    ended: list[events.ChildEnded] = []
    try:
        uris, total = _lines(parent, command)
        maker = _Maker.of(parent, run, command)
        numbered = dict(enumerate(uris, start=command.first))
        earlier = children_again.of_lines(parent, run.id, list(numbered)) if command.again else {}
        for line, uri in numbered.items():
            id_, state = earlier.get(line, ("", ""))
            if children_again.went_well(state):
                ended.append(events.ChildEnded(run.id, id_, state, batch=(command.attempt, line)))
            else:
                sent = children_again.begin(id_, parent, [parent.id, run.id, command.attempt, line]) if id_ else None
                if sent is None:
                    id_ = born.child_id(row, line)
                    sent = maker.start(id_, line, uri)
                outgoing += sent
            made.append(id_)
    except KestraError as error:
        message = error.message
    base = base_of(parent, run)
    told = events.EachStarted(command.task_run_id, command.attempt, command.first, len(made), total, base, message)
    outgoing += executor.advance(parent.id, told, *ended, guard=Guard(commands=[row.id]))
    return [*outgoing, *born.killed_with(parent, made)]


def base_of(execution: Execution | models.Execution, run: TaskRun | models.TaskRun) -> str:
    """The folder, as a URI, where the outputs of every execution that this task run started are kept."""
    return storage.task_uri(execution, run.task_id, run.id, "batches")


def _lines(parent: Execution, command: commands.StartEach) -> tuple[list[str], int]:
    """The lines of the wave, and how many there are in all."""
    storage.check_owned(command.lines, parent)
    wanted, total = [], 0
    with storage.existing(command.lines).open(encoding="utf-8") as file:
        for total, text in enumerate(file, start=1):
            if command.first <= total < command.first + command.count:
                wanted.append(text.strip())
    return wanted, total


@dataclass(frozen=True, slots=True)
class _Maker:
    """Starts the executions of one wave; what their properties may name is looked up once."""

    parent: Execution
    run: TaskRun
    attempt: int
    properties: Mapping[str, Any]
    known: Mapping[str, Any]
    functions: Mapping[str, Any]
    masks: world.Masks

    @classmethod
    def of(cls, parent: Execution, run: TaskRun, command: commands.StartEach) -> _Maker:
        flow = flow_selectors.parsed(parent.namespace, parent.flow_id, parent.flow_revision)
        runs = {each.id: each for each in parent.task_runs}
        task = find_task(flow, runs, run)
        if task is None:
            raise Invalid(f"The flow has no task {run.task_id} at this place")
        masks = world.Masks()
        known = Sight(flow, parent, runs, masks, run, task).of({name: task.properties.get(name) for name in RENDERED})
        functions = world.functions(parent, masks, ports.People(parent).may_read)
        return cls(parent, run, command.attempt, task.properties, known, functions, masks)

    def start(self, id_: str, line: int, uri: str) -> list[Outgoing]:
        """Start the execution of one line; raises KestraError."""
        try:
            call = self._call(line, uri)
        except (ExpressionError, ValueError) as error:
            raise Invalid(self.masks.text(error.message if isinstance(error, ExpressionError) else str(error))) from error
        return born.create(call, self.parent, id_, batch=(self.attempt, line), masks=self.masks)

    def _call(self, line: int, uri: str) -> commands.StartExecution:
        given = self.properties
        known = {**self.known, "taskrun": {**self.known["taskrun"], "items": uri, "iteration": line}}
        dynamic = {name: given[name] for name in RENDERED if given.get(name) is not None}
        rendered = render_any(dynamic, known, functions=self.functions, options=world.options())
        date = rendered.get("scheduleDate")
        return commands.StartExecution(
            namespace=to_text(rendered["namespace"]),
            flow_id=to_text(rendered["flowId"]),
            task_run_id=self.run.id,
            revision=given.get("revision"),
            inputs=rendered.get("inputs"),
            labels=labels_of(rendered.get("labels")),
            wait=given.get("wait", True),
            schedule_date=datetime.fromisoformat(date) if date else None,
            inherit_labels=given.get("inheritLabels", False),
        )


def keep_outputs(execution: Execution) -> None:
    """Store what an execution declares as its outputs, as a line of Ion in its parent's place for that."""
    if not execution.outputs:
        return
    parent_id, task_run_id, _, line = execution.notes[born.PARENT]
    run = models.TaskRun.objects.filter(id=task_run_id, execution_id=parent_id).select_related("execution").first()
    if run is not None:
        storage.write(f"{base_of(run.execution, run)}/{line}/outputs.ion", f"{to_ion(execution.outputs)}\n".encode())
