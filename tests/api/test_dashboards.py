"""Dashboards: kept as YAML, changed by whoever made them, and charts of what their reader may see."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from executions.models import Execution, ExecutionLabel, Metric
from tests.executions import page_data

ROOT = "/api/v1/main/dashboards"
HEAD = "id: overview\ntitle: Overview\ndescription: All of it\ntimeWindow: {default: P30D, max: P365D}\ncharts:\n"
BY_STATE = """  - id: by_state
    type: io.kestra.plugin.core.dashboard.chart.TimeSeries
    chartOptions: {displayName: Executions, column: date, colorByColumn: state}
    data:
      type: io.kestra.plugin.core.dashboard.data.Executions
      columns:
        date: {field: START_DATE, displayName: Date}
        state: {field: STATE}
        total: {agg: COUNT, graphStyle: BARS}
        longest: {field: DURATION, agg: MAX}
      orderBy: [{column: total, order: DESC}]
"""
LINES = """  - id: lines
    type: io.kestra.plugin.core.dashboard.chart.Table
    data:
      type: io.kestra.plugin.core.dashboard.data.Logs
      columns: {level: {field: LEVEL}, message: {field: MESSAGE}, task: {field: TASK_ID}}
      where: [{field: LEVEL, type: EQUAL_TO, value: ERROR}]
"""
ROWS = """  - id: numbers
    type: io.kestra.plugin.core.dashboard.chart.Bar
    data:
      type: io.kestra.plugin.core.dashboard.data.Metrics
      columns: {name: {field: NAME}, total: {field: VALUE, agg: SUM}, most: {field: VALUE, agg: MAX}}
      where: [{field: NAMESPACE, type: STARTS_WITH, value: company}]
      orderBy: [{column: name}]
"""
NOTE = "  - {id: note, type: io.kestra.plugin.core.dashboard.chart.Markdown, content: '# Hello'}\n"
SOURCE = HEAD + BY_STATE + LINES + ROWS + NOTE


@pytest.fixture
def api(asked_by: Callable[[str], Client]) -> Client:
    return asked_by("member")


def yaml(client: Client, method: str, path: str, source: str) -> tuple[int, Any]:
    answer = client.generic(method, ROOT + path, source, "application/x-yaml")
    return answer.status_code, answer.json()


def rows(client: Client, chart: str, **asked: Any) -> dict[str, Any]:
    answer = client.post(f"{ROOT}/overview/charts/{chart}", json.dumps(asked), content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def overview(api: Client, shop: Execution) -> dict[str, Any]:
    status, told = yaml(api, "POST", "", SOURCE)
    assert status == 200, told
    return told


def test_a_dashboard_is_kept_as_it_was_written(overview: dict[str, Any], api: Client) -> None:
    assert (overview["id"], overview["title"], overview["description"], overview["deleted"]) == ("overview", "Overview", "All of it", False)
    assert overview["sourceCode"] == SOURCE
    assert [chart["id"] for chart in overview["charts"]] == ["by_state", "lines", "numbers", "note"]
    assert api.get(f"{ROOT}/overview").json() == overview
    assert api.get(f"{ROOT}?q=over").json() == {"results": [overview], "total": 1}
    assert api.get(f"{ROOT}?q=nothing&sort=title:desc").json() == {"results": [], "total": 0}
    status, told = yaml(api, "PUT", "/overview", SOURCE.replace("title: Overview", "title: Other"))
    assert (status, told["title"], told["created"]) == (200, "Other", overview["created"])
    assert api.delete(f"{ROOT}/overview").status_code == 204
    for method in ("GET", "PUT", "DELETE"):
        assert api.generic(method, f"{ROOT}/overview", SOURCE, "application/x-yaml").status_code == 404


def test_a_dashboard_without_an_id_is_given_one(api: Client, shop: Execution) -> None:
    _, first = yaml(api, "POST", "", "title: One")
    _, second = yaml(api, "POST", "", "title: One")
    assert len({first["id"], second["id"]}) == 2
    assert first["title"] == "One"


def test_a_dashboard_is_changed_by_whoever_made_it_or_an_administrator(overview: dict[str, Any], asked_by: Callable[[str], Client]) -> None:
    for name, status in (("stranger", 403), ("owner", 403), ("admin", 200)):
        assert yaml(asked_by(name), "PUT", "/overview", SOURCE)[0] == status
    assert asked_by("owner").delete(f"{ROOT}/overview").status_code == 403
    assert asked_by("stranger").get(f"{ROOT}/overview").json()["title"] == "Overview"


def test_executions_are_counted_by_state_and_time(overview: dict[str, Any], api: Client, shop: Execution) -> None:
    page_data.execution(created=shop.created, ended=shop.created + timedelta(seconds=25))
    page_data.execution(state="RUNNING", created=shop.created, ended=None)
    told = rows(api, "by_state", startDate=(shop.created - timedelta(days=9)).isoformat())
    assert told["total"] == 2
    first, second = told["results"]
    assert (first["state"], first["total"], first["longest"]) == ("SUCCESS", 2, 25.0)
    assert (second["state"], second["total"], second["longest"]) == ("RUNNING", 1, None)
    assert first["date"] == second["date"]
    assert first["date"].endswith("T00:00:00Z")
    assert rows(api, "by_state", pageSize=1, pageNumber=2)["results"] == [second]


def test_what_is_asked_besides_narrows_a_chart(overview: dict[str, Any], api: Client, shop: Execution) -> None:
    ExecutionLabel.objects.create(execution=shop, key="team", value="data")
    for asked, total in (
        ({"namespace": "company"}, 1),
        ({"namespace": "elsewhere"}, 0),
        ({"labels": {"team": "data"}}, 1),
        ({"labels": {"team": "other"}}, 0),
        ({"filters": [{"field": "STATE", "operation": "IN", "value": ["FAILED", "SUCCESS"]}]}, 1),
        ({"filters": [{"field": "flowId", "operation": "NOT_EQUALS", "value": "shop"}]}, 0),
        ({"endDate": "2020-01-01T00:00:00Z"}, 0),
    ):
        assert rows(api, "by_state", **asked)["total"] == total, asked


def test_lines_and_metrics_are_shown_to_those_who_may_read_them(
    overview: dict[str, Any], api: Client, asked_by: Callable[[str], Client], shop: Execution
) -> None:
    for value in (2.0, 3.0):
        Metric.objects.create(execution=shop, task_run_id="x", task_id="greet", name="rows", value=value)
    since = (shop.created - timedelta(days=1)).isoformat()
    assert rows(api, "lines", startDate=since)["results"] == [{"level": "ERROR", "message": "it broke", "task": "greet"}]
    assert rows(api, "numbers")["results"] == [{"name": "rows", "total": 5.0, "most": 3.0}]
    assert rows(api, "note") == {"results": [], "total": 0}
    for chart in ("by_state", "lines", "numbers"):
        assert rows(asked_by("stranger"), chart, startDate=since)["total"] == 0


def test_a_chart_that_is_not_kept_is_shown_and_exported(api: Client, overview: dict[str, Any], shop: Execution) -> None:
    source = "id: all\n" + BY_STATE.split("\n", 1)[1].replace("\n    ", "\n").replace("    type", "type", 1)
    body = json.dumps({"chart": source, "globalFilter": {"namespace": "company"}})
    told = api.post(f"{ROOT}/charts/preview", body, content_type="application/json").json()
    assert [(one["state"], one["total"]) for one in told["results"]] == [("SUCCESS", 1)]
    for path, sent in (("charts/export?format=CSV", body), ("overview/charts/by_state/export", "{}")):
        answer = api.post(f"{ROOT}/{path}", sent, content_type="application/json")
        lines = b"".join(answer.streaming_content).decode().splitlines()
        assert (lines[0], lines[1].split(",")[1:3]) == ("date,state,total,longest", ["SUCCESS", "1"])


WRONG = [
    ("title: [", "Illegal flow yaml: "),
    ("[1]", "Illegal flow yaml: "),
    ("id: a", "title: must not be null"),
    ("title: a\ncolour: red", "colour: is not known"),
    ("title: a\nid: a b", "id: "),
    ("title: a\ntimeWindow: {default: soon}", "timeWindow.default: "),
    (HEAD + NOTE + NOTE, "Duplicate chart id with name [note]"),
    (HEAD + NOTE.replace("Markdown", "Cake"), "charts[0]: Invalid type: io.kestra.plugin.core.dashboard.chart.Cake"),
    (HEAD + LINES.replace("Logs", "Cats"), "charts[0].data: Invalid type: io.kestra.plugin.core.dashboard.data.Cats"),
    (HEAD + LINES.replace("MESSAGE", "COLOUR"), "charts[0].data: Unknown field COLOUR"),
    (HEAD + ROWS.replace("{column: name}", "{column: none}"), "charts[0].data: `orderBy` names the column none"),
    (HEAD + ROWS.replace("agg: MAX", "agg: MEDIAN"), "charts[0].data.columns.most.agg: "),
    (HEAD + "  - {id: a, type: io.kestra.plugin.core.dashboard.chart.Pie}", "charts[0]: a chart needs `data`"),
]


@pytest.mark.parametrize(("source", "message"), WRONG)
def test_a_dashboard_with_mistakes_is_refused(source: str, message: str, api: Client, shop: Execution) -> None:
    status, told = yaml(api, "POST", "", source)
    assert status == 422
    assert message in told["message"]
    status, told = yaml(api, "POST", "/validate", source)
    assert (status, told["index"]) == (200, 0)
    assert message in told["constraints"]


def test_what_is_right_is_valid(api: Client, overview: dict[str, Any]) -> None:
    assert yaml(api, "POST", "/validate", SOURCE) == (200, {"index": 0, "outdated": False})
    assert "constraints" not in yaml(api, "POST", "/validate/chart", NOTE[4:])[1]
    assert "must not be null" in yaml(api, "POST", "/validate/chart", "id: a")[1]["constraints"]
    assert yaml(api, "POST", "", SOURCE)[1]["message"] == "Illegal argument: dashboard.id: Dashboard id already exists"
    assert yaml(api, "PUT", "/overview", SOURCE.replace("id: overview", "id: other"))[0] == 422


@pytest.mark.parametrize(
    "asked",
    [
        {"startDate": "soon"}, {"startDate": "2001-01-01T00:00:00Z"}, {"startDate": "2100-01-01T00:00:00Z"},
        {"endDate": "0001-01-01T00:01:00Z"}, {"pageSize": 0},
        {"pageNumber": "1"},
        {"labels": ["a"]}, {"filters": {"a": 1}}, {"filters": [{"field": "colour"}]}, {"namespace": 1},
    ],
)  # fmt: skip
def test_what_makes_no_sense_of_a_chart_is_refused(asked: dict[str, Any], api: Client, overview: dict[str, Any]) -> None:
    answer = api.post(f"{ROOT}/overview/charts/by_state", json.dumps(asked), content_type="application/json")
    assert answer.status_code == 422
    assert api.post(f"{ROOT}/overview/charts/none", "{}", content_type="application/json").status_code == 404


FILTERS = [
    ("{field: STATE, type: EQUAL_TO, value: SUCCESS}", 1), ("{field: STATE, type: NOT_EQUAL_TO, value: SUCCESS}", 0),
    ("{field: STATE, type: IN, values: [SUCCESS, FAILED]}", 1), ("{field: STATE, type: NOT_IN, values: [SUCCESS]}", 0),
    ("{field: FLOW_ID, type: CONTAINS, value: HO}", 1), ("{field: FLOW_ID, type: ENDS_WITH, value: op}", 1),
    ("{field: DURATION, type: GREATER_THAN, value: 9}", 1), ("{field: DURATION, type: LESS_THAN_OR_EQUAL_TO, value: 9}", 0),
    ("{field: FLOW_REVISION, type: GREATER_THAN_OR_EQUAL_TO, value: 1}", 1), ("{field: TRIGGER_EXECUTION_ID, type: IS_NULL}", 1),
    ("{field: LABELS, labelKey: team, type: EQUAL_TO, value: data}", 1), ("{field: LABELS, labelKey: none, type: IS_NOT_NULL}", 0),
    ("{type: OR, values: [{field: STATE, type: EQUAL_TO, value: FAILED}, {field: FLOW_ID, type: STARTS_WITH, value: sh}]}", 1),
    ("{field: START_DATE, type: GREATER_THAN, value: '2020-01-01T00:00:00Z'}", 1),
]  # fmt: skip


@pytest.mark.parametrize(("where", "total"), FILTERS)
def test_rows_are_those_that_the_filters_let_pass(where: str, total: int, api: Client, shop: Execution) -> None:
    ExecutionLabel.objects.create(execution=shop, key="team", value="data")
    source = HEAD.replace("P30D", "P365D") + BY_STATE + f"      where: [{where}]\n"
    assert yaml(api, "POST", "", source)[0] == 200
    assert rows(api, "by_state")["total"] == total


@pytest.mark.parametrize(
    "where", ["{field: FLOW_REVISION, type: EQUAL_TO, value: soon}", "{field: START_DATE, type: LESS_THAN, value: soon}"]
)
def test_a_filter_that_cannot_be_compared_is_refused(where: str, api: Client, shop: Execution) -> None:
    assert yaml(api, "POST", "", HEAD + BY_STATE + f"      where: [{where}]\n")[0] == 200
    answer = api.post(f"{ROOT}/overview/charts/by_state", "{}", content_type="application/json")
    assert (answer.status_code, "cannot be compared" in answer.json()["message"]) == (422, True)
