"""Where the state tasks keep what they remember: one map under a key of the namespace.

The key has the flow's id unless the state is the namespace's, and a digest of `taskrun.value` inside a loop.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from pydantic import Field

from plugins.contract import Expression, RunContext, RunnableTask, Text
from plugins.scripts import _render


class Stateful(RunnableTask):
    """A task that works on a state."""

    name: Text = Field("default", description="Name of the state.")
    namespace: bool | Expression = Field(False, description="The state of the namespace, shared by its flows, in place of this flow's.")
    taskrun_value: bool | Expression = Field(True, description="Inside a loop, a state for each value.")

    def key(self, context: RunContext) -> str:
        """The key that the state is kept under."""
        own = "" if _render.flag(context, self.namespace) else f"{context.flow.id}_"
        name = re.sub(r"[^a-zA-Z0-9._-]", "-", context.render(self.name))
        value = context.render_typed("{{ taskrun.value ?? null }}")
        digest = hashlib.sha256(str(value).encode()).hexdigest()[:16] if value is not None else ""
        suffix = f"_{digest}" if digest and _render.flag(context, self.taskrun_value) else ""
        return f"{own}states_tasks-states_{name}{suffix}"

    def read(self, context: RunContext) -> dict[str, Any] | None:
        """The state; None where there is none."""
        found = context.namespace().kv.get(self.key(context))
        return dict(found) if isinstance(found, dict) else None
