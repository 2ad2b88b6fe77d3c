"""The doors of Celery into this room."""

from __future__ import annotations

from celery import shared_task

from workspace import answering


@shared_task(name="workspace.answer", ignore_result=True)
def answer(question_id: str) -> None:
    """Answer one question about unsaved text."""
    answering.run(question_id)
