"""How a dashboard is written: charts over executions, log lines and metrics, in Kestra's YAML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from engine.expressions.values import parse_duration
from engine.parser import YAML_PROBLEM
from engine.yaml_ import load
from ui.errors import Invalid

DATA = "io.kestra.plugin.core.dashboard.data."
CHARTS = tuple(f"io.kestra.plugin.core.dashboard.chart.{name}" for name in ("Bar", "Pie", "Table", "TimeSeries", "Markdown"))
MARKDOWN = CHARTS[-1]
IDS = r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$"
WHERE = Literal[
    "CONTAINS", "ENDS_WITH", "EQUAL_TO", "GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO", "IN", "IS_FALSE", "IS_NOT_NULL", "IS_NULL", "IS_TRUE",
    "LESS_THAN", "LESS_THAN_OR_EQUAL_TO", "NOT_EQUAL_TO", "NOT_IN", "OR", "STARTS_WITH",
]  # fmt: skip
FIELDS = {
    "Executions": (
        "ID", "NAMESPACE", "FLOW_ID", "FLOW_REVISION", "STATE", "DURATION", "LABELS", "START_DATE", "END_DATE", "TRIGGER_EXECUTION_ID",
    ),
    "Logs": (
        "NAMESPACE", "FLOW_ID", "EXECUTION_ID", "TASK_ID", "DATE", "TASK_RUN_ID", "ATTEMPT_NUMBER", "TRIGGER_ID", "LEVEL", "MESSAGE",
    ),
    "Metrics": ("NAMESPACE", "FLOW_ID", "TASK_ID", "EXECUTION_ID", "TASK_RUN_ID", "TYPE", "NAME", "VALUE", "DATE"),
}  # fmt: skip


P = TypeVar("P", bound="Part")


class InvalidDashboard(Invalid):
    """The dashboard has mistakes and was not saved."""


def _duration(value: Any) -> timedelta:
    return parse_duration(str(value))


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Part(BaseModel):
    """A map of the YAML: what it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Filter(Part):
    """One condition on rows; `OR` has others among its values."""

    field: str | None = None
    type: WHERE
    value: Any = None
    values: list[Any] | None = None
    labelKey: str | None = None  # noqa: N815 -- the names are Kestra's


class Column(Part):
    """One value of a row: a field, or what is made of all rows that share the other fields."""

    field: str | None = None
    agg: Literal["AVG", "MAX", "MIN", "SUM", "COUNT"] | None = None
    displayName: str | None = None  # noqa: N815
    labelKey: str | None = None  # noqa: N815
    graphStyle: Literal["LINES", "BARS", "POINTS"] | None = None  # noqa: N815
    columnAlignment: Literal["LEFT", "CENTER", "RIGHT"] | None = None  # noqa: N815

    @model_validator(mode="after")
    def _whole(self) -> Column:
        if self.field is None and self.agg != "COUNT":
            raise ValueError("a column needs a `field`, or `agg: COUNT`")
        if self.field == "LABELS" and not self.labelKey:
            raise ValueError("LABELS needs a `labelKey`")
        return self


class Order(Part):
    """By which column rows are sorted."""

    column: str
    order: Literal["ASC", "DESC"] = "ASC"


class Data(Part):
    """Which rows a chart shows."""

    type: str
    columns: dict[str, Column] = Field(min_length=1)
    where: list[Filter] = Field(default_factory=list)
    orderBy: list[Order] = Field(default_factory=list)  # noqa: N815

    @property
    def kind(self) -> str:
        """Executions, Logs or Metrics."""
        return self.type.removeprefix(DATA)

    @model_validator(mode="after")
    def _known(self) -> Data:
        fields = FIELDS.get(self.kind) if self.type.startswith(DATA) else None
        if fields is None:
            raise ValueError(f"Invalid type: {self.type}; there are {', '.join(DATA + name for name in FIELDS)}")
        named = [column.field for column in self.columns.values()] + [one.field for one in _filters(self.where)]
        unknown = next((name for name in named if name is not None and name not in fields), None)
        if unknown is not None:
            raise ValueError(f"Unknown field {unknown}; there are {', '.join(fields)}")
        missing = next((one.column for one in self.orderBy if one.column not in self.columns), None)
        if missing is not None:
            raise ValueError(f"`orderBy` names the column {missing}, which there is not")
        return self


def _filters(listed: Sequence[Filter]) -> Iterator[Filter]:
    for one in listed:
        yield one
        if one.type == "OR":
            yield from _filters(alternatives(one))


def alternatives(one: Filter) -> list[Filter]:
    """The filters inside an `OR`."""
    return [Filter.model_validate(value) for value in one.values or []]


class Chart(Part):
    """One picture: a Bar, Pie, Table or TimeSeries of data, or a Markdown text."""

    id: str = Field(pattern=IDS, max_length=100)
    type: str
    chartOptions: dict[str, Any] | None = None  # noqa: N815
    data: Data | None = None
    content: str | None = None

    @model_validator(mode="after")
    def _shown(self) -> Chart:
        if self.type not in CHARTS:
            raise ValueError(f"Invalid type: {self.type}; there are {', '.join(CHARTS)}")
        if self.type == MARKDOWN:
            if self.content is None:
                raise ValueError("a Markdown chart needs `content`")
        elif self.data is None:
            raise ValueError("a chart needs `data`")
        return self


class TimeWindow(Part):
    """How much time charts show: if nothing is asked for, and at most."""

    default: Duration = timedelta(days=30)
    max: Duration = timedelta(days=365)


class Dashboard(Part):
    """A title and charts."""

    id: str | None = Field(None, pattern=IDS, max_length=100)
    title: str = Field(min_length=1, max_length=300)
    description: str | None = None
    timeWindow: TimeWindow = TimeWindow()  # noqa: N815
    charts: list[Chart] = Field(default_factory=list)

    @model_validator(mode="after")
    def _told_apart(self) -> Dashboard:
        ids = [chart.id for chart in self.charts]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"Duplicate chart id with name [{', '.join(twice)}]")
        return self


def dashboard(source: str) -> Dashboard:
    """A dashboard as it is written. Raises InvalidDashboard, whose message is Kestra's: a line for each mistake."""
    return _read(source, Dashboard)


def chart(source: str) -> Chart:
    """A chart by itself. Raises InvalidDashboard."""
    return _read(source, Chart)


def _read(source: str, part: type[P]) -> P:
    document = load(source)
    if document.problems or not isinstance(document.value, dict):
        told = [problem.message for problem in document.problems] or ["a map is needed"]
        raise InvalidDashboard(YAML_PROBLEM + "; ".join(told))
    try:
        return part.model_validate(document.value)
    except ValidationError as error:
        raise InvalidDashboard("".join(_line(one) for one in error.errors())) from error


def _line(error: Any) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).removeprefix(".")
    words = {"missing": "must not be null", "extra_forbidden": "is not known"}.get(error["type"], str(error["msg"]))
    return f"{place}: {words.removeprefix('Value error, ')}\n"
