"""What dbt says while it runs, made into log lines, steps, metrics and warnings."""

from __future__ import annotations

from typing import Any

from plugins.contract import Level, RunContext
from plugins.dbt._alerts import Alerts
from plugins.dbt._artifacts import Artifacts
from plugins.dbt._events import Event, read_event, uncoloured
from plugins.dbt._selection import Selections
from plugins.dbt._state import Identity
from plugins.dbt._steps import Steps
from plugins.scripts._protocol import Reader

_REPEATS = frozenset({"RunResultWarning", "RunResultWarningMessage"})  # the end of a run tells the node's warning again
_REFUSALS = ("Error: ", "OSError: ", "MemoryError")  # of the command line, and the last line of a traceback
_MOST_TROUBLE = 20


class DbtReader(Reader):
    """Takes the lines of dbt: JSON events of any version, the outputs protocol, and plain text."""

    def __init__(
        self,
        context: RunContext,
        steps: Steps | None,
        artifacts: Artifacts,
        alerts: Alerts,
        *,
        keeps_state: bool = False,
        builds: Identity | None = None,
        selections: Selections | None = None,
    ) -> None:
        super().__init__(context)
        self.artifacts = artifacts
        self.alerts = alerts
        self.keeps_state = keeps_state  # the run compares with a state that its own manifest must not replace
        self.builds = builds  # of what the manifest is the state where all goes well
        self.steps = steps
        self.warnings: dict[str, None] = {}  # their names, in order of appearance
        self.trouble: list[str] = []  # what dbt called an error without a node, in order of appearance; the first ones
        self._selections = selections
        self._awaits_selection = selections is not None
        self._invocation: str | None = None

    def plain(self, stream: str, text: str) -> None:
        """A line that is no answer: an event, or text (on stderr an error: a traceback, a refused flag)."""
        event = read_event(text)
        if event is None:
            clean = uncoloured(text)
            if stream == "stderr" and clean.startswith(_REFUSALS):
                self._trouble(clean)
            if clean.strip():
                super().plain(stream, clean)
            return
        self._new_call(event)
        if event.level == "ERROR" and event.unique_id is None:
            self._trouble(event.text)
        if event.level == "WARN":
            self._warn(event)
        self.alerts.tell(event)
        self._count(event)
        if self._awaits_selection and event.unique_id is not None:  # dbt has left it by now, and it is kept before any node is shown
            self._awaits_selection = self._selections is not None and not self._selections.look()
        step = self.steps.take(event) if self.steps is not None else None
        if event.text.strip():
            self._write(event, step)

    def take_selections(self) -> None:
        """Take the lists that commands left where nobody saw them meanwhile: those of a container come with its files."""
        if self._selections is not None:
            self._selections.look()

    def _trouble(self, text: str) -> None:
        if text.strip() and len(self.trouble) < _MOST_TROUBLE:
            self.trouble.append(text)

    def _write(self, event: Event, step: str | None) -> None:
        level: Level = "DEBUG" if self.quiet and event.level == "INFO" else event.level
        self.context.log(level, event.text, step=step, at=event.at)

    def _new_call(self, event: Event) -> None:
        """Another call of dbt is known by its invocation_id: what the one before wrote is kept before it is written over."""
        if event.invocation is None or event.invocation == self._invocation:
            return
        if self._invocation is not None:
            self.artifacts.keep()
            self.artifacts.forget_parents()
        self._invocation = event.invocation
        self._awaits_selection = self._selections is not None
        if self.steps is not None:
            self.steps.begin(event)

    def _warn(self, event: Event) -> None:
        if event.name in _REPEATS and self.warnings:
            return
        unique_id = event.unique_id
        subject = str(event.node.get("node_name") or unique_id) if unique_id else _subject(event)
        self.warnings.setdefault(subject, None)

    def _count(self, event: Event) -> None:
        stats = event.data.get("stats")
        if isinstance(stats, dict):
            for name, value in stats.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    self.context.metric(str(name), value)


def _subject(event: Event) -> str:
    """What a warning that has no node is about: the event's name and the thing it names."""
    data: Any = event.data
    about = data.get("patch_name") or data.get("model_name") or data.get("target_name") or data.get("name")
    return f"{event.name} ({about})" if isinstance(about, str) and about else (event.name or event.text[:80])
