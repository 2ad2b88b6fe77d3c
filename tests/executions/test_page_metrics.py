"""Metrics as pages draw them: charts whose scale has 0 in it, one execution's values, a metric over the last executions of a flow."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from executions import page_metrics
from executions.models import Execution, Metric, TaskRun
from executions.page_metrics import Point, Wanted
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data


def points(*values: float) -> list[Point]:
    return [Point(value, "SUCCESS", str(value), "#") for value in values]


def shape(*values: float) -> list[tuple[str, str]]:
    return [(column.y, column.height) for column in page_metrics.chart(points(*values), "counter").columns]


def test_bars_stand_on_zero_below_a_round_top() -> None:
    chart = page_metrics.chart(points(0, 30, 42), "counter")
    assert chart.labels == ("50", "25", "0")
    assert shape(0, 30, 42) == [("100.00%", "0.00%"), ("40.00%", "60.00%"), ("16.00%", "84.00%")]


def test_what_is_below_zero_hangs_from_it() -> None:
    chart = page_metrics.chart(points(10, -10), "counter")
    assert chart.labels == ("10", "0", "-10")
    assert chart.zero == "50.00%"
    assert shape(10, -10) == [("0.00%", "50.00%"), ("50.00%", "50.00%")]


@pytest.mark.parametrize("values", [(), (0,), (float("nan"), float("inf")), (1e308, -1e308), (5e-324,)])
def test_odd_values_are_drawn_or_left_out(values: tuple[float, ...]) -> None:
    chart = page_metrics.chart(points(*values), "timer")
    assert all(re.fullmatch(r"\d+(\.\d+)?%", column.height) for column in chart.columns)
    assert len(chart.labels) == 3


def test_many_values_become_as_many_bars_as_fit() -> None:
    values = [float(number) for number in range(10_000)]
    columns = page_metrics.chart(points(*values), "counter").columns
    assert len(columns) <= page_metrics.COLUMNS
    assert columns[-1].text == "9999.0"


# --- pages ------------------------------------------------------------------------------------------------------------------------


def publish(run: TaskRun, name: str, value: float, *, kind: str = "counter", **tags: str) -> None:
    row = {"execution_id": run.execution_id, "task_run_id": run.id, "task_id": run.task_id, "timestamp": data.at(1)}
    Metric.objects.create(name=name, value=value, type=kind, tags=tags, **row)


@pytest.fixture
def people(db: None) -> dict[str, User]:
    return builders.people()


@pytest.fixture
def execution(people: dict[str, User]) -> Execution:
    data.flow()
    return data.execution()


def text_of(user: User, view: str, arguments: list[str], **query: Any) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get(reverse(f"executions:{view}", args=arguments), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_execution_shows_each_value_with_its_task_and_tags(people: dict[str, User], execution: Execution) -> None:
    first, second = data.task_run(execution, "load"), data.task_run(execution, "clean", "FAILED")
    publish(first, "rows", 1200, table="orders<b>")
    publish(second, "rows", 300, table="customers")
    publish(second, "took", 2.5, kind="timer")
    text = text_of(people["reader"], "metrics", [execution.id], name="rows")
    assert text.count('class="bar" data-state="SUCCESS"') == 1
    assert text.count('class="bar" data-state="FAILED"') == 1
    assert "orders&lt;b&gt;" in text
    assert "1\u202f500" in text  # the sum
    assert text.index(f"row={first.id}") < text.index(f"row={second.id}")
    assert "2.5\u00a0s" in text_of(people["reader"], "metrics", [execution.id], name="took")
    only = text_of(people["reader"], "metrics", [execution.id], name="rows", task="clean")
    assert "customers" in only
    assert "orders" not in only


def test_values_come_page_by_page(people: dict[str, User], execution: Execution) -> None:
    run = data.task_run(execution, "load")
    for number in range(130):
        publish(run, "rows", number, part=f"p{number}.")
    text = text_of(people["reader"], "metrics", [execution.id])
    assert "1 to 50 of 130" in text
    assert "p129." in text
    assert "<b>part</b> p3.<" in text_of(people["reader"], "metrics", [execution.id], page="3")


@pytest.mark.parametrize("query", [{"name": "<x>"}, {"task": "nobody"}, {"page": "999"}, {"type": "y"}])
def test_nonsense_shows_what_there_is(query: dict[str, str], people: dict[str, User], execution: Execution) -> None:
    assert "No metric" in text_of(people["reader"], "metrics", [execution.id], **query)
    publish(data.task_run(execution, "load"), "rows", 1)
    assert ">rows<" in text_of(people["reader"], "metrics", [execution.id], **query)


def over(days: int, *values: float | None) -> list[Execution]:
    """Executions of the flow shop, one a day, each with two values of `rows` that come to what is said; None publishes nothing."""
    made = []
    for place, value in enumerate(values):
        row = data.execution("FAILED" if place == 1 else "SUCCESS", created=data.BEGAN + timedelta(days=place + days))
        if value is not None:
            publish(data.task_run(row, "load"), "rows", value - 1)
            publish(data.task_run(row, "clean"), "rows", 1)
        made.append(row)
    return made


def test_a_flow_compares_its_last_execution_with_what_is_usual(people: dict[str, User]) -> None:
    data.flow()
    rows = over(0, 10, 12, None, 10, 20)
    text = text_of(people["reader"], "flow_metrics", ["company.team", "shop"])
    assert "The last one is 100\u00a0% over its usual 10" in text
    assert text.count('class="bar"') == 4
    assert text.count('class="bar" data-state="FAILED"') == 1
    assert rows[2].id not in text
    assert "4\u00a0executions of the last 5 published it" in text
    found = page_metrics.history(list(page_metrics.lately("company.team", "shop")), Wanted("rows", "counter", "load", "max"))
    assert [run.value for run in found.runs] == [19, 9, 11, 9]


@pytest.mark.parametrize(("aggregation", "expected"), [("sum", 10), ("avg", 5), ("min", 1), ("max", 9), ("nonsense", 10)])
def test_several_values_of_an_execution_become_one(aggregation: str, expected: int, people: dict[str, User]) -> None:
    data.flow()
    over(0, 10)
    text = text_of(people["reader"], "flow_metrics", ["company.team", "shop"], metric="counter:rows", aggregation=aggregation)
    assert f'<td class="num" data-corner>{expected}</td>' in text


def test_a_flow_without_metrics_says_so(people: dict[str, User]) -> None:
    data.flow()
    assert "Never executed" in text_of(people["reader"], "flow_metrics", ["company.team", "shop"])
    data.execution()
    assert "No metric" in text_of(people["reader"], "flow_metrics", ["company.team", "shop"])
