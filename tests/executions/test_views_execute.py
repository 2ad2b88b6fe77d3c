"""The Execute form: fields from inputs, errors at the field, the way to the new execution; and the verbs of an execution."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from executions import selectors, storage
from executions.models import Execution
from flows import services as flow_services
from namespaces import vault
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db(transaction=True)

SOURCE = """id: asks
namespace: company.team
inputs:
  - {id: target, type: SELECT, values: [dev, prod], defaults: dev}
  - {id: command, type: SELECT, values: [build, run], allowCustomValue: true, defaults: build, description: What dbt does}
  - {id: threads, type: INT, min: 1, max: 16, required: false}
  - {id: full_refresh, type: BOOLEAN, defaults: true}
  - {id: name, type: STRING, displayName: Your name}
  - {id: mapping, type: FILE, required: false}
  - {id: password, type: SECRET, required: false}
tasks:
  - id: hello
    type: io.kestra.plugin.core.log.Log
    message: hello
"""
URL = "/flows/company.team/asks/execute/"


@pytest.fixture
def people() -> dict[str, User]:
    found = builders.people()
    flow_services.create(user=None, source=SOURCE)
    return found


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def field_of(page: str, name: str) -> str:
    """The HTML of one field."""
    found = re.search(
        rf'<div class="field[^"]*" data-input="{name}".*?(?=<div class="field[^"]*" data-input|</div><details|<details)', page, re.DOTALL
    )
    assert found, name
    return found[0]


def test_every_input_becomes_a_field_of_its_kind(people: dict[str, User]) -> None:
    page = signed_in(people["member"]).get(URL).content.decode()
    assert '<option value="dev" selected>' in field_of(page, "target")
    assert 'role="combobox"' in field_of(page, "command")
    assert "What dbt does" in field_of(page, "command")
    assert 'inputmode="numeric"' in field_of(page, "threads")
    assert "from 1 to 16" in field_of(page, "threads")
    assert "checked" in field_of(page, "full_refresh")
    assert "Your name" in field_of(page, "name")
    assert "required" in field_of(page, "name")
    assert 'type="file"' in field_of(page, "mapping")
    assert 'type="password"' in field_of(page, "password")


def test_a_wrong_value_comes_back_at_its_field_and_nothing_starts(people: dict[str, User]) -> None:
    response = signed_in(people["member"]).post(URL, {"target": "prod", "command": "my own", "threads": "24", "name": "Ada"})
    page = response.content.decode()
    assert response.status_code == 422
    assert 'aria-invalid="true"' in field_of(page, "threads")
    assert 'value="24"' in field_of(page, "threads")
    assert "less than" in field_of(page, "threads")
    assert 'aria-invalid="true"' not in field_of(page, "command")
    assert 'value="my own"' in field_of(page, "command")
    assert '<option value="prod" selected>' in field_of(page, "target")
    assert "checked" not in field_of(page, "full_refresh")
    assert not Execution.objects.exists()


def test_a_missing_input_is_told_at_its_field(people: dict[str, User]) -> None:
    response = signed_in(people["member"]).post(URL, {"target": "dev", "command": "build"})
    assert response.status_code == 422
    assert "missing required input" in field_of(response.content.decode(), "name")


def test_execute_starts_and_leads_to_the_execution(people: dict[str, User]) -> None:
    upload = SimpleUploadedFile("channels.csv", b"a,b\n1,2\n")
    fields = {"target": "dev", "command": "ls --select x", "threads": "", "name": "Ada", "mapping": upload, "labels": "env:dev\nteam: data"}
    response = signed_in(people["member"]).post(URL, fields)
    execution = Execution.objects.get()
    assert response["Location"] == reverse("executions:gantt", args=[execution.id])
    assert execution.created_by == people["member"]
    assert execution.inputs["command"] == "ls --select x"
    assert execution.inputs["full_refresh"] is False
    assert execution.inputs["mapping"].startswith("kestra:///company/team/asks/executions/")
    assert ["env", "dev"] in execution.labels
    assert ["team", "data"] in execution.labels


def test_a_reader_is_told_and_a_stranger_learns_nothing(people: dict[str, User]) -> None:
    for method in ("get", "post"):
        assert getattr(signed_in(people["reader"]), method)(URL).status_code == 403
        assert getattr(signed_in(people["stranger"]), method)(URL).status_code == 404
        assert getattr(Client(), method)(URL).status_code == 302
    assert not Execution.objects.exists()


def test_a_label_without_a_colon_is_refused(people: dict[str, User]) -> None:
    response = signed_in(people["member"]).post(URL, {"target": "dev", "command": "build", "name": "Ada", "labels": "nonsense"})
    assert response.status_code == 422
    assert "A label is written key:value" in response.content.decode()


def test_the_form_is_filled_as_an_earlier_execution(people: dict[str, User]) -> None:
    earlier = data.execution(flow_id="asks", inputs={"target": "prod", "name": "Grace", "mapping": "kestra:///x/y.csv"})
    page = signed_in(people["member"]).get(URL, {"from": earlier.id}).content.decode()
    assert '<option value="prod" selected>' in field_of(page, "target")
    assert 'value="Grace"' in field_of(page, "name")


def test_an_execution_of_another_namespace_fills_nothing(people: dict[str, User]) -> None:
    hidden = data.execution(flow_id="asks", namespace="elsewhere", inputs={"name": "Grace"})
    assert signed_in(people["member"]).get(URL, {"from": hidden.id}).status_code == 404


DEPENDS = """id: depends
namespace: company.team
inputs:
  - {id: mode, type: SELECT, values: [simple, expert], defaults: simple}
  - id: flags
    type: STRING
    required: false
    dependsOn: {inputs: [mode], condition: "{{ inputs.mode == 'expert' }}"}
tasks:
  - {id: hello, type: io.kestra.plugin.core.log.Log, message: hello}
"""


def test_an_input_that_depends_on_another_comes_and_goes(people: dict[str, User]) -> None:
    flow_services.create(user=None, source=DEPENDS)
    client, url = signed_in(people["member"]), "/flows/company.team/depends/execute/"
    page = client.get(url).content.decode()
    assert 'data-input="mode"' in page
    assert 'data-input="flags"' not in page
    assert "data-check-url" in page
    assert 'data-input="flags"' in client.post(f"{url}check/", {"mode": "expert"}).content.decode()
    assert 'data-input="flags"' not in client.post(f"{url}check/", {"mode": "simple"}).content.decode()
    assert client.get(f"{url}check/").status_code == 405
    assert signed_in(people["reader"]).post(f"{url}check/", {}).status_code == 403


PAUSES = """id: pauses
namespace: company.team
tasks:
  - id: approve
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {id: reason, type: STRING}
      - {id: amount, type: INT, required: false}
"""


def test_resume_asks_for_what_the_pause_wants(people: dict[str, User]) -> None:
    flow_services.create(user=None, source=PAUSES)
    signed_in(people["member"]).post("/flows/company.team/pauses/execute/")
    execution = Execution.objects.get(flow_id="pauses")
    assert execution.state == "PAUSED"
    page = signed_in(people["member"]).get(reverse("executions:gantt", args=[execution.id])).content.decode()
    run = execution.task_runs.get()
    assert f'id="resume-{run.id}-reason"' in page
    assert 'data-dialog-open="resume-dialog"' in page
    refused = post(people["member"], execution, "resume", amount="x", reason="because")
    assert refused.status_code == 422
    assert "data-open-now" in refused.content.decode()
    assert post(people["member"], execution, "resume", reason="because").status_code == 302
    execution.refresh_from_db()
    assert execution.state != "PAUSED"


TOGETHER = """id: together
namespace: company.team
tasks:
  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - id: approve
        type: io.kestra.plugin.core.flow.Pause
        onResume:
          - {id: reason, type: STRING}
          - {id: amount, type: INT, max: 9}
      - id: attach
        type: io.kestra.plugin.core.flow.Pause
        onResume:
          - {id: reason, type: FILE}
          - {id: kind, type: SELECT, values: [plain, other], defaults: plain}
          - {id: which, type: STRING, dependsOn: {inputs: [kind], condition: "{{ inputs.kind == 'other' }}"}}
  - id: after
    type: io.kestra.plugin.core.debug.Return
    format: "{{ outputs.approve.onResume.reason }} {{ read(outputs.attach.onResume.reason) }}"
"""


@pytest.fixture
def waiting(people: dict[str, User]) -> Execution:
    """An execution in which two tasks wait, each for something of its own."""
    flow_services.create(user=None, source=TOGETHER)
    signed_in(people["member"]).post("/flows/company.team/together/execute/")
    execution = Execution.objects.get(flow_id="together")
    assert execution.state == "PAUSED"
    return execution


def resumed(user: User, execution: Execution, task_id: str, fields: dict[str, Any], *, htmx: bool = True, to: str = "resume") -> Any:
    run = execution.task_runs.get(task_id=task_id)
    url = f"{reverse(f'executions:{to}', args=[execution.id])}?task_run={run.id}"
    return signed_in(user).post(url, fields, headers={"HX-Request": "true"} if htmx else {})


def state_of(execution: Execution, task_id: str) -> str:
    return execution.task_runs.get(task_id=task_id).state


def test_each_task_that_waits_has_a_form_of_its_own(people: dict[str, User], waiting: Execution) -> None:
    page = signed_in(people["member"]).get(reverse("executions:detail", args=[waiting.id])).content.decode()
    assert page.count('class="resume-form"') == 2
    approve, attach = (waiting.task_runs.get(task_id=name) for name in ("approve", "attach"))
    for name in (f"{approve.id}-reason", f"{approve.id}-amount", f"{attach.id}-reason", f"{attach.id}-kind"):
        assert page.count(f'id="resume-{name}"') == 1
    assert f'id="resume-{attach.id}-which"' not in page
    seen = signed_in(people["reader"]).get(reverse("executions:detail", args=[waiting.id])).content.decode()
    assert "resume-form" not in seen
    assert "approve" in seen


def test_tasks_are_resumed_one_by_one_in_any_order(people: dict[str, User], waiting: Execution) -> None:
    sent = {"reason": SimpleUploadedFile("why.txt", b"from a file"), "kind": "plain"}
    answer = resumed(people["member"], waiting, "attach", sent)
    assert (answer.status_code, answer.content.strip()) == (200, b"")
    assert (state_of(waiting, "attach"), state_of(waiting, "approve")) == ("SUCCESS", "PAUSED")
    uri = waiting.task_runs.get(task_id="attach").outputs["onResume"]["reason"]
    assert selectors.file_of(people["reader"], waiting.id, uri).read_bytes() == b"from a file"
    answer = resumed(people["member"], waiting, "approve", {"reason": "because", "amount": "3"})
    assert answer["HX-Redirect"] == reverse("executions:gantt", args=[waiting.id])
    assert waiting.task_runs.get(task_id="approve").outputs == {"onResume": {"reason": "because", "amount": 3}}
    assert resumed(people["member"], waiting, "approve", {"reason": "again"}).status_code == 409


@pytest.mark.parametrize("htmx", [True, False])
def test_whatever_is_wrong_is_told_at_its_field_and_nothing_is_lost(htmx: bool, people: dict[str, User], waiting: Execution) -> None:
    answer = resumed(people["member"], waiting, "approve", {"reason": "be<cause", "amount": "12"}, htmx=htmx)
    page = answer.content.decode()
    assert answer.status_code == 422
    run = waiting.task_runs.get(task_id="approve")
    assert f'id="resume-{run.id}-amount-error"' in page
    assert 'value="be&lt;cause"' in page
    assert 'value="12"' in page
    assert page.count('class="resume-form"') == (1 if htmx else 2)
    assert state_of(waiting, "approve") == "PAUSED"
    page = resumed(people["member"], waiting, "attach", {"kind": "neither"}, htmx=htmx).content.decode()
    other = waiting.task_runs.get(task_id="attach")
    assert f'id="resume-{other.id}-reason-error"' in page  # both at once
    assert f'id="resume-{other.id}-kind-error"' in page


def test_a_question_that_depends_on_another_comes_and_goes(people: dict[str, User], waiting: Execution) -> None:
    run = waiting.task_runs.get(task_id="attach")
    page = resumed(people["member"], waiting, "attach", {"kind": "other"}, to="resume_check").content.decode()
    assert f'id="resume-{run.id}-which"' in page
    assert "-error" not in page
    page = resumed(people["member"], waiting, "attach", {"kind": "plain"}, to="resume_check").content.decode()
    assert f'id="resume-{run.id}-which"' not in page
    for person, status in (("reader", 403), ("stranger", 404)):
        assert resumed(people[person], waiting, "attach", {}, to="resume_check").status_code == status


def test_a_pause_by_hand_is_lifted_beside_the_tasks_that_wait(people: dict[str, User], waiting: Execution) -> None:
    Execution.objects.filter(id=waiting.id).update(notes={"held": True})
    page = signed_in(people["member"]).get(reverse("executions:resume_form", args=[waiting.id])).content.decode()
    assert page.count('class="resume-form"') == 3
    assert 'id="resume-all"' in page


# --- verbs -----------------------------------------------------------------------------------------------------------------------


def post(user: User, execution: Execution, verb: str, **fields: Any) -> Any:
    return signed_in(user).post(reverse(f"executions:{verb}", args=[execution.id]), fields)


def started(user: User) -> Execution:
    signed_in(user).post(URL, {"target": "dev", "command": "build", "name": "Ada"})
    return Execution.objects.latest("created")


def test_kill_stops_an_execution(people: dict[str, User]) -> None:
    execution = started(people["member"])
    assert post(people["member"], execution, "kill").status_code == 302
    execution.refresh_from_db()
    assert execution.state in ("KILLING", "KILLED")


def test_replay_leads_to_a_new_execution(people: dict[str, User]) -> None:
    execution = started(people["member"])
    response = post(people["member"], execution, "replay")
    new = Execution.objects.exclude(id=execution.id).get()
    assert response["Location"] == reverse("executions:gantt", args=[new.id])
    assert new.inputs == execution.inputs


def test_what_the_state_does_not_allow_is_a_conflict(people: dict[str, User]) -> None:
    ended = data.execution(flow_id="asks")
    assert post(people["member"], ended, "pause").status_code == 409
    assert post(people["member"], ended, "resume").status_code == 409
    assert post(people["member"], ended, "unqueue").status_code == 409
    assert post(people["member"], data.execution("RUNNING", flow_id="asks"), "delete").status_code == 409


def test_an_ended_execution_is_deleted(people: dict[str, User]) -> None:
    ended = data.execution(flow_id="asks")
    assert post(people["member"], ended, "delete")["Location"] == "/executions/"
    assert not Execution.objects.filter(id=ended.id).exists()


def test_labels_of_an_ended_execution_change(people: dict[str, User]) -> None:
    ended = data.execution(flow_id="asks")
    assert post(people["member"], ended, "labels", labels="env:prod").status_code == 302
    ended.refresh_from_db()
    assert ended.labels == [["env", "prod"]]
    assert post(people["member"], ended, "labels", labels="nonsense").status_code == 422


def test_htmx_gets_the_changed_header(people: dict[str, User]) -> None:
    execution = started(people["member"])
    url = reverse("executions:kill", args=[execution.id])
    response = signed_in(people["member"]).post(url, headers={"HX-Request": "true"})
    assert response["HX-Retarget"] == "#execution-header"
    assert 'id="execution-header"' in response.content.decode()
    assert "being stopped" in response["HX-Trigger-After-Settle"]


# --- outputs -----------------------------------------------------------------------------------------------------------------------


def test_outputs_are_shown_as_a_tree(people: dict[str, User]) -> None:
    execution = data.execution(flow_id="asks")
    data.task_run(
        execution, "hello", outputs={"vars": {"rows": [1, {"deep": "value"}]}, "exitCode": 0, "file": "kestra:///company/team/a.csv"}
    )
    page = signed_in(people["reader"]).get(reverse("executions:outputs", args=[execution.id])).content.decode()
    assert 'data-use-path="outputs.hello.vars.rows[1].deep"' in page
    assert ">a.csv</a>" in page


def test_an_expression_is_tried_on_the_execution(people: dict[str, User]) -> None:
    execution = data.execution(flow_id="asks", inputs={"name": "Ada"})
    run = data.task_run(execution, "hello", outputs={"value": 41})
    page = post(
        people["reader"], execution, "evaluate", expression="{{ outputs.hello.value }} {{ inputs.name | upper }}", run=run.id
    ).content.decode()
    assert "41 ADA" in page


def test_a_wrong_expression_says_why(people: dict[str, User]) -> None:
    execution = data.execution(flow_id="asks")
    page = post(people["reader"], execution, "evaluate", expression="{{ outputs.nothing.there }}").content.decode()
    assert "It cannot be rendered" in page


@pytest.mark.parametrize(
    "expression", ["{{ secret('X') }}", "{{ kv('x') }}", "{{ read('kestra:///company/team/a') }}", "{{ inputs.password }}"]
)
def test_the_tester_reaches_neither_secrets_nor_files(expression: str, people: dict[str, User]) -> None:
    execution = data.execution(flow_id="asks", inputs={"password": vault.encrypt_value("hunter2")})
    page = post(people["owner"], execution, "evaluate", expression=expression).content.decode()
    assert "hunter2" not in page
    assert "It cannot be rendered" in page or "secret" in page


def test_files_of_the_execution_are_previewed_and_no_others(people: dict[str, User]) -> None:
    execution = data.execution(flow_id="asks")
    own = f"{storage.execution_uri('company.team', 'asks', execution.id)}tasks/hello/x/a.csv"
    other = f"{storage.execution_uri('company.team', 'asks', 'another')}tasks/hello/x/a.csv"
    for uri in (own, other):
        storage.write(uri, b"name,rows\n<b>orders</b>,12\n")
    reader = signed_in(people["reader"])
    url, download = (reverse(f"executions:{name}", args=[execution.id]) for name in ("file", "file_download"))
    page = reader.get(url, {"path": own}).content.decode()
    assert "<th>name</th>" in page
    assert "&lt;b&gt;orders" in page
    got = reader.get(download, {"path": own})
    assert b"".join(got.streaming_content).startswith(b"name,rows")
    assert "sandbox" in got["Content-Security-Policy"]
    for path in (other, f"{own}/../../../../x", "file:///etc/passwd", "/etc/passwd", "kestra:///../../etc/passwd", "", "kestra://\0"):
        for address in (url, download):
            assert reader.get(address, {"path": path}).status_code in (404, 422), path
    assert signed_in(people["stranger"]).get(url, {"path": own}).status_code == 404
