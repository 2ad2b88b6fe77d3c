"""What a dbt task has not done is done by a new execution, told by the rows of its nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from executions import leftovers, resuming
from executions.models import Execution, Step, TaskRun
from flows import services as flow_services
from tests import builders
from tests.executions import page_data
from ui.errors import KestraError

pytestmark = pytest.mark.django_db
NS = "company.team"
FLOW = """id: built
namespace: company.team
tasks:
  - id: dbt
    type: io.kestra.plugin.dbt.cli.DbtCLI
    commands: [dbt build]
"""


@pytest.fixture
def failed(settings: Settings, tmp_path: Path) -> Execution:
    """An execution whose dbt task failed half-way."""
    settings.KESTRA_STORAGE = str(tmp_path)
    builders.namespace(NS)
    flow_services.create(user=None, source=FLOW)
    execution = page_data.execution("FAILED", flow_id="built")
    run = page_data.task_run(execution, "dbt", "FAILED")
    states = {"model.shop.a": "SUCCESS", "model.shop.b": "FAILED", "model.shop.c": "SKIPPED", "model.shop.d": "RUNNING"}
    tests = {"test.shop.unique_a.1a": "WARNING", "test.shop.unique_b.2b": "KILLED"}
    for position, (name, state) in enumerate({**states, **tests}.items()):
        kind = name.partition(".")[0]
        Step.objects.create(
            id=f"step{position}", execution=execution, task_run=run, name=name, kind=kind, state=state, position=position,
            data={"unique_id": name},
        )  # fmt: skip
    return execution


def test_what_succeeded_or_only_warned_is_left_out(failed: Execution) -> None:
    run = resuming.resumable(failed)
    assert run is not None
    assert leftovers.of(run).done == {"model.shop.a", "test.shop.unique_a.1a"}


def test_a_node_counts_when_all_its_runs_did(failed: Execution) -> None:
    run = TaskRun.objects.get(execution=failed)
    Step.objects.create(
        id="twice", execution=failed, task_run=run, name="model.shop.a@2", kind="model", state="FAILED", data={"unique_id": "model.shop.a"}
    )
    assert "model.shop.a" not in leftovers.of(run).done


def test_what_was_to_run_and_never_began_is_run_of_each_command_that_had_begun(failed: Execution) -> None:
    run = TaskRun.objects.get(execution=failed)
    leftovers.selects(run.id, 0, 1, ["model.shop.a", "model.shop.b", "model.shop.e"])
    left = leftovers.of(run)
    assert left.never_began == {"model.shop.e"}
    new = resuming.resume(user=None, execution_id=failed.id)
    narrowed = leftovers.as_narrowed(new.notes["narrowed"], "dbt", None)
    assert narrowed is not None
    assert narrowed.selected == {1: ("model.shop.a", "model.shop.b", "model.shop.e")}
    assert "model.shop.e" in narrowed.failed
    again = TaskRun.objects.get(execution=new)
    TaskRun.objects.filter(id=again.id).update(state="FAILED")
    Execution.objects.filter(id=new.id).update(state="FAILED")
    leftovers.selects(again.id, 0, 1, ["model.shop.b", "model.shop.e"])  # of the second round, which ended before its first node
    left = leftovers.of(TaskRun.objects.get(id=again.id))
    assert left.done == {"model.shop.a", "test.shop.unique_a.1a"}
    assert left.selected[1] == ("model.shop.b", "model.shop.e")
    assert {"model.shop.b", "model.shop.c", "model.shop.d", "model.shop.e"} <= left.never_began
    assert resuming.resumable(Execution.objects.get(id=new.id)) == again


def test_a_list_is_enough_to_go_on_from(failed: Execution) -> None:
    Step.objects.all().delete()
    run = TaskRun.objects.get(execution=failed)
    leftovers.selects(run.id, 0, 0, ["model.shop.a"])
    assert resuming.resumable(failed) == run
    assert leftovers.of(run).never_began == {"model.shop.a"}


def test_a_new_execution_goes_on_with_the_rest(failed: Execution) -> None:
    new = resuming.resume(user=None, execution_id=failed.id)
    assert new.parent_id == failed.id
    assert new.notes["narrowed"] == {
        "task": "dbt",
        "value": None,
        "without": ["model.shop.a", "test.shop.unique_a.1a"],
        "failed": ["model.shop.b", "model.shop.c", "model.shop.d", "test.shop.unique_b.2b"],
    }
    assert TaskRun.objects.get(execution=new).state in ("RESTARTED", "SUBMITTED", "CREATED", "RUNNING")


def test_what_was_left_out_before_stays_left_out(failed: Execution) -> None:
    failed.notes = {
        "narrowed": {"task": "dbt", "value": None, "without": ["model.shop.before", "model.shop.b"], "failed": ["model.shop.e"]}
    }
    failed.save()
    new = resuming.resume(user=None, execution_id=failed.id)
    assert new.notes["narrowed"]["without"] == ["model.shop.a", "model.shop.before", "test.shop.unique_a.1a"]
    assert "model.shop.e" in new.notes["narrowed"]["failed"]  # it was to be run again and was not reached


@pytest.mark.parametrize(
    ("which", "nodes"),
    [("node", "a,package:shop,resource_type:model"), ("node+", "a+"), ("+node", "+a")],
)
def test_one_node_is_run_with_what_surrounds_it(failed: Execution, which: Any, nodes: str) -> None:
    new = resuming.run_nodes(user=None, execution_id=failed.id, step_id="step0", which=which)
    assert new.notes["narrowed"]["nodes"] == [nodes]


def test_there_is_nothing_to_resume_without_rows_or_while_it_goes_on(failed: Execution) -> None:
    failed.state = "RUNNING"
    assert resuming.resumable(failed) is None
    Step.objects.all().delete()
    failed.state = "FAILED"
    assert resuming.resumable(failed) is None
    with pytest.raises(KestraError):
        resuming.resume(user=None, execution_id=failed.id)


def test_the_pages_offer_it_to_members_alone(failed: Execution, client: Client) -> None:
    people = builders.people(NS)
    client.force_login(people["reader"])
    assert "Resume from failure" not in client.get(f"/executions/{failed.id}/").content.decode()
    assert client.post(f"/executions/{failed.id}/resume-dbt/").status_code == 403
    client.force_login(people["member"])
    assert "2 of its nodes had succeeded" in client.get(f"/executions/{failed.id}/").content.decode()
    assert "Run this node alone" in client.get(f"/executions/{failed.id}/gantt/rows/step0/").content.decode()
    answer = client.post(f"/executions/{failed.id}/run-nodes/", {"step": "step0", "which": "+node"})
    assert answer.status_code == 302
    assert client.post(f"/executions/{failed.id}/run-nodes/", {"step": "step0", "which": "x"}).status_code == 422
    assert client.post(f"/executions/{failed.id}/run-nodes/", {"step": "nope", "which": "node"}).status_code == 404
    assert client.post(f"/executions/{failed.id}/resume-dbt/").status_code == 302
