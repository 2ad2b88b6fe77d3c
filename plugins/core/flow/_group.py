"""What the flowables share: the properties that hold tasks, and reading what a property says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from engine.steering import Situation, sequential
from plugins.contract import Answer, Ask, FlowableTask

Tasks = Annotated[list[dict[str, Any]], Field(json_schema_extra={"x-tasks": True})]


class Steering(FlowableTask):
    """A flowable with the branches every one of them has."""

    errors: Tasks | None = Field(None, description="Tasks that run, in order, once a task of this one failed.")
    finally_: Tasks | None = Field(None, alias="finally", description="Tasks that run at the end, whether the others failed or not.")


class Group(Steering):
    """A flowable around one list of tasks, run in order."""

    child_properties: ClassVar[tuple[str, ...]] = ("tasks", "errors", "finally")

    tasks: Tasks = Field(description="The tasks inside.", min_length=1)

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The next task, once the one before has ended."""
        return sequential(situation.task.branches.get("tasks", ()), situation.children)


def answer_or_ask(situation: Situation, name: str, default: Any = None) -> tuple[Any, Ask | None]:
    """The rendered value of a property, or the question for it; a property without an expression is its own answer."""
    template = situation.task.properties.get(name, default)
    if name in situation.answers:
        return situation.answers[name], None
    dynamic = "{" in template if isinstance(template, str) else isinstance(template, list | dict)
    return (None, Ask(name, template)) if dynamic else (template, None)


def whole(properties: Mapping[str, Any], name: str, default: int) -> int:
    """A number of the flow, written plainly or as text."""
    given = properties.get(name)
    return default if given is None else int(given)
