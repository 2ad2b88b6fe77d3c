"""The steps of a scan: a row for each check, below one for its dataset, from what the program that runs Soda tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from engine.states import TERMINATED
from plugins.contract import Level, RunContext, StepReport
from plugins.scripts._protocol import Reader
from plugins.soda._driver import MARK

_STATES = {"pass": "SUCCESS", "warn": "WARNING", "fail": "FAILED"}
_LEVELS: dict[str, Level] = {"DEBUG": "DEBUG", "INFO": "INFO", "WARNING": "WARN"}
_NO_NEWS = ("now_", "preferredChart", "value", "failed_rows_sample_ref", "check_value")  # how what was measured is drawn, and the like
_EMPTY = (None, "", "[]", "{}", "None")


class SodaReader(Reader):
    """Takes the lines of a scan: what they tell of checks becomes steps, the rest log lines."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self.reports: dict[int, StepReport] = {}
        self.trouble: list[str] = []  # errors, in order of appearance
        self._datasets: dict[str, StepReport] = {}

    def plain(self, stream: str, text: str) -> None:
        """A line that is no answer: news of the scan, or text."""
        told = _told(text)
        if told is None:
            if stream == "stderr" and text.strip():
                self.trouble.append(text.strip())
            super().plain(stream, text)
            return
        at = datetime.fromisoformat(told["at"])
        match told["kind"]:
            case "log":
                self._log_line(told, at)
            case "check":
                self._learn(told)
            case "query":
                for number in told["numbers"]:
                    self._begin(number, at)
            case "measured":
                for number in told["numbers"]:
                    self._measure(number, at)
            case _:
                self._end(told, at)

    def explain(self, number: int, detail: Mapping[str, Any]) -> None:
        """Add what only the pane of a check shows."""
        report = self.reports.get(number)
        if report is not None and detail:
            self._tell(number, replace(report, detail=detail))

    def close(self, state: str, message: str) -> None:
        """End every step that is still open."""
        now = datetime.now(UTC)
        for number, report in list(self.reports.items()):
            if report.state not in TERMINATED:
                self._tell(number, replace(report, state=state, ended=now, message=message))

    def failed(self) -> list[str]:
        """The names of the checks that failed, with what was found."""
        reports = [report for report in self.reports.values() if report.state == "FAILED"]
        return [report.label + (f" ({report.message.splitlines()[0]})" if report.message else "") for report in reports]

    def _log_line(self, told: Mapping[str, Any], at: datetime) -> None:
        level, text, numbers = _LEVELS.get(told["level"], "ERROR"), str(told["text"]), told["numbers"]
        if level == "ERROR":
            self.trouble.append(text)
        first = self.reports.get(numbers[0]) if numbers else None
        step = None if first is None else (first.name if len(numbers) == 1 else first.parent)
        self.context.log(level, text, step=step, at=at)

    def _learn(self, told: Mapping[str, Any]) -> None:
        number, table = told["number"], told["table"]
        parent = f"dataset.{table}" if table else None
        if parent and table not in self._datasets:
            self._datasets[table] = StepReport(parent, "CREATED", table, "dataset")
            self.context.step(self._datasets[table])
        data = {"table": table, "column": told["column"], "definition": told["definition"]}
        data = {key: value for key, value in data.items() if value}
        self._tell(number, StepReport(f"check.{number}", "CREATED", str(told["name"]), "check", parent=parent, data=data))

    def _begin(self, number: int, at: datetime) -> None:
        report = self.reports.get(number)
        if report is not None and report.state not in TERMINATED:
            self._tell(number, replace(report, state="RUNNING", started=report.started or at, ended=None))

    def _measure(self, number: int, at: datetime) -> None:
        report = self.reports.get(number)
        if report is not None and report.state not in TERMINATED:
            self.reports[number] = replace(report, ended=at)  # told with its outcome

    def _end(self, told: Mapping[str, Any], at: datetime) -> None:
        report = self.reports.get(told["number"])
        if report is None:
            return
        state, message = _judged(told)
        data = {**report.data, **({"value": told["value"]} if told.get("value") is not None else {})}
        if state == "SKIPPED":
            data["badge"] = "not evaluated"
        ended = report.ended or at
        self._tell(
            told["number"], replace(report, state=state, started=report.started or ended, ended=ended, message=message or None, data=data)
        )

    def _tell(self, number: int, report: StepReport) -> None:
        self.reports[number] = report
        self.context.step(report)
        if report.parent:
            self._tell_dataset(report.parent.removeprefix("dataset."))

    def _tell_dataset(self, table: str) -> None:
        """A dataset is as its checks are: it runs until all have ended, then the worst of them is its state."""
        own = [report for report in self.reports.values() if report.parent == f"dataset.{table}"]
        states = {report.state for report in own}
        started = min((report.started for report in own if report.started), default=None)
        ended = max((report.ended for report in own if report.ended), default=None)
        if states <= TERMINATED:
            worst = next((state for state in ("KILLED", "FAILED", "WARNING", "SUCCESS") if state in states), "SKIPPED")
        else:
            worst, ended = ("RUNNING" if started else "CREATED"), None
        report = replace(self._datasets[table], state=worst, started=started, ended=ended)
        if report != self._datasets[table]:
            self._datasets[table] = report
            self.context.step(report)


def _told(text: str) -> dict[str, Any] | None:
    if not text.startswith(MARK):
        return None
    try:
        told = json.loads(text.removeprefix(MARK), parse_constant=lambda _: None)
    except ValueError:
        return None
    return told if isinstance(told, dict) and {"kind", "at"} <= told.keys() else None


def _judged(told: Mapping[str, Any]) -> tuple[str, str]:
    """State and message of a check."""
    if told["kind"] == "unjudged":
        return ("FAILED", str(told["error"])) if told["error"] else ("SKIPPED", "Soda could not evaluate it")
    state = _STATES.get(str(told["outcome"]), "SKIPPED")
    measured = {key: said for key, said in (told.get("measured") or {}).items() if said not in _EMPTY and not key.startswith(_NO_NEWS)}
    parts = ", ".join(f"{key.replace('_', ' ')} {said}" for key, said in measured.items())
    if told.get("value") is None:
        return state, parts
    return state, f"found {told['value']}" + (f" ({parts})" if parts else "")
