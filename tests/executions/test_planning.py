"""A plan is made by a worker and shown with reasons and times; its execution begins under the same id, without what was dropped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from executions import planning, services
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


def test_a_variable_that_changed_and_a_source_that_is_newer_are_told(plan: Plan) -> None:
    node = {**RESULT["nodes"][0], "why": "selected, unchanged", "parents": ["source.s.raw.orders"], "vars": {"least": "2", "other": "1"}}
    Plan.objects.filter(id=plan.id).update(result={**RESULT, "nodes": [node]})
    plan.refresh_from_db()
    earlier = page_data.execution("SUCCESS", flow_id="built")
    run = page_data.task_run(earlier, "dbt", "SUCCESS")
    began = timezone.now() - timedelta(hours=2)

    def step(name: str, kind: str, minutes: int, **data: Any) -> None:
        at = began + timedelta(minutes=minutes)
        values = {"kind": kind, "started": at, "ended": at, "state": "SUCCESS", "data": {"unique_id": name, **data}}
        Step.objects.create(id=f"{kind}{minutes}", name=f"{name}@{minutes}", execution=earlier, task_run=run, **values)

    step("model.s.a", "model", 0, vars={"least": "1", "other": "1"})
    step("source.s.raw.orders", "source", 10, max_loaded_at=(began - timedelta(hours=1)).isoformat())
    assert planning.told(plan)["nodes"][0]["why"] == "selected; variable least changed"
    step("source.s.raw.orders", "source", 20, max_loaded_at=(began + timedelta(minutes=15)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert planning.told(plan)["nodes"][0]["why"] == "selected; variable least changed; source raw.orders is newer"
    step("model.s.a", "model", 30, vars={"least": "2", "other": "1"})
    assert planning.told(plan)["nodes"][0]["why"] == "selected, unchanged"


def person(name: str) -> builders.User:
    return builders.User.objects.get(email=f"{name}@example.com")


OTHERS = [
    {"id": f"model.s.{name}", "name": name, "path": f"more/{name}.sql", "parents": ["model.s.a"]} for name in ("orders", "old_orders")
]


def test_nodes_are_found_and_put_in_and_run_beside_what_the_commands_take(plan: Plan, client: Client) -> None:
    Plan.objects.filter(id=plan.id).update(result={**RESULT, "others": OTHERS})
    client.force_login(person("member"))
    found = client.get(f"/plans/{plan.id}/others/?q=ord").content.decode()
    assert found.index(">orders<") < found.index(">old_orders<"), "what begins so comes first"
    added = client.post(f"/plans/{plan.id}/add/", {"add": "model.s.orders", "keep": ["model.s.a"]}, headers={"HX-Request": "true"})
    assert "put in by hand" in added.content.decode()
    assert added.content.decode().count("checked") == 2, "what was taken out stays out"
    assert "model.s.orders" not in client.get(f"/plans/{plan.id}/others/?q=ord").content.decode()
    assert client.post(f"/plans/{plan.id}/add/", {"add": "model.s.a"}).status_code == 404
    plan.refresh_from_db()
    on_one_thread = [planning.told(plan, dropped)["what_if"][0][1] for dropped in ((), ("model.s.orders",))]
    assert on_one_thread == pytest.approx([0.6, 0.4])
    client.post(f"/plans/{plan.id}/run/", {"keep": ["model.s.a", "model.s.orders"]})
    notes = Execution.objects.get(id=plan.id).notes
    assert notes["narrowed"] == {"task": "dbt", "value": None, "failed": ["model.s.orders"], "dropped": ["model.s.b"]}
    assert notes["planned"] == "planned"
    assert client.post(f"/plans/{plan.id}/add/", {"add": "model.s.old_orders"}).status_code == 409


def test_a_plan_that_needs_it_runs_as_somebody_else_approved_it(plan: Plan, client: Client) -> None:
    Plan.objects.filter(id=plan.id).update(result={**RESULT, "requires": "approved"}, created_by=person("member"))
    client.force_login(person("member"))
    assert "Somebody else must approve" in client.get(f"/plans/{plan.id}/").content.decode()
    assert client.post(f"/plans/{plan.id}/run/", {"keep": ["model.s.a"]}).status_code == 409
    assert client.post(f"/plans/{plan.id}/approve/", {"keep": ["model.s.a"]}).status_code == 403
    client.force_login(person("reader"))
    assert client.post(f"/plans/{plan.id}/approve/", {"keep": ["model.s.a"]}).status_code == 403
    client.force_login(person("owner"))
    assert "Approve</button>" in client.get(f"/plans/{plan.id}/").content.decode()
    assert client.post(f"/plans/{plan.id}/approve/", {"keep": ["model.s.a"]}).status_code == 302
    assert client.post(f"/plans/{plan.id}/approve/", {"keep": ["model.s.a", "model.s.b"]}).status_code == 409
    client.force_login(person("member"))
    page = client.get(f"/plans/{plan.id}/").content.decode()
    assert f"Approved by {person('owner')}" in page
    assert page.count("checked disabled") == 1
    client.post(f"/plans/{plan.id}/run/", {"keep": ["model.s.a", "model.s.b"]})
    notes = Execution.objects.get(id=plan.id).notes
    assert (notes["planned"], notes["narrowed"]["dropped"]) == ("approved", ["model.s.b"])


def test_who_replays_a_planned_execution_has_not_looked_at_it(plan: Plan) -> None:
    row = planning.run(user=None, plan_id=plan.id)
    assert row.notes["planned"] == "planned"
    Execution.objects.filter(id=row.id).update(state="FAILED")
    again = services.replay(user=None, execution_id=row.id)
    assert "planned" not in again.notes


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
