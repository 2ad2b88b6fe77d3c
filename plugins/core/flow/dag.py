"""Run tasks as soon as those they depend on have ended.

A dependency that ended with a warning or was skipped does not hold a task back; a failed one ends the group.

```yaml
id: by_dependency
namespace: company.team
tasks:
  - id: graph
    type: io.kestra.plugin.core.flow.Dag
    tasks:
      - task:
          id: extract
          type: io.kestra.plugin.core.log.Log
          message: first
      - task:
          id: left
          type: io.kestra.plugin.core.log.Log
          message: after extract
        dependsOn: [extract]
      - task:
          id: right
          type: io.kestra.plugin.core.log.Log
          message: after extract too
        dependsOn: [extract]
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from engine.execution import TaskRun
from engine.steering import Start, enabled
from plugins.contract import Answer, Schema, Situation
from plugins.core.flow._group import Steering, whole


class DagTask(Schema):
    """One task with what it depends on."""

    task: dict[str, Any] = Field(description="The task.")
    depends_on: list[str] | None = Field(None, description="Ids of the tasks that must have ended first.")


class Dag(Steering):
    """Run tasks by their dependencies."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Dag",)
    child_properties: ClassVar[tuple[str, ...]] = ("tasks", "errors", "finally")
    parallel: ClassVar[bool] = True

    tasks: list[DagTask] = Field(description="The tasks and their dependencies.", min_length=1)
    concurrent: int = Field(0, ge=0, description="How many may run at the same time; 0 for all.")

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """Every task whose dependencies have all ended."""
        tasks = enabled(situation.task.branches.get("tasks", ()))
        needs = dependencies(situation.task.properties)
        exists = {task.id for task in tasks}
        created = {run.task_id for run in situation.children}
        ended = {run.task_id for run in situation.children if run.state.terminated}
        ready = [Start(task) for task in tasks if task.id not in created and not (needs.get(task.id, set()) & exists) - ended]
        limit = whole(situation.task.properties, "concurrent", 0)
        return ready[: max(limit - len(created - ended), 0)] if limit else ready

    @classmethod
    def followers(cls, situation: Situation, run: TaskRun) -> tuple[TaskRun, ...]:
        """What depends on a task, directly or not."""
        needs, found = dependencies(situation.task.properties), {run.task_id}
        while more := {task for task, wanted in needs.items() if wanted & found} - found:
            found |= more
        return tuple(other for other in situation.children if other.task_id in found and other.id != run.id)


def dependencies(properties: Mapping[str, Any]) -> dict[str, set[str]]:
    """Ids that each task depends on, by its id."""
    return {entry["task"]["id"]: set(entry.get("dependsOn") or ()) for entry in properties.get("tasks") or ()}
