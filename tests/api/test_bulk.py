"""One thing done to several executions or flows: all or nothing by ids, what fits by query."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from executions.models import Execution
from flows.models import Flow
from tests.api.conftest import SOURCE
from tests.executions import page_data


@pytest.fixture
def api(asked_by: Callable[[str], Client]) -> Client:
    return asked_by("member")


def ask(api: Client, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    answer = api.generic(method, f"/api/v1/main/{path}", "" if body is None else json.dumps(body), "application/json")
    return answer.status_code, answer.json()


def failed() -> Execution:
    row = page_data.execution(state="FAILED")
    page_data.task_run(row, "greet", state="FAILED")
    return row


def reasons(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["invalidValue"], one["message"]) for one in told["invalids"]]


# --- executions -------------------------------------------------------------------------------------------------------------------


def test_no_execution_is_restarted_where_one_has_nothing_to_restart(api: Client, shop: Execution) -> None:
    broken = failed()
    status, told = ask(api, "POST", "executions/restart/by-ids", [broken.id, shop.id])
    assert (status, told["message"]) == (400, "invalid bulk restart")
    assert reasons(told) == [(shop.id, "No task found to restart execution from!")]
    broken.refresh_from_db()
    assert broken.state == "FAILED"
    assert ask(api, "POST", "executions/restart/by-ids", [broken.id]) == (200, {"count": 1})


def test_a_search_restarts_those_that_can_be(api: Client, shop: Execution) -> None:
    failed()
    assert ask(api, "POST", "executions/restart/by-query?flowId=shop") == (200, {"count": 1})


def test_what_every_execution_refuses_is_told(api: Client, shop: Execution) -> None:
    status, told = ask(
        api, "POST", "executions/labels/by-ids", {"executionsId": [shop.id], "executionLabels": [{"key": "system.x", "value": "1"}]}
    )
    assert status == 400
    assert reasons(told) == [(shop.id, "System labels can only be set by Kestra itself, offending label: system.x=1.")]


@pytest.mark.parametrize("state", ["", "RUNNING", "DONE"])
def test_executions_are_set_to_a_state_that_ends_or_not_at_all(state: str, api: Client, shop: Execution) -> None:
    for way, body in (("ids", [shop.id]), ("query", None)):
        assert ask(api, "POST", f"executions/change-status/by-{way}?newStatus={state}", body)[0] == 422
    shop.refresh_from_db()
    assert shop.state == "SUCCESS"


def test_an_execution_named_twice_is_treated_once(api: Client, shop: Execution) -> None:
    assert ask(api, "POST", "executions/replay/by-ids", [shop.id, shop.id]) == (200, {"count": 1})
    assert Execution.objects.filter(parent_id=shop.id).count() == 1


def test_open_executions_are_deleted_only_where_that_is_asked_for(api: Client, shop: Execution) -> None:
    row = page_data.execution(state="RUNNING")
    assert ask(api, "DELETE", "executions/by-query?state=RUNNING") == (200, {"count": 0})
    assert ask(api, "DELETE", "executions/by-ids", [row.id])[0] == 400
    assert ask(api, "DELETE", "executions/by-ids?includeNonTerminated=true", [row.id]) == (200, {"count": 1})


@pytest.mark.parametrize("label", [{"key": "", "value": "x"}, {"key": " ", "value": "x"}, {"key": "x", "value": ""}])
def test_a_label_has_a_key_and_a_value(label: dict[str, str], api: Client, shop: Execution) -> None:
    assert ask(api, "POST", f"executions/{shop.id}/labels", [label])[0] == 422
    shop.refresh_from_db()
    assert label["key"] not in dict(shop.labels)


# --- flows ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "verb"), [("POST", "disable"), ("DELETE", "delete")])
def test_nothing_happens_to_flows_where_one_is_missing(method: str, verb: str, api: Client, shop: Execution) -> None:
    pairs = [{"namespace": "company.team", "id": "shop"}, {"namespace": "company.team", "id": "none"}]
    status, told = ask(api, method, f"flows/{verb}/by-ids", pairs)
    assert (status, told["message"], reasons(told)) == (400, f"invalid bulk {verb}", [("company.team.none", "flow not found")])
    row = Flow.objects.get(flow_id="shop")
    assert (row.disabled, row.deleted, row.revision) == (False, False, 1)
    assert ask(api, method, f"flows/{verb}/by-ids", pairs[:1]) == (200, {"count": 1})


def test_no_flow_is_enabled_where_one_of_them_is_not_valid_any_more(api: Client, shop: Execution) -> None:
    other = SOURCE.replace("id: shop", "id: other")
    assert api.post("/api/v1/flows", other, content_type="application/x-yaml").status_code == 200
    pairs = [{"namespace": "company.team", "id": name} for name in ("other", "shop")]
    assert ask(api, "POST", "flows/disable/by-ids", pairs) == (200, {"count": 2})
    Flow.objects.filter(flow_id="shop").update(
        source="id: shop\nnamespace: company.team\ndisabled: true\ntasks: [{id: a, type: no.Such}]\n"
    )
    assert ask(api, "POST", "flows/enable/by-ids", pairs)[0] == 422
    assert list(Flow.objects.order_by("flow_id").values_list("disabled", flat=True)) == [True, True]
