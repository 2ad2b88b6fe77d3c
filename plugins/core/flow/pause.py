"""Pause the execution until somebody resumes it, or for a while.

Without `delay` it waits for a person, who may give values for `onResume`. `delay` goes on by itself after that time; `pauseDuration` does
so too, or what `behavior` says. `timeout` fails the task when nobody resumed it by then. `onPause` is a task that runs at once while it
waits; where that one fails the pause does, too. `tasks` run after the pause (deprecated: write them after it).

```yaml
id: ask_first
namespace: company.team
tasks:
  - id: approve
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - id: reason
        type: STRING
  - id: go_on
    type: io.kestra.plugin.core.log.Log
    message: "approved because {{ outputs.approve.onResume.reason }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine import states
from engine.expressions.values import duration_of
from engine.steering import Start, enabled, sequential
from plugins.contract import Answer, Duration, Expression, Finish, Hold, Situation
from plugins.core.flow._group import Steering, Tasks, answer_or_ask

RESUME = "RESUME"
ENDS = {"WARN": states.WARNING, "FAIL": states.FAILED, "CANCEL": states.CANCELLED}


class Pause(Steering):
    """Pause until somebody resumes, or for a while."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Pause",)
    waits: ClassVar[bool] = True
    child_properties: ClassVar[tuple[str, ...]] = ("onPause", "tasks", "errors", "finally")
    outputs_schema: ClassVar[Mapping[str, str]] = {"onResume": "The values given when it was resumed."}

    delay: Duration | None = Field(None, description="Go on by itself after this time, ISO 8601.")
    pause_duration: Duration | None = Field(None, description="The newer spelling of delay, which `behavior` goes with.")
    behavior: Literal["RESUME", "WARN", "FAIL", "CANCEL"] | Expression = Field(
        "RESUME", description="What happens after `pauseDuration`: go on, go on with a warning, fail, or cancel the execution."
    )
    on_resume: list[dict[str, Any]] | None = Field(None, description="Inputs to ask for when it is resumed, written as a flow's inputs.")
    on_pause: dict[str, Any] | None = Field(None, description="A task that runs as soon as it pauses, to tell somebody.")
    tasks: Tasks | None = Field(None, description="Tasks that run after the pause.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """Hold, then the tasks inside."""
        if situation.resumed:
            return sequential(situation.task.branches.get("tasks", ()), situation.children)
        name = "pauseDuration" if "pauseDuration" in situation.task.properties else "delay"
        for wanted in (name, "timeout"):
            value, question = answer_or_ask(situation, wanted)
            behavior, other = answer_or_ask(situation, "behavior", "RESUME")
            if question is not None or other is not None:
                return question or other or Hold()
            if value is not None:
                return _hold(situation, value, "FAIL" if wanted == "timeout" else str(behavior))
        return Hold(beside=_beside(situation))


def _beside(situation: Situation) -> tuple[Start, ...]:
    tasks = situation.task.branches.get("onPause", ())
    return tuple(Start(task, "onPause") for task in enabled(tasks)) if not situation.children else ()


def _hold(situation: Situation, value: Any, behavior: str) -> Answer:
    try:
        date = situation.now + duration_of(value)
    except ValueError as error:
        return Finish(states.FAILED, str(error))
    if behavior not in (RESUME, *ENDS):
        return Finish(states.FAILED, f"`behavior` is one of {', '.join((RESUME, *ENDS))}, found {behavior}")
    beside = _beside(situation)
    return Hold(resume_at=date, beside=beside) if behavior == RESUME else Hold(end_at=date, end=ENDS[behavior], beside=beside)
