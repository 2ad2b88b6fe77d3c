"""A list asks the database as often for many rows as for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.models import Execution, Metric, TriggerState
from flows import services
from kv import services as kv
from namespaces.models import User
from namespaces.services import secrets
from tests.api.conftest import SOURCE
from tests.executions import page_data

LISTS = [
    "flows/search?size=100", "flows/company.team", "flows/source?q=greet&size=100", "flows/deprecated", "flows/distinct-namespaces",
    "flows/export/by-query/csv", "executions/search?size=100", "executions?namespace=company.team&flowId=shop&size=100",
    "executions/export/by-query/csv", "executions/namespaces", "executions/namespaces/company.team/flows", "logs/search?size=100",
    "triggers/search?size=100", "namespaces/search?size=100", "kv?size=100", "namespaces/company.team/kv", "secrets?size=100",
    "namespaces/company.team/secrets?size=100", "concurrency-limit/search", "usages/all", "namespaces/company.team/dependencies",
]  # fmt: skip
LIMITED = SOURCE + "concurrency:\n  limit: 1\n"


def fill(owner: User, number: int) -> None:
    """One more of everything that lists show."""
    services.create(user=owner, source=LIMITED.replace("id: shop", f"id: shop{number}", 1))
    row = page_data.execution()
    page_data.log_lines(row, [(2, "hello")], run=page_data.task_run(row, "greet"))
    Metric.objects.create(execution=row, task_run_id="x", task_id="greet", name="rows", value=1)
    TriggerState.objects.create(
        namespace="company.team", flow_id=f"shop{number}", trigger_id="nightly", type="io.kestra.plugin.core.trigger.Schedule",
        next_date=timezone.now(),
    )  # fmt: skip
    kv.set("company.team", f"key{number}", number)
    secrets.put(user=owner, namespace="company.team", key=f"KEY{number}", value="v")


def asked(api: Client, path: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer: Any = api.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.content
        if answer.streaming:
            list(answer.streaming_content)
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_does_not_ask_for_each_row(path: str, asked_by: Callable[[str], Client], shop: Execution, people: dict[str, User]) -> None:
    api = asked_by("owner")
    fill(people["owner"], 1)
    asked(api, path)  # what is remembered once is not counted
    few = asked(api, path)
    for number in range(2, 7):
        fill(people["owner"], number)
    many = asked(api, path)
    assert len(many) <= len(few), "\n".join(many)
