"""The executions that an execution started, on its Overview: counted by task, listed page by page, as far as one may see them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from executions import page_children, store
from executions.models import Execution
from executions.page_children import Asked
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db


def called(parent: Execution, task: str, states: dict[str, int], *, namespace: str = "company.team", each: bool = True) -> None:
    """Executions that a task of the parent started, one after the other."""
    variables = {"executionId": parent.id}
    rows: list[Execution] = []
    for state, count in states.items():
        for _ in range(count):
            at = len(rows)
            given = {**variables, "taskRunIteration": at} if each else variables
            trigger = {"id": task, "type": store.EACH if each else store.SUBFLOW, "variables": given}
            made: dict[str, Any] = {"created": data.at(at), "ended": data.at(at + 2), "histories": data.histories(("CREATED", at))}
            rows.append(
                Execution(
                    id=f"{task}{namespace[-4:]}{at:06d}",
                    namespace=namespace,
                    flow_id="inner",
                    flow_revision=1,
                    state=state,
                    trigger=trigger,
                    caller_id=parent.id,
                    caller_task=task,
                    error="it broke" if state == "FAILED" else "",
                    **made,
                )
            )
    Execution.objects.bulk_create(rows, batch_size=500)


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people()


@pytest.fixture
def parent() -> Execution:
    data.flow()
    return data.execution("RUNNING")


def page_of(user: User, parent: Execution, **query: Any) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get(reverse("executions:detail", args=[parent.id]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_execution_knows_which_task_started_it(parent: Execution) -> None:
    trigger = {"id": "call", "type": store.SUBFLOW, "variables": {"executionId": parent.id}}
    for place, given in enumerate([trigger, {**trigger, "type": "io.kestra.plugin.core.trigger.Flow"}, None]):
        row = data.execution(id=f"made{place}", trigger=given)
        made = store.execution_of(row, ())
        row.delete()
        store.create(made)
    assert list(Execution.objects.filter(id__startswith="made").order_by("id").values_list("caller_id", "caller_task")) == [
        (parent.id, "call"),
        (None, ""),
        (None, ""),
    ]


def test_a_few_are_listed_at_once(people: dict[str, User], parent: Execution) -> None:
    called(parent, "call", {"SUCCESS": 2, "FAILED": 1}, each=False)
    text = page_of(people["reader"], parent)
    assert text.count('id="child-call') == 3
    assert "it broke" in text
    assert reverse("executions:detail", args=["callteam000002"]) in text


def test_many_are_one_row_that_opens_page_by_page(people: dict[str, User], parent: Execution) -> None:
    called(parent, "each", {"SUCCESS": 70, "FAILED": 40, "RUNNING": 10})
    text = page_of(people["reader"], parent)
    assert 'id="child-each' not in text
    assert 'aria-label="10 running, 70 success, 40 failed"' in text
    text = page_of(people["reader"], parent, called="each")
    assert text.count('id="child-each') == 50
    assert "1 to 50 of 120" in text
    assert "item 49<" in text
    text = page_of(people["reader"], parent, called="each", at="3")
    assert text.count('id="child-each') == 20
    text = page_of(people["reader"], parent, called="each", only="FAILED")
    assert text.count('id="child-each') == 40
    assert "item 70<" in text


@pytest.mark.parametrize("query", [{"called": "nobody"}, {"called": "each", "at": "9999"}, {"called": "each", "at": "-1"}, {"only": "<b>"}])
def test_nonsense_in_the_address_shows_what_there_is(query: dict[str, str], people: dict[str, User], parent: Execution) -> None:
    called(parent, "each", {"SUCCESS": 60})
    assert "Started executions" in page_of(people["reader"], parent, **query)


def test_what_one_may_not_see_is_not_counted(people: dict[str, User], parent: Execution) -> None:
    called(parent, "call", {"SUCCESS": 2})
    called(parent, "call", {"SUCCESS": 3}, namespace="elsewhere.hidden")
    assert [group.total for group in page_children.groups(people["reader"], parent)] == [2]
    assert [group.total for group in page_children.groups(people["admin"], parent)] == [5]


def test_ten_thousand_stay_quick(people: dict[str, User], parent: Execution) -> None:
    called(parent, "each", {"SUCCESS": 9_990, "FAILED": 10})
    begun = time.monotonic()
    with CaptureQueriesContext(connection) as queries:
        (group,) = page_children.groups(people["reader"], parent, Asked("each", 150))
    took = time.monotonic() - begun
    assert (group.total, group.first, group.last) == (10_000, 7_451, 7_500)
    assert len(queries) < 8
    assert took < 5


def test_the_list_shows_what_an_execution_started(people: dict[str, User], parent: Execution) -> None:
    called(parent, "each", {"SUCCESS": 2, "FAILED": 1})
    data.execution(id="another00001")
    client = Client()
    client.force_login(people["reader"])
    page = client.get("/executions/", {"parent": parent.id, "state": "FAILED"}).content.decode()
    assert "/executions/eachteam000002/" in page
    assert "eachteam000001" not in page
    assert "another00001" not in page
    empty = client.get("/executions/", {"parent": "nobody00000000"}).content.decode()
    assert "There is none that nobody00 started." in empty


def test_no_panel_where_nothing_was_started(people: dict[str, User], parent: Execution) -> None:
    assert "Started executions" not in page_of(people["reader"], parent)


@pytest.mark.django_db(transaction=True)
def test_the_migration_finds_the_callers_of_executions_that_are_there() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("executions", "0004_folded_task_runs")])
    try:
        old = executor.loader.project_state([("executions", "0004_folded_task_runs")]).apps.get_model("executions", "Execution")
        trigger = {"id": "call", "type": store.SUBFLOW, "variables": {"executionId": "parent1"}}
        for id_, given in (("a", trigger), ("b", {"id": "hook", "type": "io.kestra.plugin.core.trigger.Webhook"}), ("c", None)):
            old.objects.create(id=id_, namespace="n", flow_id="f", flow_revision=1, trigger=given)
    finally:
        call_command("migrate", "executions", verbosity=0)
    assert list(Execution.objects.order_by("id").values_list("id", "caller_id", "caller_task")) == [
        ("a", "parent1", "call"),
        ("b", None, ""),
        ("c", None, ""),
    ]
