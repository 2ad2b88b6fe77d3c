"""The pane of a chosen Gantt row: what a task run or step did, and the log lines it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from engine.states import TERMINATED, UNFINISHED
from executions import gantt, page_logs, page_selectors, time_axis
from executions.models import Execution, Step, TaskRun
from executions.resuming import NODES
from executions.steps import detail_of
from ui import formats

LINES = 300
_SHOWN = ("rows_affected", "bytes_processed")  # of an adapter's answer: they have a name and a form of their own


@dataclass(frozen=True, slots=True)
class Place:
    """The line of a model in which its error lies."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class SqlLine:
    """A line of compiled SQL, and whether the database names it in its error."""

    number: int
    text: str
    wrong: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that a test found; `more` where there are more than these."""

    columns: list[str]
    rows: list[list[str | None]]
    more: bool


@dataclass(frozen=True, slots=True)
class Pane:
    """What the pane shows; `facts` are (name, value, whether it is code)."""

    title: str
    state: str
    kind: str
    message: str
    task_run_id: str
    facts: list[tuple[str, str, bool]]
    lines: list[page_logs.Shown]
    more: int
    no_lines: str
    logs_url: str
    replay_url: str = ""
    set_state_url: str = ""
    run_url: str = ""
    step_id: str = ""
    place: Place | None = None
    sql: list[SqlLine] = field(default_factory=list)
    found: Found | None = None


def pane(execution: Execution, row_id: str, *, may: bool) -> Pane | None:
    """The pane of a task run or step of this execution; None where there is none of that id."""
    run = TaskRun.objects.filter(execution=execution, id=row_id).first()
    if run is not None:
        return _task_pane(execution, run, may)
    step = Step.objects.filter(execution=execution, id=row_id).select_related("task_run").first()
    return _step_pane(execution, step, may) if step is not None else None


def _lines(execution: Execution, wanted: page_logs.Filter) -> tuple[list[page_logs.Shown], int]:
    lines = page_logs.shown(page_logs.after(execution, wanted, 0, LINES + 1))
    if len(lines) <= LINES:
        return lines, 0
    return lines[:LINES], page_logs.count_of(execution, wanted) - LINES


def _task_pane(execution: Execution, run: TaskRun, may: bool) -> Pane:
    wanted = page_logs.Filter(task_run=run.id)
    lines, more = _lines(execution, wanted)
    return Pane(
        title=run.task_id,
        state=run.state,
        kind=gantt.short_type(page_selectors.task_types(execution).get(run.task_id, "")),
        message="",
        task_run_id=run.id,
        facts=_task_facts(run),
        lines=lines,
        more=more,
        no_lines="No log line yet" if run.state in UNFINISHED else "This task wrote no log line",
        logs_url=_logs_url(execution, run=run.id),
        replay_url=_replay_url(execution, run) if may else "",
        set_state_url=reverse("executions:set_state", args=[execution.id]) if may and run.state in TERMINATED else "",
    )


def _replay_url(execution: Execution, run: TaskRun) -> str:
    if execution.state not in TERMINATED:
        return ""
    return f"{reverse('executions:replay_dialog', args=[execution.id])}?{urlencode({'task_run': run.id})}"


def _task_facts(run: TaskRun) -> list[tuple[str, str, bool]]:
    facts: list[tuple[str, str, bool]] = []
    began = next((time_axis.moment_of(date) for state, date in run.histories if state == "RUNNING"), None)
    created = time_axis.moment_of(run.histories[0][1]) if run.histories else None
    ended = time_axis.moment_of(run.histories[-1][1]) if run.histories and run.state in TERMINATED else None
    if began is not None:
        facts.append(("Took" if ended else "Runs for", formats.duration((ended or timezone.now()) - began), False))
        facts.append(("Started", _clock(began), False))
        if created is not None and (began - created).total_seconds() >= 0.05:
            facts.append(("Waited", formats.duration(began - created), False))
    if run.value is not None:
        facts.append(("Value", run.value, True))
    if run.iteration is not None:
        facts.append(("Iteration", str(run.iteration), False))
    if len(run.attempts) > 1:
        facts.append(("Attempts", str(len(run.attempts)), False))
    facts.append(("Task run", run.id, True))
    return facts


def _step_pane(execution: Execution, step: Step, may: bool) -> Pane:
    wanted = page_logs.Filter(task_run=step.task_run_id, step=step.name)
    lines, more = _lines(execution, wanted)
    detail = detail_of(step.id)
    return Pane(
        title=step.label or step.name,
        state=step.state,
        kind=gantt.kind_of(step).replace("_", " "),
        message=step.message if step.state in ("FAILED", "WARNING") else "",
        task_run_id=step.task_run_id,
        facts=_step_facts(step, detail),
        lines=lines,
        more=more,
        no_lines="No log line yet" if step.state in UNFINISHED else "No log line names this step",
        logs_url=_logs_url(execution, run=step.task_run_id, step=step.name),
        run_url=_run_url(execution, step) if may else "",
        step_id=step.id,
        place=_place(detail.get("error_at")),
        sql=_sql(detail),
        found=_found(detail.get("rows")),
    )


def _run_url(execution: Execution, step: Step) -> str:
    return reverse("executions:run_nodes", args=[execution.id]) if step.kind in NODES and execution.state in TERMINATED else ""


def _place(told: Any) -> Place | None:
    return Place(str(told["path"]), int(told["line"]), str(told["text"])) if isinstance(told, dict) else None


def _sql(detail: Mapping[str, Any]) -> list[SqlLine]:
    """The compiled SQL as numbered lines."""
    lines = str(detail.get("sql") or "").splitlines()
    return [SqlLine(number, text, number == detail.get("sql_line")) for number, text in enumerate(lines, start=1)]


def _found(told: Any) -> Found | None:
    return Found(told["columns"], told["rows"], bool(told["more"])) if isinstance(told, dict) and told.get("rows") else None


def _step_facts(step: Step, detail: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    data: dict[str, Any] = step.data or {}
    facts: list[tuple[str, str, bool]] = []
    if step.started:
        took = gantt.took_of(step) or timezone.now() - step.started
        facts.append(("Took" if step.ended else "Runs for", formats.duration(took), False))
        facts.append(("Started", _clock(step.started), False))
    if isinstance(data.get("rows_affected"), int) and data["rows_affected"] >= 0:
        facts.append(("Rows", formats.number(data["rows_affected"]), False))
    if isinstance(data.get("bytes_processed"), int):
        facts.append(("Bytes", formats.size(data["bytes_processed"]), False))
    timing = detail.get("timing") or {}
    phases = (("compile", "Compile"), ("execute", "Execute"))
    facts += [(label, formats.duration(timing[name]), False) for name, label in phases if name in timing]
    if isinstance(data.get("num_failures"), int):
        facts.append(("Failures", formats.number(data["num_failures"]), False))
    for name, label, code in (
        ("cause", "Because of", True),
        ("badge", "Note", False),
        ("thread", "Thread", False),
        ("materialized", "Materialized", False),
        ("relation", "Relation", True),
        ("path", "File", True),
        ("table", "Dataset", True),
        ("column", "Column", True),
        ("value", "Found", True),
    ):
        if data.get(name) not in (None, ""):
            facts.append((label, str(data[name]), code))
    facts += [(_adapter_label(name), str(value), True) for name, value in (detail.get("adapter") or {}).items() if name not in _SHOWN]
    if step.attempt:
        facts.append(("Attempt", str(step.attempt + 1), False))
    facts.append(("Name", step.name, True))
    return facts


def _adapter_label(name: str) -> str:
    """`query_id` of an adapter's answer → `Query id`."""
    return name.replace("_", " ").capitalize()


def _clock(value: datetime) -> str:
    return f"{timezone.localtime(value):%H:%M:%S.%f}"[:-3]


def _logs_url(execution: Execution, **query: str) -> str:
    return f"{reverse('executions:logs_of', args=[execution.id])}?{urlencode(query)}"
