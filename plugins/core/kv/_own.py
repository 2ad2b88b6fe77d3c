"""What the key-value tasks share."""

from __future__ import annotations

from pydantic import Field

from plugins.contract import KeyValuePort, RunContext, RunnableTask, TaskFailed, Text


class Keyed(RunnableTask):
    """A task that works on the keys of a namespace."""

    namespace: Text = Field("{{ flow.namespace }}", description="Namespace whose keys are meant.")

    def keys(self, context: RunContext) -> KeyValuePort:
        """The keys of the namespace."""
        return context.namespace(context.render(self.namespace)).kv

    def missing(self, context: RunContext, key: str) -> TaskFailed:
        """What a key that must be there and is not leads to, in Kestra's words."""
        place = context.render(self.namespace)
        return TaskFailed(f"No value found for key '{key}' in namespace '{place}' and `errorOnMissing` is set to true", retryable=False)
