"""Reading the fields of a map of a flow: each gives its value, or tells a problem at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from engine.document import Problem
from engine.expressions.values import parse_duration, to_text
from engine.yaml_ import Document, Path, dotted

FLOW = (
    "id", "namespace", "revision", "description", "disabled", "deleted", "labels", "inputs", "variables", "tasks", "errors", "finally",
    "afterExecution", "listeners", "triggers", "outputs", "pluginDefaults", "taskDefaults", "concurrency", "retry", "sla", "tenantId",
    "checks", "workerGroup",
)
INPUT = ("id", "name", "type", "description", "displayName", "required", "defaults", "prefill", "dependsOn")
LIMITS, DATES = ("min", "max"), ("after", "before")
INPUT_OWN: Mapping[str, Sequence[str]] = {
    "STRING": ("validator",),
    "ENUM": ("values",),
    "SELECT": ("values", "expression", "allowCustomValue", "isRadio", "autoSelectFirst"),
    "MULTISELECT": ("values", "options", "expression", "itemType", "allowCustomValue", "autoSelectFirst"),
    "ARRAY": ("itemType",),
    "INT": LIMITS,
    "FLOAT": LIMITS,
    "DURATION": LIMITS,
    "DATETIME": DATES,
    "DATE": DATES,
    "TIME": DATES,
    "FILE": ("extension", "allowedFileExtensions", "accept"),
    "SECRET": ("validator",),
}
LABEL, DEPENDS_ON, LISTENER = ("key", "value"), ("inputs", "condition"), ("description", "conditions", "tasks")
OUTPUT = ("id", "type", "value", "description", "displayName", "required")
DEFAULT, CONCURRENCY = ("type", "forced", "values"), ("limit", "behavior")
SLA = ("id", "type", "behavior", "labels")
SLA_OWN: Mapping[str, Sequence[str]] = {"MAX_DURATION": ("duration",), "EXECUTION_ASSERTION": ("assert",)}
CHECK = ("condition", "message", "style", "behavior")
RETRY = ("type", "maxDuration", "maxAttempt", "maxAttempts", "warningOnRetry", "behavior")
RETRY_OWN: Mapping[str, Sequence[str]] = {
    "constant": ("interval",),
    "exponential": ("interval", "maxInterval", "delayFactor"),
    "random": ("minInterval", "maxInterval"),
}
MODELS = "io.kestra.core.models."


class Reader:
    """Collects problems; knows where everything stands."""

    def __init__(self, document: Document, strict: bool) -> None:
        self.document = document
        self.strict = strict
        self.problems: list[Problem] = []

    def say(self, message: str, path: Path, severity: Literal["error", "warning", "info"] = "error", *, whole: bool = False) -> None:
        """Tells something about a place; `whole` means that it is said of the whole flow, although it is seen there."""
        line, column = self.document.place(path)
        self.problems.append(Problem(message, line, column, "" if whole else dotted(path), severity))

    def warn_inside(self, message: str, path: Path, text: str, line: int, column: int) -> None:
        """A warning about one place of a text."""
        at, column_there = self.document.inside(path, text, line, max(column, 1))
        self.problems.append(Problem(message, at, column_there, dotted(path), "warning"))

    def fail(self, message: str, path: Path, *, whole: bool = False) -> None:
        self.say(message, path, whole=whole)

    def items(self, raw: Any, path: Path, below: Path = ()) -> Iterator[tuple[Any, Path]]:
        """The entries of a list with their paths; `below` leads on inside each."""
        for number, item in enumerate(self.values(raw, path)):
            where: Path = (*path, number)
            inner = item
            for name in below:
                inner, where = (inner.get(str(name)) if isinstance(inner, Mapping) else None), (*where, name)
            yield inner, where

    def values(self, raw: Any, path: Path) -> Sequence[Any]:
        if raw is None:
            return ()
        if not isinstance(raw, list):
            self.fail("a list is needed here", path)
            return ()
        return raw

    def fields(self, raw: Mapping[str, Any], path: Path, known: Sequence[str], type_: str) -> Fields:
        """The fields of a map; with strict reading every other name is a problem."""
        if self.strict:
            for name in raw:
                if name not in known:
                    self.fail(unrecognized(str(name), type_, known), (*path, str(name)))
        return Fields(self, raw, path)


def unrecognized(name: str, type_: str, known: Sequence[str]) -> str:
    """Jackson's words for a property that nobody knows."""
    listed = ", ".join(f'"{property_}"' for property_ in known)
    return f'Unrecognized field "{name}" (class {type_}), not marked as ignorable ({len(known)} known properties: {listed})'


class Fields:
    """The fields of one map."""

    def __init__(self, reader: Reader, raw: Mapping[str, Any], path: Path) -> None:
        self.reader = reader
        self.raw = raw
        self.path = path

    def _fail(self, name: str, message: str) -> None:
        self.reader.fail(message, (*self.path, name))

    def text(self, name: str) -> str | None:
        """Text; numbers and booleans become their text."""
        value = self.raw.get(name)
        if isinstance(value, Mapping | list):
            self._fail(name, "a text is needed here")
            return None
        return None if value is None else to_text(value)

    def identifier(self, name: str, pattern: str, longest: int) -> str:
        """An id; "" with a problem told where it is missing or not one."""
        value = self.text(name)
        if value is None:
            if not isinstance(self.raw.get(name), Mapping | list):
                self._fail(name, "must not be null")
            return ""
        if not re.fullmatch(pattern, value):
            self._fail(name, f'must match "^{pattern}"')
        if not 1 <= len(value) <= longest:
            self._fail(name, f"size must be between 1 and {longest}")
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        value = self.raw.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        self._fail(name, "`true` or `false` is needed here")
        return default

    def integer(self, name: str, default: int | None, *, least: int) -> int | None:
        value = self.raw.get(name)
        if value is None:
            return default
        if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self._fail(name, "a whole number is needed here")
            return default
        if not least <= value < 2**31:
            self._fail(name, f"must be greater than or equal to {least}")
            return default
        return value

    def number(self, name: str, default: float) -> float:
        value = self.raw.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fail(name, "a number is needed here")
            return default
        return float(value)

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.raw.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._fail(name, "a map is needed here")
            return {}
        return value

    def choice(self, name: str, known: Sequence[str], default: str | None) -> str | None:
        value = self.text(name)
        if value is None and default is None:
            self._fail(name, "must not be null")
        if value is not None and value not in known:
            self._fail(name, f"`{value}` is not one of {', '.join(known)}")
            return default or known[0]
        return value or default or known[0]

    def duration(self, name: str) -> timedelta | None:
        """An ISO 8601 duration."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return parse_duration(value)
        except (ValueError, OverflowError) as error:
            self._fail(name, str(error))
            return None
