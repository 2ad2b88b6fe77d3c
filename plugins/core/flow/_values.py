"""The values of a loop, and the groups of task runs that belong to each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from engine.document import Task
from engine.execution import TaskRun
from engine.expressions import to_json
from engine.steering import Start, enabled
from plugins.contract import Ask, Situation


class BadValues(ValueError):
    """What a loop was given cannot be looped over; the message says what was found."""


def values_or_ask(situation: Situation, name: str) -> tuple[list[str], Ask | None]:
    """The distinct values of a loop as texts, or the question for them. Raises BadValues."""
    template = situation.task.properties.get(name)
    if name not in situation.answers:
        if isinstance(template, list):
            _check_elements(template)
        return [], Ask(name, template)
    return distinct(situation.answers[name], given_as_text=isinstance(template, str)), None


def distinct(rendered: Any, *, given_as_text: bool) -> list[str]:
    """Texts of the values, each once, in order: a text is read as a JSON array, what is not a text becomes its JSON."""
    values = _parsed(rendered) if given_as_text and isinstance(rendered, str) else rendered
    if not isinstance(values, list):
        raise BadValues(f"Expected a list of values, found {to_json(values)[:200]}")
    missing = sum(value is None for value in values)
    if missing:
        raise BadValues(f"Found '{missing}' null values on Each, with values={to_json(values)}")
    return list(dict.fromkeys(value if isinstance(value, str) else to_json(value) for value in values))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadValues(f"Expected a JSON array of values, found {text[:200]!r}") from error


def _check_elements(values: Sequence[Any]) -> None:
    for value in values:
        if isinstance(value, bool | float | list):
            raise BadValues(f"Unknown value element type: {type(value).__name__}")


def value_by_value(tasks: Sequence[Task], values: Sequence[str], runs: Sequence[TaskRun]) -> list[Start]:
    """The next task of the loop, everything one after another."""
    if runs and not runs[-1].state.terminated:
        return []
    created = {(run.value, run.task_id) for run in runs}
    inner = enabled(tasks)
    return next(([Start(task, value=value)] for value in values for task in inner if (value, task.id) not in created), [])


def group_by_group(tasks: Sequence[Task], values: Sequence[str], runs: Sequence[TaskRun], limit: int) -> list[Start]:
    """What may begin where every value is a sequence of its own, at most `limit` values at a time, 0 for all."""
    inner = enabled(tasks)
    by_value: dict[str | None, list[TaskRun]] = {}
    for run in runs:
        by_value.setdefault(run.value, []).append(run)
    active = sum(_active(group, inner) for group in by_value.values())
    starts: list[Start] = []
    for value in values if inner else ():
        group = by_value.get(value)
        if group is None:
            if limit and active >= limit:
                continue
            active += 1
            starts.append(Start(inner[0], value=value))
        elif group[-1].state.terminated and len(group) < len(inner):
            starts.append(Start(inner[len(group)], value=value))
    return starts


def _active(group: Sequence[TaskRun], inner: Sequence[Task]) -> bool:
    return len(group) < len(inner) or not group[-1].state.terminated
