"""profiles.yml made of a connection of the namespace."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from plugins.contract import Connection, RunContext, TaskFailed
from plugins.dbt import _adapters
from plugins.dbt._command import Invocation
from plugins.dbt._state import profile_name

# What changes a warehouse, and so is refused for a protected connection where a person started the execution without a plan.
BUILDS = frozenset({"build", "run", "seed", "snapshot", "retry", "clone", "run-operation"})
_LONE = re.compile(r"\s*\{\{.*\}\}\s*", re.DOTALL)


def profiles(context: RunContext, named: str | None, project: Path, calls: Sequence[Invocation]) -> str:
    """The text of profiles.yml: the connection as the default target, beside it those that the commands name as targets.

    Empty where no connection is named and the namespace has no default. Raises TaskFailed for one that is not there or is protected.
    """
    port = context.namespace().connections
    chosen = port.get(named)
    if chosen is None:
        if named is not None:
            raise TaskFailed(f"There is no connection '{named}' in the namespace {context.flow.namespace}", retryable=False)
        return ""
    targets = [call.target for call in calls if call.target and call.target != chosen.name]
    others = [found for name in dict.fromkeys(targets) if (found := port.get(name)) is not None]
    for call in calls:
        used = next((found for found in others if found.name == call.target), chosen)
        _guard(context, used, call)
    context.header("connection", ", ".join(f"{found.name} ({found.adapter})" for found in (chosen, *others)))
    outputs = {found.name: _target(context, found) for found in (chosen, *others)}
    name = profile_name(project, project) or "default"
    text: str = yaml.safe_dump({name: {"target": chosen.name, "outputs": outputs}}, sort_keys=False, allow_unicode=True)
    return text


def _target(context: RunContext, connection: Connection) -> dict[str, Any]:
    """One entry of `outputs`, in the schema of the person who tries something out."""
    made = _adapters.output(connection.adapter, _rendered(context, connection))
    if connection.schema:
        made["dataset" if "dataset" in made else "schema"] = connection.schema
        context.header("schema", f"{connection.schema}, for what a person starts by hand")
    return made


def _guard(context: RunContext, connection: Connection, call: Invocation) -> None:
    may = connection.schema or context.variables.get("trigger") or context.planned
    if connection.protected and call.verb in BUILDS and not may:
        raise TaskFailed(
            f"The connection '{connection.name}' is protected: `dbt {call.verb}` runs there only from a plan (*Plan*, beside *Execute*) "
            "or where a trigger, a schedule say, started the flow",
            retryable=False,
        )


def _rendered(context: RunContext, connection: Connection) -> Mapping[str, Any]:
    """The fields, expressions rendered: a secret field only where it is nothing but one, since a password may have braces."""
    hidden = {field.name for field in _adapters.ADAPTERS.get(connection.adapter, ()) if field.secret}
    values: dict[str, Any] = {}
    for name, value in connection.fields.items():
        plain = name in hidden and isinstance(value, str) and not _LONE.fullmatch(value)
        values[name] = value if plain else context.render_any(value)
        if name in hidden and isinstance(values[name], str):
            context.hide(values[name])
    return values
