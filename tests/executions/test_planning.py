"""A plan is made by a worker and shown with reasons and times; its execution begins under the same id, without what was dropped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from executions import planning
from executions.models import Execution, Plan, Step
from flows import services as flow_services
from tests import builders
from tests.executions import page_data
from ui.errors import KestraError

pytestmark = pytest.mark.django_db
NS = "company.team"
FLOW = """id: built
namespace: company.team
inputs:
  - id: target
    type: STRING
    defaults: dev
tasks:
  - id: dbt
    type: io.kestra.plugin.dbt.cli.DbtCLI
    commands: ["dbt build --target {{ inputs.target }}"]
"""
RESULT = {
    "commands": ["dbt build"], "unknown": [], "said": [], "threads": 2,
    "nodes": [
        {"id": "model.s.a", "name": "a", "path": "a.sql", "why": "new", "waits": []},
        {"id": "model.s.b", "name": "b", "path": "b.sql", "why": "changed: SQL", "waits": ["model.s.a"]},
    ],
}  # fmt: skip


@pytest.fixture
def plan(settings: Settings, tmp_path: Path) -> Plan:
    """A plan that is made."""
    settings.KESTRA_STORAGE = str(tmp_path)
    builders.people(NS)
    flow_services.create(user=None, source=FLOW)
    made = planning.ask(user=None, namespace=NS, flow_id="built", inputs={"target": "prod"})
    Plan.objects.filter(id=made.id).update(status="ready", result=RESULT)
    made.refresh_from_db()
    return made


def test_times_are_those_of_the_last_executions_and_trouble_is_told(plan: Plan) -> None:
    earlier = page_data.execution("FAILED", flow_id="built")
    run = page_data.task_run(earlier, "dbt", "FAILED")
    for position, (name, state, took) in enumerate((("model.s.a", "SUCCESS", 3.0), ("model.s.b", "FAILED", 1.0))):
        data = {"unique_id": name, "duration": took}
        Step.objects.create(id=f"s{position}", execution=earlier, task_run=run, name=name, kind="model", state=state, data=data)
    told = planning.told(plan)
    assert [(node["seconds"], node["trouble"]) for node in told["nodes"]] == [(3.0, ""), (None, "failed last time")]
    assert told["predicted"] == 6.0  # b is guessed by what others take
    assert planning.told(plan, {"model.s.a"})["predicted"] == 3.0


def test_the_last_time_is_when_a_node_ended_last(plan: Plan) -> None:
    replayed = page_data.execution("SUCCESS", flow_id="built")  # as old as what it is a replay of
    failed = page_data.execution("FAILED", flow_id="built")
    for position, (execution, state) in enumerate(((replayed, "SUCCESS"), (failed, "FAILED"))):
        ended = timezone.now() - timedelta(minutes=position)
        run = page_data.task_run(execution, "dbt", state)
        told = {"name": "model.s.a", "kind": "model", "state": state, "data": {"unique_id": "model.s.a"}, "ended": ended}
        Step.objects.create(id=f"s{position}", execution=execution, task_run=run, **told)
    assert planning.told(plan)["nodes"][0]["trouble"] == ""


def test_its_execution_has_its_id_its_inputs_and_what_was_dropped(plan: Plan) -> None:
    row = planning.run(user=None, plan_id=plan.id, dropped=["model.s.b", "model.s.unknown"])
    assert (row.id, row.inputs["target"]) == (plan.id, "prod")
    assert row.notes["narrowed"] == {"task": "dbt", "value": None, "dropped": ["model.s.b"]}
    with pytest.raises(KestraError):
        planning.run(user=None, plan_id=plan.id)


def test_a_whole_plan_is_run_as_it_is_written(plan: Plan) -> None:
    assert "narrowed" not in planning.run(user=None, plan_id=plan.id).notes


def test_not_everything_can_be_dropped_and_only_what_is_ready_is_run(plan: Plan) -> None:
    with pytest.raises(KestraError):
        planning.run(user=None, plan_id=plan.id, dropped=["model.s.a", "model.s.b"])
    Plan.objects.filter(id=plan.id).update(status="waiting")
    with pytest.raises(KestraError):
        planning.run(user=None, plan_id=plan.id)
    assert not Execution.objects.filter(id=plan.id).exists()


def test_a_flow_without_dbt_has_no_plan() -> None:
    builders.people(NS)
    flow_services.create(user=None, source=FLOW.replace("io.kestra.plugin.dbt.cli.DbtCLI", "io.kestra.plugin.scripts.shell.Commands"))
    with pytest.raises(planning.NothingToPlan):
        planning.ask(user=None, namespace=NS, flow_id="built", inputs={})


def test_the_page_is_for_readers_and_running_for_members(plan: Plan, client: Client) -> None:
    people = {name: builders.User.objects.get(email=f"{name}@example.com") for name in ("reader", "member", "stranger")}
    client.force_login(people["stranger"])
    assert client.get(f"/plans/{plan.id}/").status_code == 404
    client.force_login(people["reader"])
    page = client.get(f"/plans/{plan.id}/").content.decode()
    assert "changed: SQL" in page
    assert "</svg>Run</button>" not in page
    assert client.post(f"/plans/{plan.id}/run/", {"keep": ["model.s.a"]}).status_code == 403
    client.force_login(people["member"])
    assert "1\xa0node, " in client.post(f"/plans/{plan.id}/estimate/", {"keep": ["model.s.a"]}).content.decode()
    assert client.post(f"/plans/{plan.id}/run/", {"keep": ["model.s.a"]}).status_code == 302
    assert "To its execution" in client.get(f"/plans/{plan.id}/").content.decode()
    assert client.post("/flows/company.team/built/plan/", {"target": "dev"}).status_code == 302
