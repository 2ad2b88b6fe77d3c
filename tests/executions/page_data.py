"""Rows of executions as pages find them: builders that write them without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from executions.models import Execution, LogLine, Step, TaskRun
from flows.models import Flow, Revision

BEGAN = datetime(2026, 11, 22, 6, 0, 0, tzinfo=UTC)
_numbers = count(1)

SOURCE = """id: {flow_id}
namespace: {namespace}
inputs:
  - id: target
    type: SELECT
    values: [dev, prod]
    allowCustomValue: true
    defaults: dev
  - id: threads
    type: INT
    min: 1
    max: 16
    required: false
tasks:
  - id: setup
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - id: hello
        type: io.kestra.plugin.core.log.Log
        message: "{{{{ inputs.target }}}}"
      - id: back
        type: io.kestra.plugin.core.debug.Return
        format: done
"""


def at(seconds: float) -> datetime:
    """The moment so many seconds after everything began."""
    return BEGAN + timedelta(seconds=seconds)


def histories(*moments: tuple[str, float]) -> list[list[str]]:
    """`[[state, date], …]` from states and seconds."""
    return [[state, at(seconds).isoformat()] for state, seconds in moments]


def flow(flow_id: str = "shop", namespace: str = "company.team", source: str = SOURCE, **values: Any) -> Flow:
    """A stored flow with its first revision."""
    text = source.format(flow_id=flow_id, namespace=namespace)
    row = Flow.objects.create(flow_id=flow_id, namespace=namespace, source=text, raw={"id": flow_id, "namespace": namespace}, **values)
    Revision.objects.create(flow=row, number=1, source=text)
    return row


def execution(
    state: str = "SUCCESS", *, took: float = 10, flow_id: str = "shop", namespace: str = "company.team", **values: Any
) -> Execution:
    """An execution that began at BEGAN; one that has ended took so many seconds."""
    ended = state in ("SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED")
    moments = [("CREATED", 0.0), ("RUNNING", 0.1)]
    if ended:
        moments.append((state, took))
    elif state not in ("RUNNING", "CREATED"):
        moments.append((state, 1.0))
    defaults: dict[str, Any] = {
        "id": f"execution{next(_numbers):012d}",
        "namespace": namespace,
        "flow_id": flow_id,
        "flow_revision": 1,
        "state": state,
        "histories": histories(*(moments[:1] if state == "CREATED" else moments)),
        "created": BEGAN,
        "ended": at(took) if ended else None,
        "seq": 1,
    }
    return Execution.objects.create(**{**defaults, **values})


def task_run(
    own: Execution,
    task_id: str,
    state: str = "SUCCESS",
    *,
    start: float = 0.2,
    end: float = 5,
    parent: TaskRun | None = None,
    **values: Any,
) -> TaskRun:
    """A task run with one attempt."""
    moments = [("CREATED", start), ("RUNNING", start)] + ([(state, end)] if state != "RUNNING" else [])
    made = histories(*moments)
    defaults: dict[str, Any] = {
        "id": f"taskrun{next(_numbers):012d}",
        "execution": own,
        "task_id": task_id,
        "parent_id": parent.id if parent else None,
        "state": state,
        "histories": made,
        "attempts": [{"number": 0, "histories": made[1:]}],
        "position": TaskRun.objects.filter(execution=own).count(),
        "seq": 1,
    }
    return TaskRun.objects.create(**{**defaults, **values})


def step(
    run: TaskRun,
    name: str,
    state: str = "SUCCESS",
    *,
    start: float | None = 1,
    end: float | None = 2,
    kind: str = "model",
    parent: str = "",
    **values: Any,
) -> Step:
    """A dbt model or test within a task run."""
    defaults: dict[str, Any] = {
        "id": f"step{next(_numbers):012d}",
        "execution_id": run.execution_id,
        "task_run": run,
        "name": name,
        "label": name.rsplit(".", 1)[-1],
        "kind": kind,
        "parent_name": parent,
        "state": state,
        "started": at(start) if start is not None else None,
        "ended": at(end) if end is not None and state != "RUNNING" else None,
        "position": Step.objects.filter(task_run=run).count(),
        "seq": 1,
    }
    return Step.objects.create(**{**defaults, **values})


def log_lines(own: Execution, messages: Sequence[tuple[int, str]], *, run: TaskRun | None = None, step_name: str = "") -> list[LogLine]:
    """Lines as (level, message), numbered after those that are there."""
    first = own.log_count + 1
    rows = [
        LogLine(
            execution=own,
            number=first + place,
            level=level,
            message=message,
            timestamp=at(place / 1000),
            task_run_id=run.id if run else "",
            task_id=run.task_id if run else "",
            step=step_name,
        )
        for place, (level, message) in enumerate(messages)
    ]
    LogLine.objects.bulk_create(rows, batch_size=5000)
    own.log_count += len(rows)
    own.save(update_fields=["log_count"])
    return rows


def dbt_build(own: Execution, models: int = 6, *, state: str = "SUCCESS") -> tuple[TaskRun, list[Step]]:
    """A WorkingDirectory with a dbt task that built so many models, each with one test; the last test warns."""
    outer = task_run(own, "dbt", state, end=8)
    inner = task_run(own, "dbt_build", state, start=0.5, end=8, parent=outer)
    made: list[Step] = []
    for number in range(models):
        name = f"model.shop.m{number}"
        made.append(step(inner, name, start=1 + number, end=1.6 + number, data={"materialized": "table", "rows_affected": 100 * number}))
        last = number == models - 1
        made.append(
            step(
                inner,
                f"test.shop.unique_m{number}",
                "WARNING" if last else "SUCCESS",
                start=1.6 + number,
                end=1.8 + number,
                kind="test",
                parent=name,
                data={"num_failures": 12} if last else {},
                message="Got 12 results, configured to warn if != 0" if last else "",
            )
        )
    return inner, made
