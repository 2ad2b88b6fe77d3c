"""Tasks that run again and again until a condition holds: what LoopUntil and its older self WaitFor share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from engine import states
from engine.expressions import to_text, truthy
from engine.expressions.values import duration_of
from engine.steering import sequential
from plugins.contract import Answer, Ask, Expression, Finish, Repeat, Situation, Start, Text
from plugins.core.flow._group import Group

FREQUENCY = "checkFrequency"


class Rounds(Group):
    """Run tasks again and again; `most` says the maxima that count where none are given, `beyond` whether one round more may run."""

    outputs_schema: ClassVar[Mapping[str, str]] = {"iterationCount": "Rounds begun, from 1."}
    waits: ClassVar[bool] = True
    most: ClassVar[Mapping[str, Any]] = {}
    beyond: ClassVar[bool] = False

    condition: Text = Field(description="Expression; rendered after each round.")
    fail_on_max_reached: bool | Expression = Field(False, description="Fail when a maximum is reached.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The next task of the round, or the next round."""
        starts = sequential(situation.task.branches.get("tasks", ()), situation.children, iteration=situation.iteration)
        if starts or any(run.state.current != states.SUCCESS for run in situation.children):
            return starts
        given = situation.task.properties
        if "condition" not in situation.answers:
            return Ask("condition", given.get("condition"))
        value = situation.answers["condition"]
        if truthy(None if value is None else to_text(value)):
            return []
        if FREQUENCY not in situation.answers:
            return Ask(FREQUENCY, {**cls.most, **(given.get(FREQUENCY) or {}), "fail": given.get("failOnMaxReached", False)})
        try:
            return _next_round(situation, situation.answers[FREQUENCY], beyond=cls.beyond)
        except ValueError as error:
            return Finish(states.FAILED, str(error))

    @classmethod
    def outputs(cls, situation: Situation) -> Mapping[str, Any] | None:
        """`iterationCount`."""
        return {"iterationCount": situation.iteration}


def _next_round(situation: Situation, frequency: Mapping[str, Any], *, beyond: bool) -> Finish | Repeat | list[Start]:
    iteration = situation.iteration + 1
    most, longest = frequency.get("maxIterations"), frequency.get("maxDuration")
    over = most is not None and iteration > int(most) + beyond
    if longest is not None and situation.now - situation.run.state.start > duration_of(longest):
        over = True
    if not over:
        return Repeat(situation.now + duration_of(frequency["interval"]), iteration)
    if to_text(frequency["fail"]) == "true":
        return Finish(states.FAILED, f"The condition did not hold after {situation.iteration} iterations")
    return []
