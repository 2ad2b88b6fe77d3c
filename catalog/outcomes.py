"""How nodes ended, how fresh sources are, what the warehouse says of tables: read from artifacts and steps, kept per node."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from catalog import reading
from catalog.models import NodeRun, Outcome, Project, Text
from catalog.reading import count, mapping, moment, number, text
from engine.states import TERMINATED
from executions.masks import Masks
from executions.models import Step

STATES = {
    **dict.fromkeys(("success", "pass", "run", "reused"), "SUCCESS"),
    **dict.fromkeys(("warn", "partial success"), "WARNING"),
    **dict.fromkeys(("error", "fail", "runtime error", "runtime_error"), "FAILED"),
    **dict.fromkeys(("skipped", "no-op"), "SKIPPED"),
}
REWRITINGS = frozenset({"generate", "compile", "parse", "list", "show"})  # their results tell of no run
LONGEST_SQL = 2_000_000
FRESHNESS = ("status", "max_loaded_at", "snapshotted_at", "max_loaded_at_time_ago_in_s", "criteria", "error")
LAST = ("state", "status", "execution_id", "ended", "seconds", "rows", "failures", "message")


@dataclass(slots=True)
class Result:
    """How one node ended in one task run; without a state it only tells the compiled SQL."""

    unique_id: str
    state: str = ""
    status: str = ""
    ended: datetime | None = None
    seconds: float | None = None
    rows: int | None = None
    failures: int | None = None
    message: str = ""
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What one task run left; `generated` is when dbt wrote it, `masks` hide the secrets of its namespace, which variables may bring in."""

    execution_id: str
    task_run_id: str
    generated: datetime
    masks: Masks

    def results(self, path: Path | None, command: str) -> Iterator[Result]:
        """Every node that ran: what its step says goes before what run_results.json says, which knows of the last command alone."""
        steps = self._steps()
        for _, _, entry in reading.items(path, {"results"}) if path else ():
            told = mapping(entry)
            unique_id = text(told.get("unique_id"))
            if unique_id:
                found = steps.pop(unique_id, None) or (Result(unique_id) if command in REWRITINGS else self._result(unique_id, told))
                found.sql = self.masks.text(text(told.get("compiled_code") or told.get("compiled_sql"), LONGEST_SQL))
                yield found
        yield from steps.values()

    def _result(self, unique_id: str, told: Mapping[str, Any]) -> Result:
        response, status = mapping(told.get("adapter_response")), text(told.get("status"), 30)
        times = [moment(mapping(part).get("completed_at")) for part in told.get("timing") or () if isinstance(part, Mapping)]
        return Result(
            unique_id,
            STATES.get(status, "FAILED"),
            status,
            max((time for time in times if time), default=self.generated),
            number(told.get("execution_time")),
            count(response.get("rows_affected")),
            count(told.get("failures")),
            self.masks.text(text(told.get("message"), 10_000)),
        )

    def _steps(self) -> dict[str, Result]:
        """The nodes that the task run showed as steps; of several with one name the last."""
        found = {}
        fields = ("state", "ended", "message", "data")
        rows = Step.objects.filter(execution_id=self.execution_id, task_run_id=self.task_run_id, state__in=TERMINATED)
        for state, ended, message, data in rows.order_by("attempt", "position").values_list(*fields):
            unique_id = text(data.get("unique_id"))
            if unique_id and not unique_id.startswith("operation."):
                found[unique_id] = Result(
                    unique_id,
                    state,
                    text(data.get("status"), 30),
                    ended or self.generated,
                    number(data.get("duration")),
                    count(data.get("rows_affected")),
                    count(data.get("num_failures")),
                    text(message, 10_000),
                )
        return found


def save_runs(project: Project, found: Found, results: Sequence[Result], now: datetime) -> None:
    """Keep runs and compiled SQL, and make the newest of each node what is known last."""
    digests = _keep_texts({result.sql for result in results if result.sql}, now)
    runs = [result for result in results if result.state]
    NodeRun.objects.bulk_create(
        [
            NodeRun(
                project=project,
                unique_id=result.unique_id,
                execution_id=found.execution_id,
                task_run_id=found.task_run_id,
                compiled=digests.get(result.sql, ""),
                **{name: getattr(result, name) for name in ("state", "status", "ended", "seconds", "rows", "failures", "message")},
            )
            for result in runs
        ],
        ignore_conflicts=True,
    )
    rows = _outcomes(project, [result.unique_id for result in results])
    for result in results:
        row = rows[result.unique_id]
        row.compiled = digests.get(result.sql, row.compiled)
        if result.state and result.ended and (row.ended is None or row.ended <= result.ended):
            row.execution_id = found.execution_id
            for name in ("state", "status", "ended", "seconds", "rows", "failures", "message"):
                setattr(row, name, getattr(result, name))
    _save(rows, [*LAST, "compiled"])


def _keep_texts(texts: set[str], now: datetime) -> dict[str, str]:
    digests = {sql: hashlib.sha256(sql.encode()).hexdigest() for sql in texts}
    Text.objects.filter(digest__in=digests.values()).update(used=now)
    Text.objects.bulk_create([Text(digest=digest, text=sql, used=now) for sql, digest in digests.items()], ignore_conflicts=True)
    return digests


def _outcomes(project: Project, unique_ids: Sequence[str]) -> dict[str, Outcome]:
    """The rows of these nodes, new ones where they lack."""
    rows = {row.unique_id: row for row in Outcome.objects.filter(project=project, unique_id__in=unique_ids)}
    return rows | {name: Outcome(project=project, unique_id=name) for name in unique_ids if name not in rows}


def _save(rows: Mapping[str, Outcome], fields: Sequence[str]) -> None:
    """Write these fields of rows, old and new, in one statement for many."""
    made = [
        Outcome(**{field.attname: getattr(row, field.attname) for field in Outcome._meta.concrete_fields if field.name != "id"})
        for row in rows.values()
    ]
    Outcome.objects.bulk_create(made, update_conflicts=True, unique_fields=["project", "unique_id"], update_fields=list(fields))


def of_sources(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What `dbt source freshness` said of each source."""
    for _, _, entry in reading.items(path, {"results"}):
        told = mapping(entry)
        if unique_id := text(told.get("unique_id")):
            yield unique_id, {name: told[name] for name in FRESHNESS if told.get(name) is not None}


def save_freshness(project: Project, batch: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Keep how fresh sources are, unless something newer is known."""
    told = dict(batch)
    rows = _outcomes(project, list(told))
    for unique_id, row in rows.items():
        if str(told[unique_id].get("snapshotted_at", "~")) >= str(row.freshness.get("snapshotted_at", "")):
            row.freshness = told[unique_id]
    _save(rows, ["freshness"])


def of_catalog(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The types of columns and the figures of tables that `dbt docs generate` found in the warehouse."""
    for _, unique_id, entry in reading.items(path, {"nodes", "sources"}):
        columns, stats = mapping(mapping(entry).get("columns")), mapping(mapping(entry).get("stats"))
        types = {name.lower()[:300]: text(mapping(column).get("type"), 200) for name, column in columns.items()}
        shown = {
            text(mapping(stat).get("label"), 100): mapping(stat).get("value") for stat in stats.values() if mapping(stat).get("include")
        }
        yield (
            text(unique_id),
            {"types": types, "stats": {name: value for name, value in shown.items() if isinstance(value, str | int | float)}},
        )


def save_tables(project: Project, batch: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Keep types and figures."""
    told = dict(batch)
    rows = _outcomes(project, list(told))
    for unique_id, row in rows.items():
        row.types, row.stats = told[unique_id]["types"], told[unique_id]["stats"]
    _save(rows, ["types", "stats"])
