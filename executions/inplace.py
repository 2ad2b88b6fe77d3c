"""Work so cheap that whoever advances an execution on a worker does it in place, slice by slice, without a trip through the queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from engine import commands, events
from engine.errors import ExpressionError, InputError
from engine.execution import Execution
from engine.expressions import render_any
from engine.inputs import flow_outputs
from executions import attempts, claims, executor, listening, models, ports, world
from executions.context import Context, Sink
from executions.dispatch import Outgoing
from executions.executor import Guard, Own, Turn
from executions.masks import Masks
from executions.sight import Sight
from namespaces import vault

Question = commands.Evaluate | commands.RenderOutputs | commands.JudgeListener
SLICE_SECONDS = 0.15  # so long nothing is saved and a kill is not seen


def drive(turn: Turn, deliveries: Sequence[models.Delivery] = (), guard: Guard | None = None) -> list[Outgoing]:
    """Do everything cheap of an execution, one commit per slice, until only work for others is left; answers what to send.

    `deliveries` are cheap attempts that the caller has claimed and holds; `guard` is what the first commit uses up. Raises executor.Stale.
    """
    outgoing: list[Outgoing] = []
    held = list(deliveries)
    with ExitStack() as stack:
        while True:
            for delivery in held:
                turn.mine[key_of(delivery)] = _command(delivery)
            done = _slice(turn)
            used = [(row.id, row.claims) for row in held if key_of(row) in done]
            outgoing += turn.commit(_with(guard, used), kept_by=claims.process_name())
            stack.enter_context(claims.held(*turn.kept))
            guard, held = None, [*(row for row in held if key_of(row) not in done), *turn.kept]
            if not held:
                return outgoing


def key_of(delivery: models.Delivery) -> executor.Key:
    """What identifies the attempt of a delivery."""
    return (delivery.task_run_id, delivery.attempt, delivery.phase)


def _command(delivery: models.Delivery) -> commands.RunTask:
    return commands.RunTask(delivery.task_run_id, delivery.attempt, "run", delivery.workspace or None)


def _with(guard: Guard | None, deliveries: Sequence[tuple[int, int]]) -> Guard:
    known = guard or Guard()
    return replace(known, deliveries=(*known.deliveries, *deliveries))


def _slice(turn: Turn) -> set[executor.Key]:
    """Work on what is cheap until the slice is over or nothing is left; answers the attempts that were run."""
    until = time.monotonic() + SLICE_SECONDS
    done: set[executor.Key] = set()
    while time.monotonic() < until:
        command = next((each for each in turn.effects.others if isinstance(each, Question)), None)
        if command is not None:
            if _looks_back(turn, command if isinstance(command, commands.Evaluate) else turn.flow.outputs):
                break
            turn.take_command(command)
            turn.apply(answer(turn, command))
            continue
        keys = list(turn.mine) or [key for key, run in turn.runs.items() if turn.is_free(run)]
        if not keys or _looks_back(turn, _properties(turn, keys[0])):
            break
        done |= _run_all(turn, keys, until)
    return done


def _run_all(turn: Turn, keys: Sequence[executor.Key], until: float) -> set[executor.Key]:
    """Run attempts that do not wait for each other, at least one and more until the slice is over, before the engine decides again."""
    done = set()
    for key in keys:
        if done and _looks_back(turn, _properties(turn, key)):
            break
        _run(turn, key)
        done.add(key)
        if time.monotonic() >= until:
            break
    turn.decide()
    return done


def _looks_back(turn: Turn, template: object) -> bool:
    """Whether something reads log lines that are not saved yet: the next slice will find them."""
    return bool(turn.said or any(own.lines for own in turn.own.values())) and "errorLogs" in str(template)


def _properties(turn: Turn, key: executor.Key) -> object:
    task = turn.table.task(key[0])
    return task.properties if task is not None else None


def _run(turn: Turn, key: executor.Key) -> None:
    run = turn.take_run(key)
    turn.hear(events.TaskStarted(run.task_run_id, run.attempt))
    task_run, task = turn.table.runs.get(run.task_run_id), turn.table.task(run.task_run_id)
    if task_run is None or task is None or not turn.runs_now(run.task_run_id):
        return  # it was killed or removed before it began
    own = turn.own[key] = Own()
    sink = Sink(own.lines.append)
    context = Context(turn.flow, turn.table.head, turn.table.runs, task_run, task, run.attempt, workspace=run.workspace or "", sink=sink)
    happened = attempts.run(context, task, "run")
    own.metrics.extend(sink.metrics.values())
    turn.hear(happened)


# --- questions of the engine ---------------------------------------------------------------------------------------------------


def answer(turn: Turn, command: Question) -> events.Evaluated | events.OutputsRendered | events.ListenerJudged:
    """Render, or judge, what the engine cannot by itself."""
    if isinstance(command, commands.Evaluate):
        return _evaluate(turn, command)
    if isinstance(command, commands.JudgeListener):
        return listening.judge(turn.flow, turn.execution, command.number)
    return _render_outputs(turn)


def _evaluate(turn: Turn, command: commands.Evaluate) -> events.Evaluated:
    run, task = turn.table.runs.get(command.task_run_id or ""), turn.table.task(command.task_run_id or "")
    masks = Masks()
    sight = Sight(turn.flow, turn.table.head, turn.table.runs, masks, run, task)
    try:
        value = sight.rendered(render_any, command.template, _functions(turn.table.head, masks))
    except ExpressionError as error:
        return events.Evaluated(command.task_run_id, command.property, error=masks.text(error.message))
    return events.Evaluated(command.task_run_id, command.property, _kept(value, command.property, masks))


def _kept(value: Any, property_: str, masks: Masks) -> Any:
    """A value as it may be stored: without secrets, but for the inputs of another execution, which needs them in clear."""
    if property_ != "call" or not isinstance(value, dict):
        return masks.value(value)
    return {name: masks.encrypted(item) if name == "inputs" else masks.value(item) for name, item in value.items()}


def _render_outputs(turn: Turn) -> events.OutputsRendered:
    masks = Masks()
    sight, functions = Sight(turn.flow, turn.table.head, turn.table.runs, masks), _functions(turn.table.head, masks)

    def rendered(value: object) -> object:
        return sight.rendered(render_any, value, functions)

    try:
        outputs = flow_outputs(turn.flow.outputs, render_any=rendered, store_file=_no_file, encrypt=vault.encrypt_value)
    except (ExpressionError, InputError) as error:
        return events.OutputsRendered(error=masks.text(error.message))
    return events.OutputsRendered(masks.value(outputs))


def _functions(execution: Execution, masks: Masks) -> Mapping[str, Callable[..., Any]]:
    return world.functions(execution, masks, ports.People(execution).may_read)


def _no_file(declared: object, value: object) -> str:
    raise ValueError("a FILE output is a `kestra:///` URI")
