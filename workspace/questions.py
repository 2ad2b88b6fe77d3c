"""Asking dbt about unsaved text: the page puts a question, a worker answers it (`answering`), the page looks until it is answered."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from engine.texts import storable
from executions import world
from namespaces.files import Place
from namespaces.models import User
from namespaces.services import drafts
from ui.errors import Conflict, Invalid, Missing
from workspace import targets
from workspace.models import Question
from workspace.project_files import Project

KEPT = timedelta(days=1)
LONGEST_TEXT = 1_000_000
LONGEST_SELECTION = 100_000  # it is an argument of a command
MOST_ROWS = 5_000
State = Question.State
ENDED = (State.DONE, State.FAILED, State.CANCELLED)


class NoSuchQuestion(Missing):
    """There is no such question of yours; they are forgotten after a day."""


class NoWorker(Conflict):
    """No worker took the question in time: is one running?"""


def ask(*, user: User, project: Project, kind: str, path: str, text: str, **more: Any) -> Question:
    """Put a question. Another one of this kind that this person still has there is cancelled: its answer is no longer wanted."""
    if len(text) > (LONGEST_TEXT if more["selectable"] else LONGEST_SELECTION):
        raise Invalid("The text is too long for this.")
    for typed in (text, str(more.get("selection", ""))):
        drafts.checked(typed)
    place = project.place
    asked = {"path": path, "folder": project.folder, "text": text, "target": targets.chosen(user, place.namespace), **more}
    mine = Question.objects.filter(user=user, namespace=place.namespace, place=place.key, kind=kind)
    mine.filter(state__in=(State.WAITING, State.RUNNING)).update(state=State.CANCELLED, ended=timezone.now())
    Question.objects.filter(created__lt=timezone.now() - KEPT).delete()
    question = Question.objects.create(
        id=world.new_id(), namespace=place.namespace, place=place.key, user=user, kind=kind, asked=asked
    )  # fmt: skip
    transaction.on_commit(partial(_send, question.id))
    return question


def _send(question_id: str) -> None:
    try:
        current_app.send_task("workspace.answer", args=[question_id], retry=False)
    except (OperationalError, RedisError, OSError) as error:
        answer = {"problems": [problem(f"The question could not be sent to a worker: {type(error).__name__}")]}
        end(question_id, State.FAILED, answer)


def problem(message: str, line: int = 1, column: int = 1, **more: Any) -> dict[str, Any]:
    """A problem as the editor shows it."""
    return {"line": line, "column": column, "message": message, "severity": "error", **more}


def one(user: User, namespace: str, question_id: str) -> Question:
    """A question of this person. Raises `NoSuchQuestion`."""
    found = Question.objects.filter(id=question_id, user=user, namespace=namespace).first()
    if found is None:
        raise NoSuchQuestion
    return found


def waited(question: Question, seconds: float) -> Question:
    """The question when it is answered, or as it is after so long."""
    until, pause = time.monotonic() + seconds, 0.02
    while question.state not in ENDED and time.monotonic() < until:
        time.sleep(pause)
        pause = min(pause * 1.2, 0.25)
        question.refresh_from_db(fields=["state", "ended"])
    if question.state in ENDED:
        question.refresh_from_db()
    return question


def end(question_id: str, state: str, answer: dict[str, Any]) -> None:
    """Note the answer, unless it was cancelled."""
    open_ = Question.objects.filter(id=question_id, state__in=(State.WAITING, State.RUNNING))
    open_.update(state=state, answer=storable(answer), ended=timezone.now())


def cancel(question: Question) -> None:
    """Nobody wants the answer any more: the worker ends what it does for it."""
    end(question.id, State.CANCELLED, {})


def place_of(question: Question) -> Place:
    """The copy of the files that it is about."""
    return Place(question.namespace, tuple(question.place.split("/")))
