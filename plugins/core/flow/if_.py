"""Run `then` where a condition holds, `else` where it does not.

The condition is rendered once; it holds for everything but an empty text, `false`, `0` and `-0`. Without tasks for the answer the task
succeeds.

```yaml
id: either_or
namespace: company.team
inputs:
  - id: full
    type: BOOLEAN
    defaults: false
tasks:
  - id: choose
    type: io.kestra.plugin.core.flow.If
    condition: "{{ inputs.full }}"
    then:
      - id: all
        type: io.kestra.plugin.core.log.Log
        message: everything
    else:
      - id: some
        type: io.kestra.plugin.core.log.Log
        message: only what is new
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from engine.expressions import to_text, truthy
from engine.steering import sequential
from plugins.contract import Answer, Situation, Text
from plugins.core.flow._group import Steering, Tasks, answer_or_ask


class If(Steering):
    """Run tasks where a condition holds, others where it does not."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.If",)
    child_properties: ClassVar[tuple[str, ...]] = ("then", "else", "errors", "finally")
    outputs_schema: ClassVar[Mapping[str, str]] = {"evaluationResult": "Whether the condition held."}

    condition: Text = Field(description="Expression; rendered once.")
    then: Tasks = Field(description="Tasks for where it holds.", min_length=1)
    else_: Tasks | None = Field(None, alias="else", description="Tasks for where it does not.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The next task of the branch that the condition chose."""
        value, question = answer_or_ask(situation, "condition")
        if question is not None:
            return question
        path = "then" if _holds(value) else "else"
        return sequential(situation.task.branches.get(path, ()), situation.children, path=path)

    @classmethod
    def outputs(cls, situation: Situation) -> Mapping[str, Any] | None:
        """`evaluationResult`, once the condition is known."""
        value, question = answer_or_ask(situation, "condition")
        return None if question is not None else {"evaluationResult": _holds(value)}


def _holds(value: Any) -> bool:
    return truthy(None if value is None else to_text(value))
