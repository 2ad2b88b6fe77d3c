"""Every operation of the API, found in its own description, asked by nobody, a stranger and a reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from api.docs import ROOT
from api.urls import api
from executions.models import Execution, TriggerState
from flows.models import Flow

Operation = tuple[str, str]
SCHEMA = api.get_openapi_schema(path_prefix=ROOT)
ALL: list[Operation] = [(method.upper(), path) for path, methods in SCHEMA["paths"].items() for method in methods]
OPEN = [one for one in ALL if "webhook" in one[1] or one[1].endswith(("/ping", "/configs/login"))]
GUARDED = [one for one in ALL if one not in OPEN]
# What belongs to no namespace: searches answer what the asker may read, bulk operations look at each thing they name.
UNBOUND = [one for one in GUARDED if "{namespace}" not in one[1] and "{execution_id}" not in one[1]]
BOUND = [one for one in GUARDED if one not in UNBOUND]
FREE_FOR_READERS = [one for one in BOUND if one[0] == "GET" and not one[1].endswith("/executions/namespaces/{namespace}/flows")]
QUERY = "path=/a&from=/a&to=/b&status=FAILED&namespace=company.team&flowId=shop&revisions=99"
STREAMED = f"{ROOT}executions/{{execution_id}}/follow"  # one that does not exist yet is waited for: its stream says so at the end
BODIES = {
    "/by-ids": '[{"namespace": "company.team", "id": "shop"}]',
    "/state": '{"taskRunId": "none", "state": "FAILED"}',
    "/labels": '[{"key": "a", "value": "b"}]',
}


def ask(client: Client, operation: Operation, execution: Execution | None = None) -> Any:
    method, path = operation
    names = {
        "namespace": "company.team", "flow_id": "shop", "execution_id": execution.id if execution else "none", "task_run_id": "none",
        "task_id": "greet", "key": "answer", "trigger_id": "nightly", "template_id": "greeting", "rest": "x", "metric": "rows",
        "chart_id": "x",
        "name": "flow", "cls": "io.kestra.plugin.core.log.Log", "version": "latest", "id": "none", "kind": "flow",
    }  # fmt: skip
    url = path.format(**names) + "?" + QUERY
    kind = (
        "multipart/form-data; boundary=b"
        if path.endswith(("{flow_id}", "/validate", "/resume", "/files", "with-inputs"))
        else "application/json"
    )
    if kind.startswith("multipart") and not path.startswith(f"{ROOT}flows"):
        return client.generic(method, url, "--b--\r\n", kind)
    body = next((text for end, text in BODIES.items() if path.endswith(end)), "{}" if method in ("POST", "PUT") else "")
    return client.generic(method, url, body, "application/json")


@pytest.mark.parametrize("operation", GUARDED, ids=" ".join)
@pytest.mark.django_db
def test_nobody_gets_nothing(operation: Operation) -> None:
    answer = ask(Client(), operation)
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer["WWW-Authenticate"] == "Basic realm=Kestra"


@pytest.mark.parametrize("operation", [one for one in BOUND if one[1] != STREAMED], ids=" ".join)
def test_a_stranger_learns_nothing(operation: Operation, asked_by: Callable[[str], Client], shop: Execution) -> None:
    answer = ask(asked_by("stranger"), operation, shop)
    assert answer.status_code == 404, answer.content


@pytest.mark.parametrize("operation", [one for one in BOUND if one not in FREE_FOR_READERS], ids=" ".join)
def test_a_reader_changes_nothing(operation: Operation, asked_by: Callable[[str], Client], shop: Execution) -> None:
    answer = ask(asked_by("reader"), operation, shop)
    assert answer.status_code == 403, answer.content
    shop.refresh_from_db()
    assert (shop.state, shop.labels) == ("SUCCESS", [])
    assert Execution.objects.count() == 1
    assert Flow.objects.get().revision == 1
    assert not TriggerState.objects.exists()


@pytest.mark.parametrize("verb", ["kill", "restart", "replay", "pause", "resume", "force-run", "unqueue", "change-status", "labels", ""])
@pytest.mark.parametrize(("name", "status"), [("stranger", 400), ("reader", 403)])
def test_bulk_operations_look_at_the_right_to_each(
    verb: str, name: str, status: int, asked_by: Callable[[str], Client], shop: Execution
) -> None:
    method = "DELETE" if verb in ("kill", "") else "POST"
    url = f"{ROOT}executions/{verb}/by-ids".replace("//by", "/by")
    answer = asked_by(name).generic(method, url + "?includeNonTerminated=true", f'["{shop.id}"]', "application/json")
    assert answer.status_code == status, answer.content
    answer = asked_by(name).generic(method, url.replace("by-ids", "by-query") + "?newStatus=FAILED", "[]", "application/json")
    assert answer.json() == {"count": 0}
    shop.refresh_from_db()
    assert shop.state == "SUCCESS"


@pytest.mark.parametrize(
    "path", ["executions/search", "flows/search", "flows/source", "logs/search", "triggers/search", "kv", "namespaces/search"]
)
def test_a_search_finds_only_what_the_asker_may_read(path: str, asked_by: Callable[[str], Client], shop: Execution) -> None:
    found = asked_by("stranger").get(ROOT + path, {"q": ""}).json()["results"]
    assert not [one for one in found if "company" in str(one)]


def test_a_signed_in_browser_may_read_but_not_write(client: Client, people: dict[str, Any], shop: Execution) -> None:
    client.force_login(people["owner"])
    assert client.get(f"{ROOT}executions/{shop.id}").status_code == 200
    assert client.delete(f"{ROOT}executions/{shop.id}").status_code == 401


def test_no_two_groups_of_operations_share_an_address() -> None:
    """Django asks only the first pattern that fits, so that the methods of the second would never be found."""
    owners = [pair for prefix, router in api._routers for pair in _owned(prefix, router)]
    assert len({address for address, _ in owners}) == len(owners)


def _owned(prefix: str, router: Any) -> list[tuple[str, str]]:
    return [(f"{prefix}{path}".replace("{id}", "{name}"), prefix) for path in router.path_operations]
