"""Run the tasks of the case that a value names, or `defaults` where no case does.

The rendered value must equal the case's name exactly. Without a case and without `defaults` the task fails.

```yaml
id: by_kind
namespace: company.team
inputs:
  - id: kind
    type: STRING
    defaults: daily
tasks:
  - id: choose
    type: io.kestra.plugin.core.flow.Switch
    value: "{{ inputs.kind }}"
    cases:
      daily:
        - id: day
          type: io.kestra.plugin.core.log.Log
          message: the last day
      weekly:
        - id: week
          type: io.kestra.plugin.core.log.Log
          message: the last week
    defaults:
      - id: other
        type: io.kestra.plugin.core.log.Log
        message: "nothing known of {{ inputs.kind }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from engine import states
from engine.expressions import to_text
from engine.steering import sequential
from plugins.contract import Answer, Finish, Situation, Text
from plugins.core.flow._group import Steering, Tasks, answer_or_ask


class Switch(Steering):
    """Run the tasks of the case that a value names."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Switch",)
    child_properties: ClassVar[tuple[str, ...]] = ("cases", "defaults", "errors", "finally")
    outputs_schema: ClassVar[Mapping[str, str]] = {"value": "The rendered value.", "defaults": "Whether no case matched."}

    value: Text = Field(description="Expression whose rendering names the case.")
    cases: dict[str, Tasks] | None = Field(None, description="Tasks by case.")
    defaults: Tasks | None = Field(None, description="Tasks for where no case matches.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The next task of the case; fails where there is none."""
        value, question = answer_or_ask(situation, "value")
        if question is not None:
            return question
        path = _path(situation, value)
        tasks = situation.task.branches.get(path)
        if not tasks:
            return Finish(states.FAILED, f"No case for the value {_text(value)!r}, and no defaults")
        return sequential(tasks, situation.children, path=path)

    @classmethod
    def outputs(cls, situation: Situation) -> Mapping[str, Any] | None:
        """`value` and `defaults`, once the value is known."""
        value, question = answer_or_ask(situation, "value")
        return None if question is not None else {"value": _text(value), "defaults": _path(situation, value) == "defaults"}


def _text(value: Any) -> str:
    return "" if value is None else to_text(value)


def _path(situation: Situation, value: Any) -> str:
    path = f"cases.{_text(value)}"
    return path if path in situation.task.branches else "defaults"
