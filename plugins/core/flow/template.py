"""Run the tasks of a template, which several flows may share. Deprecated: a Subflow does more.

The tasks stand where this one is written, as if they were written here, each time an execution is loaded: a changed template counts at
once. `args` are rendered and are what the tasks see as `parent.outputs.args`. A template that is not there fails the task.

```yaml
id: from_template
namespace: company.team
tasks:
  - id: greet
    type: io.kestra.plugin.core.flow.Template
    namespace: company.team
    templateId: greeting
    args:
      name: "{{ flow.id }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from engine import states
from engine.steering import sequential
from plugins.contract import Answer, Finish, Situation, Text
from plugins.core.flow._group import Steering, answer_or_ask


class Template(Steering):
    """Run the tasks of a template."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Template",)
    deprecated: ClassVar[str] = "Use io.kestra.plugin.core.flow.Subflow."
    child_properties: ClassVar[tuple[str, ...]] = ("tasks", "errors", "finally")  # `tasks` are put in from the template
    outputs_schema: ClassVar[Mapping[str, str]] = {"args": "The rendered arguments."}

    namespace: Text = Field(description="Namespace of the template.")
    template_id: Text = Field(description="Id of the template.")
    args: dict[str, Any] | None = Field(None, description="Values that the tasks see as `parent.outputs.args`.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The next task of the template."""
        given = situation.task.properties
        tasks = situation.task.branches.get("tasks")
        if not tasks:
            return Finish(states.FAILED, f"Can't find flow template '{given.get('namespace')}.{given.get('templateId')}'")
        _, question = answer_or_ask(situation, "args")
        return question or sequential(tasks, situation.children)

    @classmethod
    def outputs(cls, situation: Situation) -> Mapping[str, Any] | None:
        """`args`, once they are rendered."""
        args, question = answer_or_ask(situation, "args")
        return None if question is not None or args is None else {"args": args}
