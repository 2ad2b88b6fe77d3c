"""What a Flow trigger waits for: other flows and filters that must all have matched an execution within a window of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Any, Literal

import regex
from pydantic import Field

from engine.expressions import to_text
from plugins.contract import ConditionFailed, Facts, Schema, Text, Window
from plugins.core.condition._labels import pairs
from plugins.core.condition._states import StateName, allows
from plugins.core.condition._windows import TimeWindow

PATTERN_SECONDS = 0.2
Operator = Literal[
    "EQUAL_TO", "NOT_EQUAL_TO", "IN", "NOT_IN", "IS_TRUE", "IS_FALSE", "IS_NULL", "IS_NOT_NULL", "STARTS_WITH", "ENDS_WITH", "REGEX",
    "CONTAINS",
]  # fmt: skip


class Upstream(Schema):
    """A flow that must have reached a state."""

    namespace: Text = Field(description="Namespace of the flow.")
    flow_id: Text | None = Field(None, description="Id of the flow; any flow of the namespace where it is left out.")
    states: list[StateName] | None = Field(None, description="States that count; those of the trigger where they are left out.")
    labels: dict[str, Any] | list[dict[str, Any]] | None = Field(None, description="Labels that the execution must have.")

    def holds(self, facts: Facts) -> bool:
        """Whether the execution is one of this flow, in such a state, with these labels."""
        execution = facts.judged()
        same = execution.namespace == self.namespace and self.flow_id in (None, execution.flow_id)
        return same and allows(execution.state.current, self.states, None) and set(pairs(self.labels)) <= set(execution.labels)


class Filter(Schema):
    """One comparison. With EXPRESSION, `value` is the expression and, as in Kestra, also what it is compared with."""

    field: Literal["FLOW_ID", "NAMESPACE", "STATE", "EXPRESSION"] = Field(description="What is compared.")
    type: Operator = Field(description="How it is compared.")
    value: Text | None = Field(None, description="What it is compared with.")
    values: list[Text] | None = Field(None, description="What it is compared with by IN and NOT_IN.")

    def holds(self, facts: Facts) -> bool:
        """Whether the comparison is true of the execution."""
        return OPERATORS[self.type](self._found(facts), self.value or "", self.values or ())

    def _found(self, facts: Facts) -> str:
        execution = facts.judged()
        match self.field:
            case "FLOW_ID":
                return execution.flow_id
            case "NAMESPACE":
                return execution.namespace
            case "STATE":
                return execution.state.current
        return facts.render(self.value or "", {})


class Where(Schema):
    """Comparisons of which all, or one, must be true of one execution."""

    id: Text = Field(description="Unique within the preconditions.")
    operand: Literal["AND", "OR"] = Field("AND", description="Whether all filters must be true, or one.")
    filters: list[Filter] = Field(description="The comparisons.", min_length=1)

    def holds(self, facts: Facts) -> bool:
        """Whether they are."""
        found = (one.holds(facts) for one in self.filters)
        return all(found) if self.operand == "AND" else any(found)


class Preconditions(Schema):
    """What must come together."""

    id: Text = Field(description="Unique within the trigger: what was true is remembered under it.", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$")
    description: Text | None = Field(None, description="What they are about.")
    time_window: TimeWindow | None = Field(None, description="How long what was true is remembered; a day where it is left out.")
    reset_on_success: bool = Field(True, description="Forget everything when the flow starts; else each further match starts it again.")
    flows: list[Upstream] = Field([], description="Flows that must have reached a state.")
    where: list[Where] = Field([], description="Filters that must have matched an execution.")

    def names(self) -> tuple[str, ...]:
        """The names of what must come together."""
        return tuple(self._parts())

    def judge(self, name: str, facts: Facts) -> bool:
        """Whether one of them is true of the execution. Raises ConditionFailed."""
        return self._parts()[name].holds(facts)

    def window_at(self, now: datetime, server: tzinfo) -> Window:
        """The window that is open now."""
        return (self.time_window or TimeWindow.model_validate({})).at(now, server)

    def _parts(self) -> dict[str, Upstream | Where]:
        flows = {f"flow_{number}": one for number, one in enumerate(self.flows)}
        return {**flows, **{f"where_{one.id}": one for one in self.where}}


def _matches(found: str, pattern: str) -> bool:
    try:
        return regex.fullmatch(pattern, found, timeout=PATTERN_SECONDS) is not None
    except (regex.error, TimeoutError) as error:
        raise ConditionFailed(f"The pattern `{pattern[:100]}` cannot be used: {error}") from error


OPERATORS: dict[str, Callable[[str, str, Sequence[str]], bool]] = {
    "EQUAL_TO": lambda found, value, values: found == value,
    "NOT_EQUAL_TO": lambda found, value, values: found != value,
    "IN": lambda found, value, values: found in values,
    "NOT_IN": lambda found, value, values: found not in values,
    "IS_TRUE": lambda found, value, values: found == to_text(True),
    "IS_FALSE": lambda found, value, values: found == to_text(False),
    "IS_NULL": lambda found, value, values: found == "",
    "IS_NOT_NULL": lambda found, value, values: found != "",
    "STARTS_WITH": lambda found, value, values: found.startswith(value),
    "ENDS_WITH": lambda found, value, values: found.endswith(value),
    "REGEX": lambda found, value, values: _matches(found, value),
    "CONTAINS": lambda found, value, values: value in found,
}
