"""The steps of a dbt task: rows that appear when a node starts and change when it ends, from dbt's events."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.states import TERMINATED
from plugins.contract import RunContext, StepReport
from plugins.dbt._events import Event, read_time
from plugins.dbt._status import status_of

_PERIOD = re.compile(r"batch (\S+) of ")
_UNFINISHED = frozenset({"", "None", "none", "started", "compiling", "executing", "running"})
_SKIP_EVENTS = frozenset({"SkippingDetails", "LogSkipBecauseError", "MarkSkippedChildren"})
_START_EVENTS = frozenset({"LogStartLine", "LogHookStartLine", "NodeStart"})


@dataclass(slots=True)
class Section:
    """One call of dbt within the task; it has a row of its own where the task calls dbt more than once."""

    number: int
    label: str
    invocation: str | None
    started: datetime
    shown: bool
    names: dict[str, str] = field(default_factory=dict)  # dbt's unique_id -> name of the step
    ended: bool = False

    @property
    def name(self) -> str:
        return f"dbt.{self.number}"


class Steps:
    """Keeps the last report of every step and tells the context of each change.

    `depends_on(unique_id)` gives a node's parents as far as they are known; it is asked when a node appears and when one is skipped.
    """

    def __init__(self, context: RunContext, labels: list[str], depends_on: Callable[[str], tuple[str, ...]]) -> None:
        self._context = context
        self._labels = labels
        self._depends_on = depends_on
        self._reports: dict[str, StepReport] = {}
        self._unknown: set[str] = set()
        self.sections: list[Section] = []

    @property
    def reports(self) -> Mapping[str, StepReport]:
        return self._reports

    def begin(self, event: Event) -> None:
        """A call of dbt begins; the one before, if any, has ended."""
        now = event.at or datetime.now(UTC)
        self.end_section(now)
        number = len(self.sections) + 1
        label = self._labels[number - 1] if number <= len(self._labels) else f"dbt {number}"
        section = Section(number, label, event.invocation, now, shown=len(self._labels) > 1)
        self.sections.append(section)
        if section.shown:
            self.tell(StepReport(section.name, "RUNNING", label, "command", started=now, data={"command": label}))

    def end_section(self, now: datetime, *, failed: bool = False) -> None:
        """Close the row of the call that ran last; its state is the worst of its nodes."""
        section = self.sections[-1] if self.sections else None
        if section is None or section.ended:
            return
        section.ended = True
        if not section.shown:
            return
        states = {self._reports[name].state for name in section.names.values()}
        worst = next((state for state in ("KILLED", "FAILED", "WARNING") if state in states), "SUCCESS")
        self.tell(replace(self._reports[section.name], state="FAILED" if failed and worst != "KILLED" else worst, ended=now))

    def take(self, event: Event) -> str | None:
        """Note what an event says about its node; answers the name of the step that the line belongs to."""
        unique_id = event.unique_id
        if unique_id is None:
            return None
        if event.name in ("LogStartBatch", "LogBatchResult"):
            return self._batch(event, unique_id)
        status = str(event.node.get("node_status", ""))
        ended = (status not in _UNFINISHED and bool(event.node.get("node_finished_at"))) or event.name in _SKIP_EVENTS
        known = self.name_of(unique_id)
        if ended and event.name != "MarkSkippedChildren":
            return self._end(event, unique_id, "skipped" if event.name in _SKIP_EVENTS else status)
        if event.name in _START_EVENTS and known is None:
            return self._start(event, unique_id)
        if event.name == "RunResultError" and known is not None:
            self._explain(known, event.text.strip())
        return known

    def name_of(self, unique_id: str) -> str | None:
        """The step of a node in the call that runs now; None while it has none."""
        return self.sections[-1].names.get(unique_id) if self.sections else None

    def call_of(self, name: str) -> str | None:
        """The invocation_id of the call that a step belongs to; None where no line told."""
        report = self._reports[name]
        above = report.parent if report.kind == "batch" and report.parent else name
        return next((section.invocation for section in self.sections if above in section.names.values()), None)

    def knows(self, unique_id: str, section: Section | None) -> bool:
        """Whether a node has a step in this call of dbt."""
        return self._named(unique_id, section) in self._reports

    def put(self, unique_id: str, section: Section | None, change: Callable[[StepReport], StepReport]) -> StepReport:
        """Change or add the step of a node, from what an artifact says; answers its report."""
        name = self._named(unique_id, section)
        before = self._reports.get(name)
        after = change(
            before or StepReport(name, "CREATED", _label(unique_id, {}), unique_id.partition(".")[0], data={"unique_id": unique_id})
        )
        if after != before:
            self.tell(after)
        return after

    def close(self, state: str, message: str, now: datetime) -> None:
        """End every step that is still open."""
        for report in list(self._reports.values()):
            if report.state not in TERMINATED and report.kind != "command":
                self.tell(replace(report, state=state, ended=now, message=report.message or message))

    def parents(self, unique_id: str) -> tuple[str, ...]:
        """A node's parents as far as they are known."""
        return self._depends_on(unique_id)

    def state_of(self, word: str | None) -> tuple[str, str | None]:
        """State and badge for dbt's status; a word that is not known is told once."""
        status = status_of(word)
        if not status.known and word not in self._unknown:
            self._unknown.add(str(word))
            self._context.log("WARN", f"dbt gave the status '{word}', which is not known here: shown as WARNING")
        return status.state, status.badge

    def _named(self, unique_id: str, section: Section | None) -> str:
        """The name of a node's step: its unique_id, with the number of the call where an earlier call had it too."""
        current = section or (self.sections[-1] if self.sections else None)
        if current is None:
            return unique_id
        if unique_id not in current.names:
            taken = any(unique_id in other.names for other in self.sections if other is not current)
            current.names[unique_id] = f"{unique_id}@{current.number}" if taken else unique_id
        return current.names[unique_id]

    def _parent(self) -> str | None:
        section = self.sections[-1] if self.sections else None
        return section.name if section is not None and section.shown else None

    def _start(self, event: Event, unique_id: str) -> str:
        name = self._named(unique_id, None)
        self.tell(
            StepReport(
                name,
                "RUNNING",
                _label(unique_id, event.node),
                str(event.node.get("resource_type") or unique_id.partition(".")[0]),
                started=read_time(event.node.get("node_started_at")) or event.at or datetime.now(UTC),
                parent=self._parent(),
                data={**_facts(event, unique_id), **self._lineage(unique_id)},
            )
        )
        return name

    def _end(self, event: Event, unique_id: str, status: str) -> str:
        name = self._named(unique_id, None)
        before = self._reports.get(name)
        if before is not None and before.state in TERMINATED:
            return name
        state, badge = self.state_of(status)
        if state == "FAILED" and self._context.cancelled():
            state = "KILLED"  # dbt calls an interrupted node an error
        started, ended, duration = _times(event, before)
        data = {**(before.data if before else self._lineage(unique_id)), **_facts(event, unique_id), "status": status, "duration": duration}
        if badge:
            data["badge"] = badge
        if state == "SKIPPED" and badge is None:
            data["cause"] = self.cause(unique_id)
        self.tell(
            StepReport(
                name,
                state,
                _label(unique_id, event.node),
                str(event.node.get("resource_type") or unique_id.partition(".")[0]),
                started=started,
                ended=ended,
                message=_message(event, status, data.get("cause")),
                parent=self._parent(),
                data={key: value for key, value in data.items() if value is not None},
            )
        )
        return name

    def _explain(self, name: str, text: str) -> None:
        """What dbt says at its end of a node that failed, where nothing was said before."""
        report = self._reports[name]
        if report.state == "FAILED" and not report.message and text:
            self.tell(replace(report, message=text))

    def _batch(self, event: Event, unique_id: str) -> str:
        """One batch of a microbatch model: a row below its model's."""
        parent = self._named(unique_id, None)
        number, total = event.data.get("batch_index"), event.data.get("total_batches")
        name = f"{parent}.batch_{number}"
        period = _PERIOD.match(str(event.data.get("description") or ""))
        data: dict[str, Any] = {"unique_id": unique_id, "thread": event.thread, "batch_index": number, "total_batches": total}
        if period:
            data["period"] = period.group(1)
        label = f"batch {number} of {total}" + (f", {period.group(1)}" if period else "")
        if event.name == "LogStartBatch":
            started = read_time(event.node.get("node_started_at")) or event.at or datetime.now(UTC)
            self.tell(StepReport(name, "RUNNING", label, "batch", started, parent=parent, data=data))
            return name
        state, _ = self.state_of(str(event.node.get("node_status") or "success"))
        if event.level == "ERROR":
            state = "KILLED" if self._context.cancelled() else "FAILED"
        started, ended, duration = _times(event, self._reports.get(name))
        self.tell(StepReport(name, state, label, "batch", started, ended, event.text, parent=parent, data={**data, "duration": duration}))
        return name

    def cause(self, unique_id: str, section: Section | None = None) -> str | None:
        """The node because of which another was skipped in a call of dbt, the one that runs now where none is given: a parent that
        failed, a test of a parent, a unit test of its own, or what a skipped parent waited for."""
        current = section or (self.sections[-1] if self.sections else None)
        names = self._reports if current is None else current.names.values()
        reports = [self._reports[name] for name in names if name in self._reports]
        return self._cause(unique_id, reports, {report.data.get("unique_id"): report.state for report in reports}, frozenset())

    def _cause(self, unique_id: str, reports: list[StepReport], states: Mapping[Any, str], seen: frozenset[str]) -> str | None:
        if unique_id in seen:
            return None
        parents = self._depends_on(unique_id)
        for parent in parents:
            if states.get(parent) in ("FAILED", "KILLED"):
                return parent
        for report in reports:
            if report.state == "FAILED" and (report.data.get("attached_node") in parents or self._is_unit_test_of(report, unique_id)):
                return str(report.data.get("unique_id"))
        waiting = (parent for parent in parents if states.get(parent) == "SKIPPED" or parent not in states)
        causes = (self._cause(parent, reports, states, seen | {unique_id}) for parent in waiting)
        return next((cause for cause in causes if cause), None)

    def _is_unit_test_of(self, report: StepReport, unique_id: str) -> bool:
        return report.kind == "unit_test" and unique_id in self._depends_on(str(report.data.get("unique_id")))

    def _lineage(self, unique_id: str) -> dict[str, Any]:
        parents = self._depends_on(unique_id)
        return {"depends_on": list(parents)} if parents else {}

    def tell(self, report: StepReport) -> None:
        """Keep a report and tell the context of it."""
        self._reports[report.name] = report
        self._context.step(report)


def _label(unique_id: str, node: Mapping[str, Any]) -> str:
    """A short name: dbt's own, or the last telling part of the unique_id (`model.shop.orders` -> `orders`)."""
    name = node.get("node_name")
    if isinstance(name, str) and name:
        return name
    parts = unique_id.split(".")
    if parts[0] in ("test", "unit_test") and len(parts) > 3:
        return parts[2]
    return ".".join(parts[2:]) or unique_id


def _facts(event: Event, unique_id: str) -> dict[str, Any]:
    """What the pages show beside a row."""
    node = event.node
    relation = node.get("node_relation")
    facts = {
        "unique_id": unique_id,
        "resource_type": node.get("resource_type"),
        "materialized": node.get("materialized"),
        "relation": relation.get("relation_name") if isinstance(relation, Mapping) else None,
        "path": node.get("node_path"),
        "thread": event.thread,
        "index": event.data.get("index"),
        "total": event.data.get("total") or event.data.get("num_models"),
        "num_failures": event.data.get("num_failures"),
        "attached_node": event.data.get("attached_node"),
    }
    return {key: value for key, value in facts.items() if value not in (None, "")}


def _times(event: Event, before: StepReport | None) -> tuple[datetime, datetime, float | None]:
    """Start, end and seconds: dbt's execution_time is the truth where the two times say less."""
    now = event.at or datetime.now(UTC)
    ended = read_time(event.node.get("node_finished_at")) or now
    seconds = event.data.get("execution_time")
    duration = float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None
    started = read_time(event.node.get("node_started_at")) or (before.started if before else None)
    if started is None:
        started = ended - timedelta(seconds=duration or 0.0)
    if duration is not None:
        ended = max(ended, started + timedelta(seconds=duration))
    return started, max(ended, started), duration


def _message(event: Event, status: str, cause: Any) -> str | None:
    result = event.data.get("result_message")
    if isinstance(result, str) and result:
        return result
    if status == "skipped":
        return f"Skipped because of {cause}" if cause else "Skipped"
    failures = event.data.get("num_failures")
    if isinstance(failures, int) and failures > 0:
        return f"{failures} failure{'s' if failures != 1 else ''}"
    return None
