"""States of dbt projects: one in force for each project, target and branch, with a history, and a page that compares them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from executions import project_states, storage
from executions.models import Execution, ProjectState, TaskRun
from kv import services as kv
from tests import builders
from ui.errors import KestraError

pytestmark = pytest.mark.django_db
NS = "company.team"
MANIFEST = b'{"nodes": {"model.shop.orders": {"resource_type": "model", "name": "orders", "checksum": {"checksum": "%d"}}}}'


def promoted(number: int = 1, **given: Any) -> ProjectState:
    digest = {"model.shop.orders": {"type": "model", "name": "orders", "sql": str(number), "path": "models/orders.sql"}}
    if number > 1:
        digest[f"model.shop.m{number}"] = {"type": "model", "name": f"m{number}"}
    known = {"namespace": NS, "project": "shop", "target": "prod", "branch": "", "digest": digest, "manifest": MANIFEST % number, **given}
    return project_states.promote(**known)


def test_the_newest_of_each_target_and_branch_is_in_force() -> None:
    promoted(1)
    newest = promoted(2)
    other = promoted(3, target="dev", branch="main")
    found = project_states.in_force(NS, "shop", "prod", "")
    assert found is not None
    assert project_states.manifest_of(found) == MANIFEST % 2
    assert [row.id for row in project_states.all_in_force(NS)] == [other.id, newest.id]
    assert project_states.in_force(NS, "shop", "prod", "main") is None


def test_only_so_many_are_kept() -> None:
    for number in range(1, project_states.KEPT + 5):
        row = promoted(number)
    assert project_states.history(row).count() == project_states.KEPT
    assert project_states.history(row)[0].id == row.id


def test_an_earlier_one_is_put_in_force_again_by_hand_and_its_key_gets_it() -> None:
    people = builders.people(NS)
    first = promoted(1, stored=(NS, "manifest.json"))
    promoted(2, stored=(NS, "manifest.json"))
    row = project_states.promote_again(user=people["member"], namespace=NS, state_id=first.id)
    assert project_states.manifest_of(project_states.in_force(NS, "shop", "prod", "") or row) == MANIFEST % 1
    assert row.promoted_by == people["member"]
    assert kv.get(NS, "manifest.json")["nodes"]["model.shop.orders"]["checksum"]["checksum"] == "1"
    with pytest.raises(KestraError):
        project_states.promote_again(user=people["stranger"], namespace=NS, state_id=first.id)


def run_that_left(content: bytes) -> Execution:
    execution = Execution.objects.create(id="5" * 22, namespace=NS, flow_id="f", flow_revision=1, state="FAILED")
    uri = f"{storage.SCHEME}/company/team/f/executions/{execution.id}/tasks/dbt/1/manifest.json"
    storage.write(uri, content)
    TaskRun.objects.create(id="6" * 22, execution=execution, task_id="dbt", outputs={"outputFiles": {"manifest.json": uri}})
    return execution


@pytest.mark.parametrize(("content", "taken"), [(MANIFEST % 7, True), (b"no json", False), (b"[]", False)])
def test_the_manifest_of_a_failed_run_is_promoted_by_hand(content: bytes, taken: bool) -> None:
    people = builders.people(NS)
    Execution.objects.create(id="4" * 22, namespace=NS, flow_id="f", flow_revision=1, state="SUCCESS")
    row = promoted(1, execution_id="4" * 22)
    execution = run_that_left(content)
    assert [one.execution_id for one in project_states.candidates(row)] == [execution.id]
    if not taken:
        with pytest.raises(KestraError):
            project_states.promote_run(user=people["member"], namespace=NS, state_id=row.id, execution_id=execution.id)
        return
    project_states.promote_run(user=people["member"], namespace=NS, state_id=row.id, execution_id=execution.id)
    found = project_states.in_force(NS, "shop", "prod", "")
    assert found is not None
    assert (project_states.manifest_of(found), found.execution_id) == (content, execution.id)
    assert project_states.candidates(found) == []


def test_the_page_shows_what_is_in_force_and_what_changed(client: Client) -> None:
    client.force_login(builders.people(NS)["reader"])
    assert "No state yet" in client.get(f"/namespaces/{NS}/states/").content.decode()
    promoted(1)
    row = promoted(2)
    page = client.get(f"/namespaces/{NS}/states/").content.decode()
    assert "1 added, 1 changed, 0 removed" in page
    assert ">m2<" in page
    assert "Promote</button>" not in page  # a reader may not
    for query in (f"state={row.id}&against={row.id}", "state=x", "against=9", f"state={row.id}&against=x"):
        assert client.get(f"/namespaces/{NS}/states/?{query}").status_code in (200, 404)
    assert client.get(f"/namespaces/{NS}/states/?state=99999").status_code == 404


def test_a_state_of_another_namespace_is_not_there(client: Client) -> None:
    people = builders.people(NS)
    builders.namespace("other")
    row = promoted(1, namespace="other")
    client.force_login(people["owner"])
    assert client.get(f"/namespaces/{NS}/states/?state={row.id}").status_code == 404
    assert client.post(f"/namespaces/{NS}/states/{row.id}/promote/").status_code == 404
    assert ProjectState.objects.count() == 1
