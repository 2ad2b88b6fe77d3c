"""What a script says on its output: log lines, and `::{"outputs": …}::` lines that carry outputs, metrics and logs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any, cast, get_args

from plugins.contract import Level, RunContext

DEBUG_MARK = "##kestra:log:debug##"
INFO_MARK = "##kestra:log:info##"
LARGEST = sys.float_info.max  # of a metric: what is larger, or no number, cannot be stored
_SAID = re.compile(r"^::(\{.*\})::$")


class Reader:
    """Takes the lines of a script: answers go into `vars`, everything else into the log (stderr as ERROR)."""

    def __init__(self, context: RunContext) -> None:
        self.context = self._real = context
        self.vars: dict[str, Any] = {}
        self.stdout_lines = 0
        self.stderr_lines = 0
        self._level: Level = "INFO"
        self._muted = False

    @property
    def quiet(self) -> bool:
        """Whether the commands that prepare are running: their lines are only DEBUG."""
        return self._level == "DEBUG"

    def replay(self, told: bool) -> None:
        """Told True before lines that are in the log already: they are read again for what they say, and not written."""
        if told != self._muted:
            self._muted = told
            self.context = cast(RunContext, _Muted(self._real)) if told else self._real

    def line(self, stream: str, text: str) -> None:
        """One line of `stdout` or `stderr`."""
        if text in (DEBUG_MARK, INFO_MARK):
            self._level = "DEBUG" if text == DEBUG_MARK else "INFO"
            return
        if stream == "stderr":
            self.stderr_lines += 1
        else:
            self.stdout_lines += 1
        said = _SAID.match(text.strip())
        if said:
            self._hear(said.group(1))
        else:
            self.plain(stream, text)

    def plain(self, stream: str, text: str) -> None:
        """A line that is not an answer."""
        self.context.log("ERROR" if stream == "stderr" else self._level, text)

    def _hear(self, text: str) -> None:
        try:
            said = json.loads(text)
        except ValueError:
            self.context.log("WARN", f"Invalid outputs '{text}'")
            return
        outputs = said.get("outputs")
        if isinstance(outputs, Mapping):
            self.vars.update(outputs)
        for metric in _items(said.get("metrics")):
            self._metric(metric)
        for line in _items(said.get("logs")):
            self._log(line)

    def _metric(self, metric: Mapping[str, Any]) -> None:
        name, value = metric.get("name"), metric.get("value")
        if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
            self.context.log("WARN", f"Invalid metric '{json.dumps(metric)}'")
            return
        given = metric.get("tags")
        tags = {str(key): str(tag) for key, tag in given.items()} if isinstance(given, Mapping) else {}
        self.context.metric(name, value, kind="timer" if metric.get("type") == "timer" else "counter", tags=tags)

    def _log(self, line: Mapping[str, Any]) -> None:
        level = {"WARNING": "WARN", "CRITICAL": "ERROR"}.get(str(line.get("level", "INFO")).upper(), str(line.get("level", "INFO")).upper())
        self.context.log(cast(Level, level) if level in get_args(Level) else "INFO", str(line.get("message", "")))


class _Muted:
    """A run context that logs and counts nothing; everything else passes."""

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def log(self, level: Level, message: str, **_given: Any) -> None:
        """Nothing: the line is in the log already."""

    def metric(self, name: str, value: float, **_given: Any) -> None:
        """Nothing: the metric is published already."""


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
