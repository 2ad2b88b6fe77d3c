"""The rows of a chart: executions, log lines or metrics that its reader may see, one by one or counted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Avg, Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Trunc
from django.utils import timezone

from executions import selectors
from executions.dashboard_schema import Chart, Column, Data, Filter, alternatives
from executions.models import ExecutionLabel, Metric
from executions.periods import Group, group_of
from namespaces.rights import Person, below, filter_readable
from ui.errors import Invalid

MOST = 1000  # rows of one answer
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
AGGREGATES = {"AVG": Avg, "MAX": Max, "MIN": Min, "SUM": Sum}
DATES = ("START_DATE", "END_DATE", "DATE")
LOOKUPS = {
    "EQUAL_TO": "exact", "GREATER_THAN": "gt", "GREATER_THAN_OR_EQUAL_TO": "gte", "LESS_THAN": "lt", "LESS_THAN_OR_EQUAL_TO": "lte",
    "CONTAINS": "icontains", "STARTS_WITH": "startswith", "ENDS_WITH": "endswith",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a kind of data come from: the paths of its fields, of the date that bounds it, and of its execution."""

    fields: Mapping[str, str]
    date: str
    execution: str


SOURCES = {
    "Executions": Source(
        {
            "ID": "id", "NAMESPACE": "namespace", "FLOW_ID": "flow_id", "FLOW_REVISION": "flow_revision", "STATE": "state",
            "START_DATE": "created", "END_DATE": "ended", "TRIGGER_EXECUTION_ID": "trigger__variables__executionId",
        },
        "created", "",
    ),
    "Logs": Source(
        {
            "NAMESPACE": "execution__namespace", "FLOW_ID": "execution__flow_id", "EXECUTION_ID": "execution_id", "TASK_ID": "task_id",
            "DATE": "timestamp", "TASK_RUN_ID": "task_run_id", "ATTEMPT_NUMBER": "attempt", "TRIGGER_ID": "trigger__trigger_id",
            "LEVEL": "level", "MESSAGE": "message",
        },
        "timestamp", "execution__",
    ),
    "Metrics": Source(
        {
            "NAMESPACE": "execution__namespace", "FLOW_ID": "execution__flow_id", "EXECUTION_ID": "execution_id", "TASK_ID": "task_id",
            "TASK_RUN_ID": "task_run_id", "TYPE": "type", "NAME": "name", "VALUE": "value", "DATE": "timestamp",
        },
        "timestamp", "execution__",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the reader of a chart asks besides: a time, a namespace with all below it, labels, a page, and whatever else as a Q."""

    start: datetime
    end: datetime
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    page: int = 1
    size: int = MOST
    more: Q = field(default_factory=Q)


def rows(user: Person, chart: Chart, asked: Asked) -> tuple[list[dict[str, Any]], int]:
    """A page of rows as maps from the chart's columns to values, and how many there are. A text has none."""
    if chart.data is None:
        return [], 0
    source, data = SOURCES[chart.data.kind], chart.data
    wanted = Q(**{f"{source.date}__gte": asked.start, f"{source.date}__lte": asked.end}) & asked.more
    if asked.namespace:
        wanted &= below(asked.namespace, f"{source.execution}namespace")
    for key, value in asked.labels.items():
        wanted &= Q(**{f"{source.execution}id__in": ExecutionLabel.objects.filter(key=key, value=value).values("execution_id")})
    found = _readable(user, data).filter(wanted)
    for one in data.where:
        found = _narrowed(found, source, one)
    return _page(_shaped(found, source, data, group_of(asked.start, asked.end)), data, asked)


def _readable(user: Person, data: Data) -> QuerySet[Any]:
    if data.kind == "Executions":
        return selectors.search(user, selectors.Filters()).order_by()
    if data.kind == "Logs":
        return selectors.search_logs(user).select_related(None).order_by()
    return filter_readable(Metric.objects.all(), user, "execution__namespace")


# --- which


def _narrowed(found: QuerySet[Any], source: Source, one: Filter) -> QuerySet[Any]:
    if one.type == "OR":
        kept = found.none()
        for inner in alternatives(one):
            kept = kept | _narrowed(found, source, inner)
        return kept
    name = "where" + f"{one.field}{one.labelKey or ''}".encode().hex()
    try:
        return found.alias(**{name: _expression(source, one.field or "", one.labelKey)}).filter(_holds(name, one))
    except (ValueError, TypeError, ValidationError) as error:
        raise Invalid(f"The field {one.field} cannot be compared with {one.value!r:.100}") from error


def _holds(name: str, one: Filter) -> Q:
    value = _told(one.field, one.value)
    match one.type:
        case "IN":
            return Q(**{f"{name}__in": [_told(one.field, each) for each in one.values or []]})
        case "NOT_IN":
            return ~Q(**{f"{name}__in": [_told(one.field, each) for each in one.values or []]})
        case "NOT_EQUAL_TO":
            return ~Q(**{name: value})
        case "IS_NULL" | "IS_NOT_NULL":
            return Q(**{f"{name}__isnull": one.type == "IS_NULL"})
        case "IS_TRUE" | "IS_FALSE":
            return Q(**{name: one.type == "IS_TRUE"})
    return Q(**{f"{name}__{LOOKUPS[one.type]}": value})


def _told(name: str | None, value: Any) -> Any:
    """A value as the database keeps it: levels are numbers, durations spans of seconds."""
    if name == "LEVEL" and value in LEVELS:
        return LEVELS.index(value)
    if name == "DURATION" and isinstance(value, int | float):
        return timedelta(seconds=value)
    return value


def _expression(source: Source, name: str, label: str | None) -> Any:
    if name == "DURATION":
        return F("ended") - F("created")
    if name == "LABELS":
        return Subquery(ExecutionLabel.objects.filter(execution_id=OuterRef("pk"), key=label or "").values("value")[:1])
    return F(source.fields[name])


# --- what


def _shaped(found: QuerySet[Any], source: Source, data: Data, group: Group) -> QuerySet[Any]:
    """Columns as `c0`, `c1`…: those without an aggregation are what rows are counted by, dates by the piece of time that they lie in."""
    named = {f"c{number}": column for number, column in enumerate(data.columns.values())}
    counted = any(column.agg for column in named.values())
    plain = {name: _plain(source, column, group if counted else None) for name, column in named.items() if not column.agg}
    found = found.annotate(**plain).values(*plain)
    if counted:
        found = found.annotate(**{name: _aggregate(source, column) for name, column in named.items() if column.agg})
    orders = [_order(list(data.columns).index(one.column), one.order) for one in data.orderBy]
    return found.order_by(*orders, *(name for name in plain if f"-{name}" not in orders and name not in orders))


def _plain(source: Source, column: Column, group: Group | None) -> Any:
    expression = _expression(source, column.field or "", column.labelKey)
    if group is None or column.field not in DATES:
        return expression
    return Trunc(expression, group, tzinfo=timezone.get_current_timezone())


def _aggregate(source: Source, column: Column) -> Any:
    if column.field is None:
        return Count("pk")
    if column.agg == "COUNT":
        return Count(_expression(source, column.field, column.labelKey))
    if column.agg in ("AVG", "SUM") and column.field not in ("DURATION", "VALUE", "FLOW_REVISION", "ATTEMPT_NUMBER"):
        raise Invalid(f"{column.agg} is taken of numbers, which {column.field} is not")
    return AGGREGATES[column.agg or ""](_expression(source, column.field, column.labelKey))


def _order(number: int, direction: str) -> str:
    return f"{'-' * (direction == 'DESC')}c{number}"


def _page(found: QuerySet[Any], data: Data, asked: Asked) -> tuple[list[dict[str, Any]], int]:
    total, start = found.count(), (asked.page - 1) * asked.size
    names = [f"c{number}" for number in range(len(data.columns))]
    listed = found.values_list(*names)[start : start + asked.size] if start < total else []
    return [_row(data.columns, values) for values in listed], total


def _row(columns: Mapping[str, Column], values: Sequence[Any]) -> dict[str, Any]:
    return {name: _value(column, value) for (name, column), value in zip(columns.items(), values, strict=True)}


def _value(column: Column, value: Any) -> Any:
    """Levels by name, spans in seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if column.field == "LEVEL" and column.agg != "COUNT" and isinstance(value, int):
        return LEVELS[value]
    return value
