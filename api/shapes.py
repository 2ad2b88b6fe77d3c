"""Rows as the JSON that Kestra answers: names in camelCase, nulls left out, times as ISO 8601 in UTC with milliseconds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from django.conf import settings
from django.utils import timezone

from engine.document import Input
from executions.models import Execution, LogLine, Metric, Step, TaskRun
from flows.models import Flow, Revision

TENANT = "main"
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
CHUNK = 500  # rows that are held at once


def instant(moment: datetime | str | None) -> str | None:
    """`2026-11-22T13:15:20.831Z`; a stored text is read first."""
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def zoned(date: datetime | str | None) -> str | None:
    """A date as Kestra writes those of triggers and of statistics: without a fraction where it has none."""
    if isinstance(date, str):
        date = datetime.fromisoformat(date)
    if date is not None and not date.microsecond:
        return date.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
    return instant(date)


def iso_duration(span: timedelta) -> str:
    """As Java's Duration prints itself: `PT1M2.977S`, `PT0S`."""
    milliseconds = round(span.total_seconds() * 1000)
    hours, rest = divmod(abs(milliseconds), 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    parts = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes) + f"{seconds}S" * bool(rest)
    return ("-" if milliseconds < 0 else "") + "PT" + (parts or "0S")


def dumps(value: Any) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def without_nulls(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is there, as Kestra's answers leave nulls out."""
    return {key: value for key, value in mapping.items() if value is not None}


def state(histories: Iterable[Iterable[str]]) -> dict[str, Any]:
    """`histories` as stored: `[[state, iso date], …]`."""
    moments = [(name, datetime.fromisoformat(date)) for name, date in histories]
    current, last = moments[-1]
    ended = current in ("SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED", "PAUSED")
    duration = (last if len(moments) > 1 else timezone.now()) - moments[0][1]
    return without_nulls(
        {
            "current": current,
            "histories": [{"state": name, "date": instant(date)} for name, date in moments],
            "duration": iso_duration(duration),
            "startDate": instant(moments[0][1]),
            "endDate": instant(last) if ended else None,
        }
    )


def task_run(row: TaskRun, execution: Execution) -> dict[str, Any]:
    """One task run; attempts are left out where there are none, outputs never."""
    return without_nulls(
        {
            "id": row.id,
            "executionId": execution.id,
            "namespace": execution.namespace,
            "flowId": execution.flow_id,
            "taskId": row.task_id,
            "parentTaskRunId": row.parent_id,
            "value": row.value,
            "iteration": row.iteration,
            "attempts": [_attempt(attempt) for attempt in row.attempts] or None,
            "outputs": row.outputs or {},
            "state": state(row.histories),
        }
    )


def _attempt(entry: dict[str, Any]) -> dict[str, Any]:
    return without_nulls({"state": state(entry["histories"]), "logFile": entry.get("logFile")})


def step(row: Step, execution: Execution) -> dict[str, Any]:
    """A step as the dynamic task run that Kestra would show, from the moment it starts."""
    shown = state(row.histories)
    return {
        "id": row.id,
        "executionId": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "taskId": row.name,
        "parentTaskRunId": row.task_run_id,
        "dynamic": True,
        "attempts": [{"state": shown}],
        "outputs": {},
        "state": shown,
    }


def execution(row: Execution, *, runs: bool = True) -> dict[str, Any]:
    """One execution; `runs=False` leaves the task runs out."""
    listed = None
    if runs:
        listed = [task_run(run, row) for run in row.task_runs.all()] + [step(found, row) for found in row.steps.all()]
    return without_nulls(
        {
            "id": row.id,
            "namespace": row.namespace,
            "flowId": row.flow_id,
            "flowRevision": row.flow_revision,
            "taskRunList": listed or ([] if row.parent_id and runs else None),
            "inputs": row.inputs or None,
            "outputs": row.outputs,
            "labels": [{"key": key, "value": value} for key, value in row.labels],
            "variables": row.variables or None,
            "state": state(row.histories),
            "parentId": row.parent_id,
            "originalId": row.original_id or row.id,
            "trigger": row.trigger,
            "scheduleDate": instant(row.schedule_date),
            "deleted": False,
            "metadata": {"attemptNumber": row.attempt_number, "originalCreatedDate": instant(row.original_created or row.created)},
        }
    )


def status(row: Execution) -> dict[str, Any]:
    """An execution as an event about its state."""
    return {"executionId": row.id, "tenantId": TENANT, "namespace": row.namespace, "flowId": row.flow_id, "state": state(row.histories)}


def execution_parts(row: Execution) -> Iterator[bytes]:
    """The same as JSON in pieces, one where it has few task runs and steps: of many thousands only some are held at once."""
    runs = (task_run(run, row) for run in row.task_runs.iterator(CHUNK))
    steps = (step(found, row) for found in row.steps.iterator(CHUNK))
    text, listed = bytearray(dumps(execution(row, runs=False))[:-1].encode()), 0
    for listed, each in enumerate(chain(runs, steps), start=1):
        if listed % CHUNK == 0:
            yield bytes(text)
            text.clear()
        text += (b"," if listed > 1 else b',"taskRunList":[') + dumps(each).encode()
    yield bytes(text) + (b"]}" if listed else b',"taskRunList":[]}' if row.parent_id else b"}")


def last_execution(row: Execution) -> dict[str, Any]:
    """What `latest` tells of an execution."""
    return without_nulls(
        {
            "id": row.id,
            "namespace": row.namespace,
            "flowId": row.flow_id,
            "startDate": instant(row.created),
            "endDate": instant(row.ended),
            "status": row.state,
        }
    )


def checked_input(item: Mapping[str, Any]) -> dict[str, Any]:
    """One input as `services.validate_inputs` answers it."""
    declared: Input = item["input"]
    shape = without_nulls(
        {
            "id": declared.id,
            "type": declared.type,
            "required": declared.required,
            "defaults": declared.defaults,
            "displayName": declared.display_name,
            "description": declared.description,
        }
    )
    return {
        "input": shape | dict(declared.properties),
        "value": item["value"],
        "enabled": item["enabled"],
        "errors": [{"message": message} for message in item["errors"]],
    }


def begun(row: Execution) -> dict[str, Any]:
    """An execution as it was when it was begun (anew): what Kestra answers to whoever begins one, whatever has happened since."""
    anew = [number for number, (name, _) in enumerate(row.histories) if name == "RESTARTED"]
    told = execution(row, runs=bool(anew)) | {"state": state(row.histories[: anew[-1] + 1 if anew else 1])}
    told.pop("outputs", None)
    return told | ({"taskRunList": []} if row.parent_id and not anew else {})


def with_url(row: Execution, told: dict[str, Any]) -> dict[str, Any]:
    """The answer to a start: with the address of the execution's page."""
    return told | {"url": f"{settings.KESTRA_URL.rstrip('/')}/ui/executions/{row.namespace}/{row.flow_id}/{row.id}"}


def _labels(raw: Any) -> list[dict[str, str]] | None:
    if isinstance(raw, Mapping):
        return [
            {"key": str(key), "value": value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)}
            for key, value in raw.items()
        ]
    return raw or None


def flow(row: Flow | Revision, raw: Mapping[str, Any] | None = None, *, source: bool = False) -> dict[str, Any]:
    """A flow; a revision needs the mapping its source was read into."""
    number, text, raw = (row.number, row.source, raw or {}) if isinstance(row, Revision) else (row.revision, row.source, raw or row.raw)
    shape = dict(raw) | {
        "revision": number,
        "disabled": bool(raw.get("disabled", False)) if isinstance(row, Revision) else row.disabled,
        "deleted": row.deleted,
        "draft": False,
        "labels": _labels(raw.get("labels")),
    }
    if raw.get("inputs"):
        shape["inputs"] = [{"required": True} | given if isinstance(given, dict) else given for given in raw["inputs"]]
    if source:
        shape["source"] = text
    return without_nulls(shape)


def log_line(row: LogLine, execution: Execution | None) -> dict[str, Any]:
    """One log line of an execution, or of a trigger where there is none; that of a step carries the step's name as its task."""
    place = execution or row.trigger
    return without_nulls(
        {
            "namespace": place.namespace if place else None,
            "flowId": place.flow_id if place else None,
            "taskId": row.step or row.task_id or None,
            "executionId": row.execution_id,
            "taskRunId": row.task_run_id or None,
            "attemptNumber": row.attempt if execution else None,
            "triggerId": row.trigger.trigger_id if row.trigger else None,
            "timestamp": instant(row.timestamp),
            "level": LEVELS[row.level],
            "thread": "worker",
            "message": row.message,
            "deleted": False,
        }
    )


def metric(row: Metric, execution: Execution) -> dict[str, Any]:
    """Timers are told in milliseconds, as Kestra keeps them."""
    return {
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "taskId": row.task_id,
        "executionId": execution.id,
        "taskRunId": row.task_run_id,
        "type": row.type,
        "name": row.name,
        "value": row.value * 1000 if row.type == "timer" else row.value,
        "timestamp": instant(row.timestamp),
        "tags": row.tags,
        "deleted": False,
    }
