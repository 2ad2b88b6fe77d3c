"""Run a task that is only known when it runs: its YAML is rendered first, type and properties included.

What is rendered must be a task that does something, not one that steers others.

```yaml
id: whatever_is_asked
namespace: company.team
inputs:
  - id: spec
    type: STRING
    defaults: |
      type: io.kestra.plugin.core.log.Log
      message: made on the way
tasks:
  - id: made
    type: io.kestra.plugin.core.templating.TemplatedTask
    spec: "{{ inputs.spec }}"
```
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from engine.document import Task
from engine.yaml_ import load
from plugins.catalog import CATALOG
from plugins.contract import Result, RunContext, RunnableTask, TaskFailed, Text


class TemplatedTask(RunnableTask):
    """Run a task that is rendered first."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.templating.TemplatedTask",)

    spec: Text = Field(description="YAML of the task; rendered before it is read.")

    def run(self, context: RunContext) -> Result:
        """Render, read, check, run: outputs are those of the task."""
        given = self._read(context.render(self.spec))
        told = CATALOG.check({"id": self.id, **given}, "task")
        if told:
            raise TaskFailed(f"The rendered task is not valid: {'; '.join(message for message, _ in told)}", retryable=False)
        task = CATALOG.build(Task(self.id, CATALOG.canonical(str(given["type"])), {"id": self.id, **given}))
        if isinstance(task, TemplatedTask):
            raise TaskFailed(f"The templated task cannot be of type '{self.type}'", retryable=False)
        if not isinstance(task, RunnableTask):
            raise TaskFailed("The templated task must be a runnable task", retryable=False)
        return task.run(context)

    def _read(self, text: str) -> dict[str, object]:
        document = load(text)
        if document.problems:
            raise TaskFailed(f"The rendered `spec` is no YAML: {document.problems[0].message}", retryable=False)
        if not isinstance(document.value, dict) or not isinstance(document.value.get("type"), str):
            raise TaskFailed("The rendered `spec` must be a map with the `type` of a task", retryable=False)
        return document.value
