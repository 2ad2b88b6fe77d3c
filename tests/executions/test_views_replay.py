"""Replaying from the dialog: from a task run, with another revision, with other inputs; what a form cannot show stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from executions import services as executing
from executions import storage
from executions.models import Execution, TaskRun
from flows import services
from namespaces import vault
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db

SOURCE = """id: asks
namespace: company.team
inputs:
  - {id: who, type: STRING, defaults: nobody}
  - {id: token, type: SECRET}
  - {id: deep.count, type: INT, defaults: 1}
  - {id: settings, type: JSON, required: false}
  - {id: upload, type: FILE, required: false}
  - {id: sure, type: BOOLEAN, defaults: true}
tasks:
  - {id: one, type: io.kestra.plugin.core.log.Log, message: "{{ inputs.who }}"}
  - {id: two, type: io.kestra.plugin.core.log.Log, message: bye}
"""
HTMX = {"HX-Request": "true"}


@pytest.fixture
def people(settings: Settings, tmp_path: Path) -> dict[str, User]:
    settings.KESTRA_STORAGE = tmp_path
    return builders.people()


@pytest.fixture
def execution(people: dict[str, User]) -> Execution:
    """One that was executed by revision 1; there is a revision 2 with another input."""
    services.create(user=people["owner"], source=SOURCE)
    made = executing.start(
        user=people["member"],
        namespace="company.team",
        flow_id="asks",
        inputs={"who": "Ada", "token": "hush-hush", "settings": '{"a": 1}', "deep.count": "3", "sure": "false"},
        files={"upload": ("data.csv", b"a,b")},
    )
    services.update(user=people["owner"], namespace="company.team", flow_id="asks", source=SOURCE.replace("who", "whom"))
    Execution.objects.filter(id=made.id).update(state="SUCCESS")
    return Execution.objects.get(id=made.id)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def dialog(client: Client, execution: Execution, **query: Any) -> str:
    return client.get(f"/executions/{execution.id}/replay/dialog/", query, headers=HTMX).content.decode()


def replayed(client: Client, execution: Execution, query: str = "", **fields: Any) -> Execution:
    """The new execution."""
    answer = client.post(f"/executions/{execution.id}/replay/{query}", fields)
    assert answer.status_code == 302, answer.content
    return Execution.objects.get(id=answer["Location"].split("/")[2])


def test_the_dialog_shows_what_was_given_but_no_secret(people: dict[str, User], execution: Execution) -> None:
    shown = dialog(client_of(people["member"]), execution)
    assert 'value="Ada"' in shown
    assert 'name="deep.count" id="replay-deep-count" value="3"' in shown
    assert "{&quot;a&quot;: 1}" in shown
    assert "hush" not in shown
    assert "aes_encrypted" not in shown
    assert shown.count("Stays as it was where nothing is given") == 2
    assert '<option value="1" selected>1, as this one</option>' in shown
    assert '<option value="2">2, the newest</option>' in shown


def test_another_revision_shows_its_own_inputs(people: dict[str, User], execution: Execution) -> None:
    shown = dialog(client_of(people["member"]), execution, _revision="2")
    assert 'name="whom"' in shown
    assert 'name="who"' not in shown
    assert client_of(people["member"]).get(f"/executions/{execution.id}/replay/dialog/?_revision=9").status_code == 404


def test_without_a_change_the_inputs_are_the_same(people: dict[str, User], execution: Execution) -> None:
    made = replayed(client_of(people["member"]), execution, _revision="1", who="ignored")
    assert made.inputs == execution.inputs
    assert made.flow_revision == 1


def test_other_inputs_replace_the_old_and_secrets_and_files_stay(people: dict[str, User], execution: Execution) -> None:
    sent = {"_change": "yes", "who": "Grace", "deep.count": "4", "settings": '{"b": 2}', "token": "", "sure": "true"}
    made = replayed(client_of(people["member"]), execution, **sent)
    assert made.inputs["who"] == "Grace"
    assert made.inputs["deep"] == {"count": 4}
    assert made.inputs["settings"] == {"b": 2}
    assert made.inputs["sure"] is True
    assert vault.decrypt_value(made.inputs["token"]) == "hush-hush"
    assert made.inputs["upload"] == execution.inputs["upload"]


def test_a_secret_and_a_file_can_be_replaced(people: dict[str, User], execution: Execution) -> None:
    sent = {"_change": "yes", "who": "x", "token": "other", "upload": SimpleUploadedFile("new.csv", b"new")}
    made = replayed(client_of(people["member"]), execution, **sent)
    assert vault.decrypt_value(made.inputs["token"]) == "other"
    assert storage.existing(made.inputs["upload"]).read_bytes() == b"new"


def test_another_revision_with_changed_inputs_from_a_task_run(people: dict[str, User], execution: Execution) -> None:
    TaskRun.objects.filter(execution=execution).delete()
    data.task_run(execution, "one")
    second = data.task_run(execution, "two", start=6, end=7)
    shown = dialog(client_of(people["member"]), execution, task_run=second.id)
    assert "Replay asks from two</h2>" in shown
    sent = {"_change": "yes", "_revision": "2", "whom": "Grace", "deep.count": "1"}
    made = replayed(client_of(people["member"]), execution, f"?task_run={second.id}", **sent)
    assert made.flow_revision == 2
    assert made.inputs["whom"] == "Grace"
    assert dict(made.task_runs.values_list("task_id", "state")) == {"one": "SUCCESS", "two": "RESTARTED"}


def test_what_is_refused_stands_at_its_field_and_starts_nothing(people: dict[str, User], execution: Execution) -> None:
    answer = client_of(people["member"]).post(
        f"/executions/{execution.id}/replay/", {"_change": "yes", "who": "typed", "deep.count": "many"}, headers=HTMX
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="replay-deep-count-error"' in page
    assert 'value="typed"' in page
    assert 'name="_change" value="yes" checked' in page
    assert Execution.objects.count() == 1


def test_an_input_that_depends_on_another_comes_and_goes(people: dict[str, User], execution: Execution) -> None:
    extra = '  - {id: why, type: STRING, required: false, dependsOn: {inputs: [sure], condition: "{{ inputs.sure }}"}}\n'
    services.update(user=people["owner"], namespace="company.team", flow_id="asks", source=SOURCE.replace("tasks:\n", extra + "tasks:\n"))
    member = client_of(people["member"])
    assert 'name="why"' not in dialog(member, execution, _revision="3")
    sent = {"_revision": "3", "who": "x", "sure": "true", "deep.count": "1"}
    shown = member.post(f"/executions/{execution.id}/replay/check/", sent).content.decode()
    assert 'name="why"' in shown
    assert "Stays as it was where nothing is given" in shown
    assert 'name="why"' not in member.post(f"/executions/{execution.id}/replay/check/", {**sent, "sure": ""}).content.decode()
    assert Execution.objects.count() == 1


@pytest.mark.parametrize("query", ["?task_run=nobody", "?task_run=%27"])
def test_a_task_run_of_nobody_is_missing(query: str, people: dict[str, User], execution: Execution) -> None:
    member = client_of(people["member"])
    assert member.get(f"/executions/{execution.id}/replay/dialog/{query}").status_code == 404
    assert member.post(f"/executions/{execution.id}/replay/{query}").status_code == 404
    assert Execution.objects.count() == 1


def test_the_pane_of_a_task_run_leads_to_the_dialog(people: dict[str, User], execution: Execution) -> None:
    run = TaskRun.objects.filter(execution=execution).first() or data.task_run(execution, "one")
    address = f"/executions/{execution.id}/gantt/rows/{run.id}/"
    link = f"/executions/{execution.id}/replay/dialog/?task_run={run.id}"
    assert link in client_of(people["member"]).get(address).content.decode()
    assert link not in client_of(people["reader"]).get(address).content.decode()
