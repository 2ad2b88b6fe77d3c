"""Long loops on pages: one row with counts, pages of what is in it, and no query that grows with its length."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from executions import long_loops
from executions.long_loops import Opened
from executions.models import Execution, TaskRun
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db


def _loop(length: int, *, failed: int = 0) -> Execution:
    """An execution with a loop of so many values, the last `failed` of which failed; each value has a group with a task in it."""
    data.flow()
    execution = data.execution("FAILED" if failed else "SUCCESS")
    ran = data.histories(("CREATED", 0), ("RUNNING", 0.1), ("SUCCESS", 1))
    rows = [TaskRun(id=f"{execution.id}-loop", execution=execution, task_id="loop", state="SUCCESS", histories=ran, position=0)]
    for number in range(length):
        state = "FAILED" if number >= length - failed else "SUCCESS"
        common = {"execution": execution, "state": state, "histories": ran, "value": str(number), "outputs": {"value": f"out {number}"}}
        group = f"{execution.id}-g{number}"
        rows.append(TaskRun(id=group, task_id="group", parent_id=f"{execution.id}-loop", position=2 * number + 1, **common))
        rows.append(TaskRun(id=f"{execution.id}-t{number}", task_id="task", parent_id=group, position=2 * number + 2, **common))
    TaskRun.objects.bulk_create(rows)
    return execution


def _signed_in() -> Client:
    client = Client()
    client.force_login(builders.people()["reader"])
    return client


def test_a_long_loop_is_one_row_with_its_counts() -> None:
    execution = _loop(200, failed=3)
    seen = long_loops.of(execution)
    assert list(seen.parents) == [f"{execution.id}-loop"]
    assert seen.loops == {f"{execution.id}-loop": {"SUCCESS": 197, "FAILED": 3}}


def test_a_short_loop_is_shown_as_it_is() -> None:
    execution = _loop(10)
    assert len(long_loops.of(execution).parents) == 21


def test_a_page_of_a_loop_has_its_task_runs_and_what_is_below_them() -> None:
    execution = _loop(200, failed=3)
    loop = f"{execution.id}-loop"
    second = long_loops.of(execution, Opened(loop=loop, page=2))
    assert second.page == (loop, 2, 4, 200)
    assert {f"{execution.id}-g50", f"{execution.id}-t50", f"{execution.id}-g99"} <= second.parents.keys()
    assert f"{execution.id}-g100" not in second.parents
    failed = long_loops.of(execution, Opened(loop=loop, page=9, state="FAILED"))
    assert failed.page == (loop, 1, 1, 3)
    assert f"{execution.id}-g199" in failed.parents


def test_a_link_to_a_task_run_inside_a_loop_shows_it() -> None:
    execution = _loop(200)
    chosen = f"{execution.id}-t123"
    page = _signed_in().get(reverse("executions:gantt", args=[execution.id]), {"row": chosen}).content.decode()
    assert f'id="row-{chosen}"' in page
    assert page.count('class="gantt-row"') == 3


@pytest.mark.parametrize("tab", ["gantt", "topology", "outputs", "detail", "logs_of"])
def test_a_page_asks_as_much_of_a_loop_ten_times_as_long(tab: str) -> None:
    client, counts, sizes = _signed_in(), [], []
    for length in (100, 1000):
        execution = _loop(length)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            page = client.get(reverse(f"executions:{tab}", args=[execution.id]))
        assert page.status_code == 200
        counts.append(len(asked))
        sizes.append(len(page.content))
        data.Flow.objects.all().delete()
    assert counts[0] == counts[1]
    assert tab == "logs_of" or sizes[1] < sizes[0] * 1.2


def test_outputs_of_a_loop_are_searched_by_value() -> None:
    execution = _loop(200)
    page = _signed_in().get(reverse("executions:outputs", args=[execution.id]), {"q": "123"}).content.decode()
    assert "out 123" in page
    assert page.count("<li data-row>") == 2
