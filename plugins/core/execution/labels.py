"""Put labels on the execution that runs, over those of the same key.

Keys that begin with `system.` are Kestra's own and are refused. Unlike Kestra, this obeys `runIf`.

```yaml
id: tell_apart
namespace: company.team
inputs:
  - id: country
    type: STRING
    defaults: FR
tasks:
  - id: label
    type: io.kestra.plugin.core.execution.Labels
    labels:
      country: "{{ inputs.country }}"
```
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, TaskFailed, Text

SYSTEM = "system."


class Labels(RunnableTask):
    """Put labels on the execution."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Labels",)
    inline: ClassVar[bool] = True

    labels: dict[str, Any] | list[Any] | Text = Field(
        description="Texts by key, a list of maps with `key` and `value`, or JSON text of either."
    )

    def run(self, context: RunContext) -> Result:
        """Render keys and values; whoever advances the execution puts them on it."""
        labels: dict[str, str] = {}
        for key, value in _pairs(context, self.labels):
            name, text = context.render(key), context.render(value)
            if name.startswith(SYSTEM):
                raise TaskFailed(f"System labels can only be set by Kestra itself, offending label: {name}={text}", retryable=False)
            labels[name] = text
        return Result(labels=labels)


def _pairs(context: RunContext, given: Any) -> Iterator[tuple[str, str]]:
    if isinstance(given, str):
        given = _read(context.render(given))
    pairs = given.items() if isinstance(given, Mapping) else ((item.get("key"), item.get("value")) for item in _maps(given))
    for key, value in pairs:
        if not isinstance(key, str) or not isinstance(value, str):
            raise TaskFailed(f"Keys and values of labels are texts: put {value!r} of {key!r} in quotes", retryable=False)
        yield key, value


def _read(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise TaskFailed(f"`labels` must be a map, a list, or JSON text of either: {error}", retryable=False) from error
    if not isinstance(found, dict | list):
        raise TaskFailed("`labels` must be a map, a list, or JSON text of either", retryable=False)
    return found


def _maps(given: list[Any]) -> Iterator[Mapping[str, Any]]:
    for item in given:
        if not isinstance(item, Mapping):
            raise TaskFailed("Each entry of a list of labels is a map with `key` and `value`", retryable=False)
        yield item
