"""Run another flow, and wait for its end.

With `wait: false` the task ends as soon as the other execution exists. With `transmitFailed` (the default) FAILED, KILLED and WARNING
of the other execution become those of this task. Unlike Kestra, this obeys `runIf`.

When this execution is restarted, the other execution that failed is restarted too, from where it failed; with
`restartBehavior: NEW_EXECUTION` another one is started.

```yaml
id: parent
namespace: company.team
tasks:
  - id: child
    type: io.kestra.plugin.core.flow.Subflow
    namespace: company.team
    flowId: load_orders
    inputs:
      day: "{{ execution.startDate }}"
  - id: after
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.child.executionId }} ended with {{ outputs.child.state }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine import states
from engine.expressions import to_text
from plugins.contract import Answer, Ask, Call, Finish, FlowableTask, Situation, Text

RENDERED = ("namespace", "flowId", "inputs", "labels", "scheduleDate")


class Subflow(FlowableTask):
    """Run another flow."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Subflow", "io.kestra.core.tasks.flows.Flow")
    waits: ClassVar[bool] = True
    child_properties: ClassVar[tuple[str, ...]] = ()
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "executionId": "The other execution.",
        "state": "The state it ended in.",
        "outputs": "What the other flow declares as its outputs.",
    }

    namespace: Text = Field(description="Namespace of the other flow.")
    flow_id: Text = Field(description="Id of the other flow.")
    revision: int | None = Field(None, ge=1, description="Its revision; the last where absent.")
    inputs: dict[str, Any] | None = Field(None, description="Inputs of the other execution; expressions are rendered.")
    labels: dict[str, Any] | list[dict[str, Any]] | None = Field(None, description="Labels of the other execution.")
    wait: bool = Field(True, description="Wait for its end.")
    transmit_failed: bool = Field(True, description="Fail, warn or be killed as the other execution was.")
    inherit_labels: bool = Field(False, description="Give it the labels of this execution too.")
    outputs_: dict[str, Any] | None = Field(None, alias="outputs", description="Deprecated: declare outputs in the other flow.")
    schedule_date: Text | None = Field(None, description="Start it at this date.")
    restart_behavior: Literal["RETRY_FAILED", "NEW_EXECUTION"] = Field(
        "RETRY_FAILED", description="When this execution is restarted, restart the other one that failed, or start a new one."
    )

    @classmethod
    def next(cls, situation: Situation) -> Answer:
        """The call, once its properties are rendered."""
        given = situation.task.properties
        if "call" not in situation.answers:
            return Ask("call", {name: given[name] for name in RENDERED if given.get(name) is not None})
        rendered = situation.answers["call"]
        try:
            date = datetime.fromisoformat(rendered["scheduleDate"]) if "scheduleDate" in rendered else None
        except ValueError as error:
            return Finish(states.FAILED, str(error))
        return Call(
            namespace=to_text(rendered["namespace"]),
            flow_id=to_text(rendered["flowId"]),
            revision=given.get("revision"),
            inputs=rendered.get("inputs"),
            labels=labels_of(rendered.get("labels")),
            wait=given.get("wait", True),
            transmit_failed=given.get("transmitFailed", True),
            inherit_labels=given.get("inheritLabels", False),
            schedule_date=date,
            outputs=given.get("outputs"),
            again=given.get("restartBehavior", "RETRY_FAILED") == "RETRY_FAILED",
        )


def labels_of(given: Any) -> tuple[tuple[str, str], ...]:
    pairs = given.items() if isinstance(given, Mapping) else ((entry["key"], entry["value"]) for entry in given or ())
    return tuple((str(key), to_text(value)) for key, value in pairs)
