"""The ports through which a task reaches executions and their log lines; rights are checked on every call."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db.models import Q, QuerySet

from engine import states
from engine.context import instant
from engine.execution import Execution
from executions import logbook, models, services, storage
from executions.ports import People, told
from namespaces.models import Role
from namespaces.rights import below
from plugins.contract import FlowCount, Level, Purged, TaskFailed
from ui.errors import KestraError

AT_ONCE = 500  # rows removed in one go, so that no transaction is long


@dataclass(frozen=True, slots=True)
class _Reach:
    """What both ports know: which execution asks, and on whose behalf."""

    execution: Execution
    people: People

    def named(self, execution_id: str | None, namespace: str | None, flow_id: str | None, role: Role) -> models.Execution:
        """The row of an execution that a task names, this one where it names none; TaskFailed where there is none or it may not."""
        if execution_id is not None and (namespace is None) != (flow_id is None):
            raise TaskFailed("Both `namespace` and `flowId` must be set when `executionId` is set, or neither", retryable=False)
        wanted = execution_id or self.execution.id
        row = models.Execution.objects.filter(id=wanted).first()
        missing = TaskFailed(f"There is no execution '{wanted}' of this flow, or its namespace is not open to this one")
        if row is None or (execution_id is not None and namespace is not None and (row.namespace, row.flow_id) != (namespace, flow_id)):
            raise missing
        try:
            self.people.require(row.namespace, role)
        except KestraError as error:
            raise missing from error
        return row

    def open_namespaces(self, namespace: str | None) -> list[str]:
        """Where there are executions or triggers to change: a namespace and those below it, or all. TaskFailed for one that may not."""
        within = Q()
        if namespace is not None:
            with told():
                self.people.require(namespace, Role.MEMBER)
            within = below(namespace)
        kinds = (models.Execution, models.TriggerState)
        names = {name for kind in kinds for name in kind.objects.filter(within).values_list("namespace", flat=True).distinct()}
        return sorted(name for name in names if self._may_change(name))

    def _may_change(self, namespace: str) -> bool:
        try:
            self.people.require(namespace, Role.MEMBER)
        except KestraError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Logs(_Reach):
    """Implements `plugins.contract.LogsPort`."""

    def fetch(
        self,
        *,
        execution_id: str | None = None,
        namespace: str | None = None,
        flow_id: str | None = None,
        task_ids: Sequence[str] = (),
        level: Level = "TRACE",
    ) -> Iterator[Mapping[str, Any]]:
        """The lines of an execution, oldest first, as they come from the database."""
        row = self.named(execution_id, namespace, flow_id, Role.READER)
        logbook.flush()
        lines = models.LogLine.objects.filter(execution_id=row.id, level__gte=logbook.NUMBERS[level])
        if task_ids:
            lines = lines.filter(task_id__in=task_ids)
        return (_entry(row, line) for line in lines.order_by("number").iterator(chunk_size=2000))

    def purge(
        self,
        *,
        namespace: str | None = None,
        flow_id: str | None = None,
        execution_id: str | None = None,
        levels: Sequence[Level] = (),
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> int:
        """Delete lines of executions and triggers, a bounded number at a time."""
        open_ = self.open_namespaces(namespace)
        wanted = Q(execution__namespace__in=open_)
        if execution_id is None:
            wanted |= Q(trigger__namespace__in=open_)
        lines = models.LogLine.objects.filter(wanted)
        if flow_id is not None:
            lines = lines.filter(Q(execution__flow_id=flow_id) | Q(trigger__flow_id=flow_id))
        filters = {
            "execution_id": execution_id,
            "level__in": [logbook.NUMBERS[level] for level in levels] or None,
            "timestamp__gte": start,
            "timestamp__lte": end,
        }
        return _delete(lines.filter(**{name: value for name, value in filters.items() if value is not None}))


def _entry(row: models.Execution, line: models.LogLine) -> dict[str, Any]:
    entry = {
        "namespace": row.namespace,
        "flowId": row.flow_id,
        "taskId": line.task_id,
        "executionId": row.id,
        "taskRunId": line.task_run_id,
        "attemptNumber": line.attempt,
        "timestamp": instant(line.timestamp),
        "level": logbook.LEVELS[line.level],
        "message": line.message,
    }
    return {name: value for name, value in entry.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Executions(_Reach):
    """Implements `plugins.contract.ExecutionsPort`."""

    def resume(
        self, execution_id: str | None = None, *, namespace: str | None = None, flow_id: str | None = None, inputs: Mapping[str, Any]
    ) -> None:
        """Go on with a paused execution."""
        row = self.named(execution_id, namespace, flow_id, Role.MEMBER)
        with told():
            services.resume(user=None, execution_id=row.id, inputs=inputs)

    def count(
        self,
        *,
        flows: Sequence[tuple[str, str | None]],
        states: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[FlowCount]:
        """How many executions of each began between two moments."""
        with told():
            for namespace in {namespace for namespace, _ in flows}:
                self.people.require(namespace, Role.READER)
        rows = _between(models.Execution.objects.all(), states, start, end)
        return [FlowCount(namespace, flow_id, _of(rows, namespace, flow_id).count()) for namespace, flow_id in flows]

    def purge(
        self,
        *,
        namespace: str | None = None,
        flow_id: str | None = None,
        states: Sequence[str] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        what: Collection[Literal["execution", "log", "metric", "storage"]],
    ) -> Purged:
        """Remove ended executions, a bounded number at a time; never the one that asks."""
        rows = models.Execution.objects.filter(namespace__in=self.open_namespaces(namespace), state__in=_ended(states))
        rows = _between(rows, (), start, end).exclude(id=self.execution.id)
        if flow_id is not None:
            rows = rows.filter(flow_id=flow_id)
        done, last = Purged(), ""
        while batch := list(rows.filter(id__gt=last).order_by("id")[:AT_ONCE]):
            done, last = _plus(done, _purge(batch, what)), batch[-1].id
        return done


def _of(rows: QuerySet[models.Execution], namespace: str, flow_id: str | None) -> QuerySet[models.Execution]:
    rows = rows.filter(namespace=namespace)
    return rows if flow_id is None else rows.filter(flow_id=flow_id)


def _between(
    rows: QuerySet[models.Execution], states_: Sequence[str], start: datetime | None, end: datetime | None
) -> QuerySet[models.Execution]:
    filters = {"state__in": list(states_) or None, "created__gte": start, "created__lte": end}
    return rows.filter(**{name: value for name, value in filters.items() if value is not None})


def _ended(states_: Sequence[str]) -> set[str]:
    return set(states.TERMINATED) & set(states_) if states_ else set(states.TERMINATED)


def _purge(batch: Sequence[models.Execution], what: Collection[str]) -> Purged:
    ids = [row.id for row in batch]
    logs = metrics = files = 0
    if "log" in what:
        logs = _delete(models.LogLine.objects.filter(execution_id__in=ids))
    if "metric" in what:
        metrics = _delete(models.Metric.objects.filter(execution_id__in=ids))
    if "storage" in what:
        files = sum(len(storage.delete_execution(row.namespace, row.flow_id, row.id)) for row in batch)
    executions = services.purge(batch, files=False) if "execution" in what else 0
    return Purged(executions, logs, metrics, files)


def _plus(one: Purged, other: Purged) -> Purged:
    return Purged(one.executions + other.executions, one.logs + other.logs, one.metrics + other.metrics, one.storages + other.storages)


def _delete(rows: QuerySet[Any]) -> int:
    """Delete rows, a bounded number in each transaction; answers how many there were."""
    count = 0
    while ids := list(rows.order_by("id").values_list("id", flat=True)[:AT_ONCE]):
        rows.model.objects.filter(id__in=ids).delete()
        count += len(ids)
    return count
