"""The doors of Celery into this room."""

from __future__ import annotations

from celery import shared_task

from catalog import intake, tracing


@shared_task(name="catalog.take_in", ignore_result=True)
def take_in(intake_id: int) -> None:
    """Take in the artifacts that one task run left."""
    intake.take_in(intake_id)


@shared_task(name="catalog.trace", ignore_result=True)
def trace(project_id: int) -> None:
    """Trace the columns of a project."""
    tracing.trace(project_id)
