"""The steps that task runs report: rows of the Gantt, written in batches as they change."""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from engine.ids import base62
from engine.states import CREATED, RUNNING, SKIPPED, TERMINATED
from engine.texts import storable
from executions import models, publish
from executions.batches import Batch
from plugins.contract import StepReport

FIELDS = ["label", "kind", "parent_name", "state", "histories", "started", "ended", "message", "data", "seq"]
DETAIL = "detail"


def step_id(task_run_id: str, attempt: int, name: str) -> str:
    """The id of a step, 22 characters like that of a task run, the same each time it is asked."""
    return base62(int.from_bytes(hashlib.sha256(f"{task_run_id}/{attempt}/{name}".encode()).digest()))


@dataclass(slots=True)
class Board:
    """The steps of one attempt: what was reported so far, so that a new report becomes a whole row."""

    execution_id: str
    task_run_id: str
    attempt: int
    _rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def report(self, report: StepReport, now: datetime) -> None:
        """Take a report; the row is in the database within a tenth of a second."""
        with self._guard:
            row = self._rows.setdefault(report.name, self._new(report))
            row["histories"] = _lived(row["histories"], report, now)
            row["state"] = report.state
            row["started"] = report.started or row["started"]
            row["ended"] = report.ended or row["ended"]
            row["label"] = report.label[:300] or row["label"]
            row["kind"] = report.kind[:50] or row["kind"]
            row["parent_name"] = (report.parent or row["parent_name"])[:500]
            row["message"] = report.message if report.message is not None else row["message"]
            row["data"] = {**row["data"], **report.data}
            _batch.add({**storable(row), DETAIL: _packed(report.detail) if report.detail else None})

    def open_names(self) -> list[str]:
        """Steps that were begun and not ended."""
        with self._guard:
            return [name for name, row in self._rows.items() if row["ended"] is None]

    def _new(self, report: StepReport) -> dict[str, Any]:
        return {
            "id": step_id(self.task_run_id, self.attempt, report.name),
            "execution_id": self.execution_id,
            "task_run_id": self.task_run_id,
            "attempt": self.attempt,
            "name": report.name[:500],
            "position": len(self._rows),
            "histories": [],
            "started": None,
            "ended": None,
            "label": "",
            "kind": "",
            "parent_name": "",
            "message": "",
            "data": {},
        }


def _lived(histories: list[list[str]], report: StepReport, now: datetime) -> list[list[str]]:
    """The states so far with the one that is reported. A step that is told of only at its end has lived through all of them, too."""
    if histories and histories[-1][0] == report.state:
        return histories
    began = report.started or report.ended or now
    made = list(histories) or [[CREATED, began.isoformat()]]
    if not histories and report.state in TERMINATED and report.state != SKIPPED and report.started:
        made.append([RUNNING, (report.working or began).isoformat()])
    if report.state == CREATED and not histories:
        return made
    return [*made, [report.state, (report.ended or (began if not histories else now)).isoformat()]]


def _packed(detail: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(storable(detail), ensure_ascii=False).encode(), 3)


def detail_of(step_id: str) -> dict[str, Any]:
    """What only the pane of a step shows; empty where there is nothing."""
    packed = models.StepDetail.objects.filter(step_id=step_id).values_list("packed", flat=True).first()
    found = json.loads(zlib.decompress(bytes(packed))) if packed else {}
    return found if isinstance(found, dict) else {}


def flush() -> None:
    """Return when every report so far is in the database."""
    _batch.flush()


def _write(rows: list[dict[str, Any]]) -> None:
    latest: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        before = latest[row["execution_id"]].get(row["id"], {})
        latest[row["execution_id"]][row["id"]] = {**row, DETAIL: row[DETAIL] or before.get(DETAIL)}
    with transaction.atomic():
        for execution_id, own in latest.items():
            _insert(execution_id, own)


def _insert(execution_id: str, rows: dict[str, dict[str, Any]]) -> None:
    executions = models.Execution.objects.filter(id=execution_id)
    if not executions.update(seq=F("seq") + 1):  # deleted meanwhile
        return
    seq = executions.values_list("seq", flat=True).get()
    details = {row_id: row.pop(DETAIL) for row_id, row in rows.items()}
    models.Step.objects.bulk_create(
        [models.Step(**row, seq=seq) for row in rows.values()], update_conflicts=True, unique_fields=["id"], update_fields=FIELDS
    )
    models.StepDetail.objects.bulk_create(
        [models.StepDetail(step_id=row_id, packed=packed) for row_id, packed in details.items() if packed],
        update_conflicts=True,
        unique_fields=["step"],
        update_fields=["packed"],
    )
    publish.steps_changed(execution_id, rows, seq)


_batch: Batch[dict[str, Any]] = Batch("steps", _write, period=0.05, size=200, full=10_000)
