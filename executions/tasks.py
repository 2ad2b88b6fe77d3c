"""The doors of Celery into this room: each takes an id, calls one function and hands on what it returned."""

from __future__ import annotations

from celery import shared_task

from executions import connection_tests, dispatch, planning, polling, worker


@shared_task(name="executions.run_task", ignore_result=True)
def run_task(delivery_id: int) -> None:
    """Run one attempt."""
    dispatch.send(worker.work(delivery_id))


@shared_task(name="executions.run_cheap", ignore_result=True)
def run_cheap(delivery_id: int) -> None:
    """Run one attempt that takes a moment, and with it all others of its execution that do."""
    dispatch.send(worker.work(delivery_id))


@shared_task(name="executions.carry_out", ignore_result=True)
def carry_out(command_id: int) -> None:
    """Carry out one decision of the engine."""
    dispatch.send(worker.carry_out(command_id))


@shared_task(name="executions.evaluate_trigger", ignore_result=True)
def evaluate_trigger(state_id: int) -> None:
    """Evaluate a polling trigger once."""
    polling.evaluate(state_id)


@shared_task(name="executions.test_connection", ignore_result=True)
def test_connection(connection_id: int) -> None:
    """Try to connect once."""
    connection_tests.run(connection_id)


@shared_task(name="executions.make_plan", ignore_result=True)
def make_plan(plan_id: str) -> None:
    """Find out what a dbt task would do."""
    planning.make(plan_id)
