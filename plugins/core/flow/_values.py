"""The values of a loop, and the groups of task runs that belong to each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from engine import states
from engine.document import Task
from engine.execution import TaskRun
from engine.expressions import to_json
from engine.expressions.values import java_class, java_text
from engine.folding import open_places
from engine.steering import Start, enabled
from plugins.contract import Answer, Ask, Finish, Situation
from plugins.core.flow._group import Group


class BadValues(ValueError):
    """What a loop was given cannot be looped over; the message says what was found."""


class Loop(Group):
    """A flowable that runs its tasks once for each of the values that the property `values_property` gives."""

    loops: ClassVar[bool] = True
    values_property: ClassVar[str] = "values"

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """What may begin of the values that are not through."""
        name = cls.values_property
        if name not in situation.answers:
            return Ask(name, situation.task.properties.get(name))
        values = situation.answers[name]
        return cls.starts(situation, values) if isinstance(values, list) else Finish(states.FAILED, str(values["error"]))

    @classmethod
    def starts(cls, situation: Situation, values: Sequence[str]) -> list[Start]:
        """What may begin now."""
        raise TypeError(f"{cls.__name__} does not define starts()")

    @classmethod
    def keep(cls, task: Task, name: str, value: Any) -> Any:
        """The distinct values as texts, or `{"error": message}` for what cannot be looped over."""
        if name != cls.values_property:
            return value
        template = task.properties.get(name)
        try:
            if isinstance(template, list):
                _check_elements(template)
            return distinct(value, given_as_text=isinstance(template, str))
        except BadValues as error:
            return {"error": str(error)}

    @classmethod
    def rounds(cls, situation: Situation) -> Iterable[tuple[int, Sequence[TaskRun]]]:
        """The values all of whose tasks have ended."""
        values = situation.answers.get(cls.values_property)
        if not isinstance(values, list):
            return
        inner = len(enabled(situation.task.branches.get("tasks", ())))
        groups = by_value(situation.children)
        for place in open_places(len(values), situation.run.notes):
            group = groups.pop(values[place], None)
            if group is not None and len(group) == inner and all(run.state.terminated for run in group):
                yield place, group
            if not groups:
                return


def by_value(runs: Iterable[TaskRun]) -> dict[str | None, list[TaskRun]]:
    """Task runs by the value that they are of."""
    found: dict[str | None, list[TaskRun]] = {}
    for run in runs:
        found.setdefault(run.value, []).append(run)
    return found


def distinct(rendered: Any, *, given_as_text: bool) -> list[str]:
    """Texts of the values, each once, in order: a text is read as a JSON array, what is not a text becomes its JSON. Raises BadValues."""
    values = _parsed(rendered) if given_as_text and isinstance(rendered, str) else rendered
    if not isinstance(values, list):
        raise BadValues(f"Expected a list of values, found {to_json(values)[:200]}")
    missing = sum(value is None for value in values)
    if missing:
        raise BadValues(f"Found '{missing}' null values on Each, with values={java_text(values)}")
    return list(dict.fromkeys(value if isinstance(value, str) else to_json(value) for value in values))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadValues(f"Expected a JSON array of values, found {text[:200]!r}") from error


def _check_elements(values: Sequence[Any]) -> None:
    for value in values:
        if isinstance(value, bool | float | list):
            raise BadValues(f"Unknown value element type: class {java_class(value)}")


def value_by_value(situation: Situation, values: Sequence[str]) -> list[Start]:
    """The next task of the loop, everything one after another."""
    runs = situation.children
    if runs and not runs[-1].state.terminated:
        return []
    inner, groups = enabled(situation.task.branches.get("tasks", ())), by_value(runs)
    for place, value in _open_values(situation, values) if inner else ():
        created = {run.task_id for run in groups.get(value, ())}
        upcoming = next((task for task in inner if task.id not in created), None)
        if upcoming is not None:
            return [Start(upcoming, value=value, iteration=place)]
    return []


def group_by_group(situation: Situation, values: Sequence[str], limit: int) -> list[Start]:
    """What may begin where every value is a sequence of its own, at most `limit` values at a time, 0 for all."""
    inner, groups = enabled(situation.task.branches.get("tasks", ())), by_value(situation.children)
    active = sum(_active(group, inner) for group in groups.values())
    bound = _smaller(limit, situation.window)
    starts: list[Start] = []
    going_on = len(groups)
    for place, value in _open_values(situation, values) if inner else ():
        group = groups.get(value)
        if group is not None:
            going_on -= 1
            if group[-1].state.terminated and len(group) < len(inner):
                starts.append(Start(inner[len(group)], value=value, iteration=place))
        elif not bound or active < bound:
            active += 1
            starts.append(Start(inner[0], value=value, iteration=place))
        elif not going_on:
            break
    return starts


def side_by_side(situation: Situation, values: Sequence[str], limit: int) -> list[Start]:
    """What may begin where nothing waits for anything, at most `limit` task runs at a time, 0 for all."""
    inner, groups = enabled(situation.task.branches.get("tasks", ())), by_value(situation.children)
    bound = _smaller(limit, situation.window)
    room = bound - sum(not run.state.terminated for run in situation.children) if bound else len(values) * len(inner)
    starts: list[Start] = []
    for place, value in _open_values(situation, values):
        if len(starts) >= room:
            break
        created = {run.task_id for run in groups.get(value, ())}
        starts += [Start(task, value=value, iteration=place) for task in inner if task.id not in created]
    return starts[: max(room, 0)]


def _open_values(situation: Situation, values: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The values that are not folded, each with its place among all, from 0."""
    return ((place, values[place]) for place in open_places(len(values), situation.run.notes))


def _smaller(limit: int, window: int) -> int:
    """The smaller of two bounds, 0 standing for none."""
    return min(limit, window) if limit and window else limit or window


def _active(group: Sequence[TaskRun], inner: Sequence[Task]) -> bool:
    return len(group) < len(inner) or not group[-1].state.terminated
