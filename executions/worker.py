"""What a worker does with a message: claim the attempt, run the task, tell the engine how it ended, go on with what is cheap."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.utils import timezone

from engine import events
from engine.execution import TaskRun
from executions import attempts, children, claims, dispatch, flow_triggers, inplace, models, store
from executions.claims import Claim
from executions.context import Context, Sink
from executions.dispatch import Outgoing
from executions.executor import ExecutionMissing, Guard, Stale, Turn

logger = logging.getLogger(__name__)


def work(delivery_id: int) -> list[Outgoing]:
    """Run the attempt of one delivery if nobody has it yet; answers what to send next."""
    delivery = claims.take(delivery_id)
    if delivery is None:
        return []
    try:
        if delivery.inline:
            return _cheap([delivery, *claims.take_inline(delivery.execution_id)])
        with claims.held(delivery) as claim:
            return _attempt(delivery, claim)
    except (Stale, ExecutionMissing) as gone:
        logger.info("The answer of %s for execution %s does not count any more: %s", delivery.task_run_id, delivery.execution_id, gone)
        return []


def _cheap(deliveries: Sequence[models.Delivery]) -> list[Outgoing]:
    with claims.held(*deliveries):
        return inplace.drive(Turn.begin(deliveries[0].execution_id), deliveries)


def _attempt(delivery: models.Delivery, claim: Claim) -> list[Outgoing]:
    turn = Turn.begin(delivery.execution_id)
    turn.apply(events.TaskStarted(delivery.task_run_id, delivery.attempt, delivery.phase))
    dispatch.send(turn.commit())
    run, task = turn.table.runs.get(delivery.task_run_id), turn.table.task(delivery.task_run_id)
    if run is None or task is None or not _wanted(run, delivery):
        models.Delivery.objects.filter(id=delivery.id, claims=delivery.claims).update(status=models.Delivery.Status.DONE)
        return []
    sink = Sink()
    context = Context(
        turn.flow, turn.table.head, turn.table.runs, run, task, delivery.attempt, workspace=_workspace(delivery), claim=claim, sink=sink
    )
    answer = attempts.run(context, task, delivery.phase, claim)
    attempts.finish(context, answer)
    if claim.reason == "lost":
        return []
    turn = Turn.begin(delivery.execution_id)
    turn.apply(answer)
    turn.own_metrics = list(sink.metrics.values())
    return inplace.drive(turn, guard=Guard(deliveries=[(delivery.id, delivery.claims)]))


def _workspace(delivery: models.Delivery) -> str:
    return delivery.workspace or (delivery.task_run_id if delivery.phase != "run" else "")


def _wanted(run: TaskRun, delivery: models.Delivery) -> bool:
    """Whether the engine still waits for this attempt."""
    if run.state.terminated:
        return False
    if delivery.phase != "run":
        return bool(run.notes.get("phase") == delivery.phase)
    return bool(run.attempts) and run.attempts[-1].number == delivery.attempt and run.attempts[-1].state.current == "RUNNING"


def carry_out(command_id: int) -> list[Outgoing]:
    """Do what one Command row says, if it was not done before; answers what to send next."""
    row = models.Command.objects.filter(id=command_id).first()
    if row is None:
        return []
    try:
        if row.kind == store.FINISHED:
            return children.finished(row)
        if row.kind == store.CHANGED:
            return flow_triggers.changed(row)
        command = store.command_of(row)
        if isinstance(command, inplace.Question):
            return _answer(row, command)
        return children.carry_out(row, command)
    except (Stale, ExecutionMissing) as gone:
        logger.info("%s of execution %s is done already: %s", row.kind, row.execution_id, gone)
        return []


def _answer(row: models.Command, command: inplace.Question) -> list[Outgoing]:
    turn = Turn.begin(row.execution_id)
    turn.apply(inplace.answer(turn, command), timezone.now())
    return inplace.drive(turn, guard=Guard(commands=[row.id]))
