"""Reading executions and what belongs to them, as far as the user may see; None, the system itself, sees everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from engine import states
from engine.document import Input
from executions import models, storage
from executions.executor import ExecutionMissing
from executions.starting import CORRELATION
from flows.models import Flow
from namespaces.rights import Person, below, filter_readable, role_of
from ui.errors import Conflict


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of executions is narrowed to; empty means everything. `namespace` includes what lies below it, `query` is looked for in
    ids, flows and namespaces, `labels` must all be there, `child` True for executions that others started, False for the rest."""

    namespace: str = ""
    exact_namespace: str = ""
    flow_id: str = ""
    states: Sequence[str] = ()
    labels: Sequence[tuple[str, str]] = ()
    query: str = ""
    started_after: datetime | None = None
    started_before: datetime | None = None
    trigger_execution_id: str = ""
    child: bool | None = None
    ids: Sequence[str] = field(default=())


def execution(user: Person, execution_id: str) -> models.Execution:
    """One execution; raises Missing for one that the user may not see, too."""
    row = models.Execution.objects.select_related("created_by").filter(id=execution_id).first()
    if row is None or role_of(user, row.namespace) is None:
        raise ExecutionMissing
    return row


def is_over(row: models.Execution) -> bool:
    """Whether an execution has ended, and so have its listeners and what runs after it."""
    return row.state in states.TERMINATED and not row.task_runs.filter(state__in=states.UNFINISHED).exists()


def search(user: Person, filters: Filters) -> QuerySet[models.Execution]:
    """Executions, newest first."""
    rows = filter_readable(models.Execution.objects.all(), user)
    if filters.namespace:
        rows = rows.filter(below(filters.namespace))
    if filters.child is not None:
        started = Q(trigger__variables__has_key="executionId")
        rows = rows.filter(started) if filters.child else rows.exclude(started)
    exact: dict[str, Any] = {
        "namespace": filters.exact_namespace,
        "flow_id": filters.flow_id,
        "state__in": filters.states,
        "created__gte": filters.started_after,
        "created__lte": filters.started_before,
        "trigger__variables__executionId": filters.trigger_execution_id,
        "id__in": filters.ids,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if filters.query:
        text = filters.query.strip()
        rows = rows.filter(Q(id__icontains=text) | Q(flow_id__icontains=text) | Q(namespace__icontains=text))
    for key, value in filters.labels:
        rows = rows.filter(Q(id__in=models.ExecutionLabel.objects.filter(key=key, value=value).values("execution_id")))
    return rows.order_by("-created", "-id")


def correlated(user: Person, row: models.Execution) -> list[models.Execution]:
    """The other executions with the same correlation id that the user may see, oldest first."""
    correlation = next((value for key, value in row.labels if key == CORRELATION), None)
    if correlation is None:
        return []
    labelled = models.ExecutionLabel.objects.filter(key=CORRELATION, value=correlation).values("execution_id")
    others = filter_readable(models.Execution.objects.filter(id__in=labelled), user).exclude(id=row.id)
    return list(others.order_by("created")[:1000])


def occupying(flows: Iterable[Flow]) -> dict[tuple[str, str], int]:
    """How many executions of each of these flows count towards its concurrency limit, by (namespace, flow id)."""
    counts = {(flow.namespace, flow.flow_id): 0 for flow in flows}
    rows = models.Execution.objects.filter(flow_id__in={flow_id for _, flow_id in counts}, state__in=states.UNFINISHED)
    waiting = (states.CREATED, states.QUEUED)
    for namespace, flow_id, count in rows.exclude(state__in=waiting).order_by().values_list("namespace", "flow_id").annotate(Count("id")):
        if (namespace, flow_id) in counts:
            counts[namespace, flow_id] = count
    return counts


def latest(rows: QuerySet[models.Execution]) -> QuerySet[models.Execution]:
    """Of these executions the last one of each flow."""
    newer = models.Execution.objects.filter(namespace=OuterRef("namespace"), flow_id=OuterRef("flow_id")).order_by("-created", "-id")
    return rows.filter(pk=Subquery(newer.values("pk")[:1]))


def task_runs(execution_id: str) -> list[models.TaskRun]:
    """The task runs of an execution in the order of their creation."""
    return list(models.TaskRun.objects.filter(execution_id=execution_id).order_by("position"))


def steps(execution_id: str, task_run_id: str = "") -> list[models.Step]:
    """The steps of an execution, or of one of its task runs, in the order of their first report."""
    rows = models.Step.objects.filter(execution_id=execution_id)
    return list((rows.filter(task_run_id=task_run_id) if task_run_id else rows).order_by("task_run_id", "attempt", "position"))


# --- log lines ------------------------------------------------------------------------------------------------------------------


def logs(
    execution_id: str, *, min_level: int = 0, task_run_id: str = "", task_id: str = "", step: str | None = None, attempt: int | None = None,
    after: int = 0, before: int | None = None, query: str = "", limit: int | None = None,
) -> QuerySet[models.LogLine]:  # fmt: skip
    """Log lines by number, those after and before a number; `step` "" means lines of no step. At most `limit`, the first ones."""
    rows = models.LogLine.objects.filter(execution_id=execution_id, number__gt=after)
    exact: dict[str, Any] = {"task_run_id": task_run_id, "task_id": task_id, "level__gte": min_level, "message__icontains": query}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if before is not None:
        rows = rows.filter(number__lt=before)
    if step is not None:
        rows = rows.filter(step=step)
    if attempt is not None:
        rows = rows.filter(attempt=attempt)
    rows = rows.order_by("number")
    return rows if limit is None else rows[:limit]


def search_logs(
    user: Person, *, query: str = "", namespace: str = "", flow_id: str = "", trigger_id: str = "", min_level: int = 0,
    start: datetime | None = None, end: datetime | None = None,
) -> QuerySet[models.LogLine]:  # fmt: skip
    """Log lines of all executions and triggers that the user may see, newest first."""
    lines = models.LogLine.objects.select_related("execution", "trigger")
    rows = filter_readable(lines, user, "execution__namespace") | filter_readable(lines, user, "trigger__namespace")
    if namespace:
        rows = rows.filter(below(namespace, "execution__namespace") | below(namespace, "trigger__namespace"))
    if flow_id:
        rows = rows.filter(Q(execution__flow_id=flow_id) | Q(trigger__flow_id=flow_id))
    if trigger_id:
        rows = rows.filter(Q(execution__trigger__id=trigger_id) | Q(trigger__trigger_id=trigger_id))
    exact: dict[str, Any] = {"level__gte": min_level, "message__icontains": query, "timestamp__gte": start, "timestamp__lte": end}
    return rows.filter(**{name: value for name, value in exact.items() if value}).order_by("-timestamp", "-id")


def trigger_logs(state: models.TriggerState, count: int) -> list[models.LogLine]:
    """The last lines of one trigger, newest first."""
    return list(models.LogLine.objects.filter(trigger=state).order_by("-timestamp", "-id")[:count])


def log_counts(execution_id: str) -> dict[int, int]:
    """How many lines there are of each level."""
    rows = models.LogLine.objects.filter(execution_id=execution_id).order_by().values_list("level").annotate(count=Count("id"))
    return dict(rows)


def next_log(execution_id: str, level: int, *, after: int | None = None, before: int | None = None) -> models.LogLine | None:
    """The next line of exactly this level after a number, or the one before a number."""
    rows = models.LogLine.objects.filter(execution_id=execution_id, level=level)
    if before is not None:
        return rows.filter(number__lt=before).order_by("-number").first()
    return rows.filter(number__gt=after or 0).order_by("number").first()


def metrics(execution_id: str, *, task_run_id: str = "", task_id: str = "") -> QuerySet[models.Metric]:
    """Metrics in the order in which they were published."""
    rows = models.Metric.objects.filter(execution_id=execution_id)
    exact = {"task_run_id": task_run_id, "task_id": task_id}
    return rows.filter(**{name: value for name, value in exact.items() if value}).order_by("timestamp", "id")


# --- over many executions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FlowStats:
    """How a flow fares: its last executions (oldest first) as (id, state, start, duration in seconds), and what it usually takes."""

    last: models.Execution | None
    recent: tuple[tuple[str, str, datetime, float], ...]
    usual_seconds: float | None


def flow_stats(flows: Iterable[Flow], count: int = 20) -> dict[tuple[str, str], FlowStats]:
    """How each of these flows fares, by (namespace, flow id); one query per flow, so for one page of a list."""
    return {(flow.namespace, flow.flow_id): _stats(flow, count) for flow in flows}


def _stats(flow: Flow, count: int) -> FlowStats:
    rows = list(models.Execution.objects.filter(namespace=flow.namespace, flow_id=flow.flow_id).order_by("-created")[:count])
    now = timezone.now()
    recent = tuple((row.id, row.state, row.created, ((row.ended or now) - row.created).total_seconds()) for row in reversed(rows))
    good = sorted((row.ended - row.created).total_seconds() for row in rows if row.ended and row.state in (states.SUCCESS, states.WARNING))
    return FlowStats(rows[0] if rows else None, recent, good[len(good) // 2] if good else None)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the installation holds: rows by kind, bytes by place, and the limits that apply."""

    rows: Mapping[str, int]
    bytes: Mapping[str, int]
    limits: Mapping[str, int]
    oldest: datetime | None


def usage() -> Usage:
    """How much is kept, for the administrators' page."""
    kinds = {
        "executions": models.Execution,
        "task_runs": models.TaskRun,
        "steps": models.Step,
        "log_lines": models.LogLine,
        "metrics": models.Metric,
    }
    places = {"storage": settings.KESTRA_STORAGE, "working": settings.KESTRA_WORK, "environments": settings.KESTRA_ENVIRONMENTS}
    oldest = models.Execution.objects.order_by("created").values_list("created", flat=True).first()
    rows = {name: model.objects.count() if name != "log_lines" else _estimate(model) for name, model in kinds.items()}
    return Usage(rows, {name: _size(Path(folder)) for name, folder in places.items()}, settings.KESTRA_LIMITS, oldest)


def _estimate(model: type[Any]) -> int:
    """Rows of a table too large to count: ids are given in order and only the oldest are removed."""
    first, last = model.objects.order_by("id").values_list("id", flat=True).first(), model.objects.aggregate(last=Max("id"))["last"]
    return (last or 0) - (first or 1) + 1 if last else 0


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) if folder.is_dir() else 0


def require_unused(namespace: str, flow_id: str, revisions: Sequence[int]) -> None:
    """Return when no execution that goes on runs one of these revisions of a flow; raises Conflict otherwise."""
    rows = models.Execution.objects.filter(namespace=namespace, flow_id=flow_id, flow_revision__in=revisions)
    used = rows.exclude(state__in=states.TERMINATED).values_list("flow_revision", flat=True).first()
    if used is not None:
        raise Conflict(f"An execution still runs revision {used}")


# --- files ------------------------------------------------------------------------------------------------------------------------


def file_of(user: Person, execution_id: str, uri: str) -> Path:
    """The path of a stored file that belongs to an execution which the user may see; raises Missing, storage.NotOurs."""
    row = execution(user, execution_id)
    own = storage.execution_uri(row.namespace, row.flow_id, row.id)
    if not uri.startswith(own):
        earlier = [storage.execution_uri(row.namespace, row.flow_id, other) for other in (row.parent_id, row.original_id) if other]
        if not any(uri.startswith(family) for family in earlier):
            raise storage.NotOurs(f"The path '{uri}' does not belong to this execution")
    return storage.existing(uri)


def is_held(execution: models.Execution) -> bool:
    """Whether somebody paused the execution as a whole."""
    return execution.state == states.PAUSED and bool(execution.notes.get("held"))


def paused_runs(execution: models.Execution) -> QuerySet[models.TaskRun]:
    """The task runs that wait for somebody to resume them, in their order; nothing unless the execution is paused."""
    paused = models.TaskRun.objects.filter(execution=execution, state=states.PAUSED).order_by("position")
    paused = paused.exclude(notes__has_key="next_iteration")  # that one waits for its next round
    return paused if execution.state == states.PAUSED else paused.none()


def resumable(execution: models.Execution) -> models.TaskRun | None:
    """The paused task run that a resume goes on with; None where there is none, or a pause by hand is lifted first."""
    return None if is_held(execution) else paused_runs(execution).first()


def declared_inputs(raw: Iterable[Mapping[str, Any]]) -> tuple[Input, ...]:
    """Inputs that stand inside a task (`onResume`), as those of a flow."""
    common = ("id", "type", "required", "defaults", "displayName", "description", "dependsOn")
    return tuple(
        Input(
            id=str(item["id"]),
            type=str(item.get("type", "STRING")),
            required=bool(item.get("required", True)),
            defaults=item.get("defaults"),
            display_name=item.get("displayName"),
            description=item.get("description"),
            depends_on=tuple(map(str, needs.get("inputs") or ())),
            condition=needs.get("condition"),
            properties={name: value for name, value in item.items() if name not in common},
        )
        for item in raw
        for needs in [item.get("dependsOn") or {}]
    )


def since(days: float) -> datetime:
    """The moment so many days ago."""
    return timezone.now() - timedelta(days=days)
