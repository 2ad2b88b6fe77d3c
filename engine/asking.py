"""Rendering what the machine itself must know: purely where it can, else by asking the world and waiting for the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from engine.board import Board
from engine.commands import Evaluate
from engine.context import variables
from engine.errors import ExpressionError, WorldNeeded
from engine.events import Evaluated
from engine.execution import TaskRun
from engine.expressions import BOUNDED, SHORT, needs_world, render_any
from engine.needs import NOTHING, needs_of

PENDING: Final = object()
ENCRYPTED: Final = "io.kestra.datatype:aes_encrypted"


class AnswerFailed(Exception):
    """A property could not be rendered; `message` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def ask(board: Board, run: TaskRun, name: str, template: Any, *, again: bool = False) -> Any:
    """The rendered value of a property of a task run; PENDING while the world is asked. Raises AnswerFailed.

    The value is stored in the run's notes, so that it is rendered once, unless `again`.
    """
    answers = run.notes.get("answers", {})
    if name in answers and not again:
        answer = answers[name]
        if "error" in answer:
            raise AnswerFailed(answer["error"])
        return answer["value"]
    if name in run.notes.get("asked", ()):
        return PENDING
    if not worldly(template) and not out_of_sight(board, template):
        try:
            known = known_to(board, run, template)
            if not _sealed(template, known):
                return remember(board, run, name, render_any(template, known, functions=BOUNDED, options=SHORT))
        except WorldNeeded:
            pass  # told so only while rendering: ask the world instead
        except ExpressionError as error:
            raise AnswerFailed(error.message) from error
    board.note(board.runs[run.id], asked=[*run.notes.get("asked", ()), name])
    board.command(Evaluate(run.id, name, template))
    return PENDING


def known_to(board: Board, run: TaskRun | None, template: Any) -> dict[str, Any]:
    """The variables of a template, as far as the machine holds them."""
    task = board.task(run) if run is not None else None
    return variables(board.flow, board.head, run, world=board.world, task=task, runs=board.runs, needs=needs_of(template))


def out_of_sight(board: Board, template: Any) -> bool:
    """Whether a template may name task runs that are folded away: then the world, which has them, is asked."""
    return board.folds and needs_of(template) != NOTHING


def remember(board: Board, run: TaskRun, name: str, value: Any) -> Any:
    """Store the answer to a property as its flowable keeps it."""
    run = board.runs[run.id]
    kept = _kept(board, run, name, value)
    board.note(run, answers={**run.notes.get("answers", {}), name: {"value": kept}})
    return kept


def _kept(board: Board, run: TaskRun, name: str, value: Any) -> Any:
    task, kind = board.task(run), board.kind(run)
    return kind.keep(task, name, value) if task is not None and kind is not None and name != "runIf" else value


def worldly(template: Any) -> bool:
    """Whether any text in this structure names a function of the world."""
    if isinstance(template, str):
        return "{" in template and bool(needs_world(template))
    if isinstance(template, dict):
        return any(worldly(key) or worldly(value) for key, value in template.items())
    if isinstance(template, list | tuple):
        return any(map(worldly, template))
    return False


OF_NAMESPACE = re.compile(r"(?<![\w.])namespace\s*[.\[]")


def _sealed(template: Any, known: Mapping[str, Any]) -> bool:
    """Whether the template may meet an encrypted value or a variable of the namespace, which only the world can read."""
    text = str(template)
    return OF_NAMESPACE.search(text) is not None or any(name in text and _encrypted(known.get(name)) for name in ("inputs", "outputs"))


def _encrypted(value: Any) -> bool:
    if isinstance(value, Mapping):
        return value.get("type") == ENCRYPTED or any(map(_encrypted, value.values()))
    return isinstance(value, list) and any(map(_encrypted, value))


def answers_of(run: TaskRun) -> dict[str, Any]:
    """The rendered properties of a run by name."""
    return {name: answer.get("value") for name, answer in run.notes.get("answers", {}).items() if "error" not in answer}


def evaluated(board: Board, event: Evaluated) -> None:
    """The world answered: store it and look at the task run again."""
    run = board.run(event.task_run_id)
    if run is None or event.property not in run.notes.get("asked", ()) or run.state.terminated:
        return
    answer = {"error": event.error} if event.error is not None else {"value": _kept(board, run, event.property, event.value)}
    asked = [name for name in run.notes["asked"] if name != event.property]
    answers = {**run.notes.get("answers", {}), event.property: answer}
    notes = {**run.notes, "asked": asked, "answers": answers}
    board.put(replace(run, notes={key: value for key, value in notes.items() if key != "asked" or value}))
    board.touch(run.parent_id)
    board.touch(run.id)
