"""What the triggers share that run a script every so often and start the flow where it ends, or says something, as asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import regex
from pydantic import Field, field_validator

from engine.globs import TIMEOUT
from plugins.contract import Expression, PollingTrigger, RunContext, TaskFailed, Text
from plugins.scripts import _render
from plugins.scripts._schema import ScriptFields
from plugins.scripts._script import CommandFailed, ExecScript

_EXIT = re.compile(r"\s*exit\s+(\d+)\s*", re.IGNORECASE)


class ScriptTriggerBase(ScriptFields, PollingTrigger):
    """Base of those triggers. `task` is the type of task that runs the script, with the properties of this trigger."""

    task: ClassVar[type[ExecScript]]
    own: ClassVar[str]  # the property with what is to be run
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "timestamp": "When it was seen, ISO 8601 in UTC.",
        "condition": "The condition that was met.",
        "exitCode": "Exit code of the script.",
        "vars": 'Values that the script gave with lines like `::{"outputs": {"name": 1}}::`.',
    }

    exit_condition: Text = Field(
        "exit 0", description="`exit 1` is met by that exit code; anything else is a regular expression, looked for in output and values."
    )
    edge: bool | Expression = Field(True, description="Start the flow when the condition comes to be met, not again while it stays so.")

    @field_validator("exit_condition")
    @classmethod
    def _readable(cls, value: str) -> str:
        if "{{" not in value and not _EXIT.fullmatch(value):
            try:
                regex.compile(value)
            except regex.error as error:
                raise ValueError(f"expected `exit <number>` or a regular expression: {error}") from error
        return value

    def evaluate(self, context: RunContext) -> Mapping[str, Any] | None:
        """Run the script once; what it gave where the condition is met, and was not the time before (`edge`)."""
        condition = context.render(self.exit_condition).strip()
        heard = _Ear(condition)
        outputs = self._ran(context, heard)
        met = heard.met(outputs)
        if _render.flag(context, self.edge) and self._was_met(context, met):
            context.log("DEBUG", f"The condition '{condition}' is still met")
            return None
        if not met:
            context.log("DEBUG", f"The condition '{condition}' is not met: exit code {outputs['exitCode']}")
            return None
        return {
            "timestamp": datetime.now(UTC).isoformat(),
            "condition": condition,
            "exitCode": outputs["exitCode"],
            "vars": outputs["vars"],
        }

    def _ran(self, context: RunContext, heard: _Ear) -> Mapping[str, Any]:
        """The outputs of the script, whatever its exit code; raises TaskFailed where it has none."""
        names = {*ScriptFields.model_fields, self.own} & self.model_fields_set
        given = {type(self).model_fields[name].alias or name: getattr(self, name) for name in names}
        task = self.task.model_validate({"id": self.id, "type": self.type, **given})
        try:
            return task.run_heard(context, heard).outputs or {}
        except CommandFailed as failed:
            return failed.outputs or {}

    def _was_met(self, context: RunContext, now: bool) -> bool:
        """Whether the condition is met and was met the time before; what is so now is remembered in the namespace's keys."""
        keys, key = context.namespace().kv, f"{context.flow.id}_states_triggers_{self.id}"
        before = keys.get(key) is True
        if before != now:
            keys.set(key, now)
        return before and now


class _Ear:
    """Hears what a script says and looks for what the condition asks for."""

    def __init__(self, condition: str) -> None:
        code = _EXIT.fullmatch(condition)
        self._code = int(code.group(1)) if code else None
        try:
            self._pattern = None if code else regex.compile(condition)
        except regex.error as error:
            raise TaskFailed(f"Invalid exitCondition '{condition}': expected `exit <number>` or a regular expression: {error}") from error
        self._found = False

    def __call__(self, stream: str, text: str) -> None:
        if stream == "stdout" and not self._found:
            self._found = self._matches(text)

    def met(self, outputs: Mapping[str, Any]) -> bool:
        """Whether the condition is met, given the outputs that the script ended with."""
        if self._code is not None:
            return bool(outputs["exitCode"] == self._code)
        return self._found or any(self._matches(_render.as_text(value)) for value in outputs["vars"].values())

    def _matches(self, text: str) -> bool:
        try:
            return self._pattern is not None and self._pattern.search(text, timeout=TIMEOUT) is not None
        except TimeoutError as error:
            raise TaskFailed("exitCondition takes too long to be looked for: write it with fewer stars") from error
