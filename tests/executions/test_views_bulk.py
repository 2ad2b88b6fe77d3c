"""One action on many executions of a list: who may, what is told before, what is done, and what is said of the rest."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from executions import bulk, presenters
from executions.models import Execution, ExecutionLabel
from executions.views import bulk as bulk_views
from flows import services as flow_services
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def told(client: Client, verb: str, fields: dict[str, Any]) -> str:
    """The dialog."""
    return client.get(f"/executions/bulk/{verb}/", fields, headers={"HX-Request": "true"}).content.decode()


def asked(client: Client, verb: str, fields: dict[str, Any]) -> str:
    """The list after it was done, with what is said there."""
    return client.post(f"/executions/bulk/{verb}/", fields, follow=True).content.decode()


def test_everything_that_is_offered_can_be_done() -> None:
    assert {offer.name for offer in presenters.OFFERS} == set(bulk.VERBS)


# --- who ------------------------------------------------------------------------------------------------------------------------------


def test_what_a_person_may_not_see_stays(people: dict[str, User]) -> None:
    data.execution(namespace="elsewhere", id="own")
    data.execution(id="other")
    assert client_of(people["stranger"]).post("/executions/bulk/delete/", {"id": ["own", "other"]}).status_code == 302
    assert client_of(people["stranger"]).post("/executions/bulk/delete/", {"all": "yes"}).status_code == 302
    assert set(Execution.objects.values_list("id", flat=True)) == {"other"}


@pytest.mark.parametrize("chosen", [{"id": ["ended"]}, {"all": "yes", "query": "state=SUCCESS"}])
def test_a_reader_changes_nothing_and_is_told(chosen: dict[str, Any], people: dict[str, User]) -> None:
    data.execution(id="ended")
    reader = client_of(people["reader"])
    assert "Your role does not allow this" in told(reader, "delete", chosen)
    assert "0\u00a0executions deleted, 1 not: Your role does not allow this. (ended)" in asked(reader, "delete", chosen)
    assert Execution.objects.filter(id="ended").exists()


def test_who_may_change_nothing_anywhere_is_offered_nothing(people: dict[str, User]) -> None:
    data.flow()
    data.execution(id="ended")
    for address, name in (("/executions/", "data-choose"), ("/executions/rows/?id=ended", "data-choose"), ("/flows/", "flows/bulk-")):
        assert name in client_of(people["member"]).get(address).content.decode(), address
        assert name not in client_of(people["reader"]).get(address).content.decode(), address


def test_the_dialog_changes_nothing(people: dict[str, User]) -> None:
    data.execution("RUNNING", id="going")
    before = list(Execution.objects.values())
    for verb in bulk.VERBS:
        assert client_of(people["member"]).get(f"/executions/bulk/{verb}/", {"id": ["going"]}).status_code == 200
    assert list(Execution.objects.values()) == before


# --- what is told before ----------------------------------------------------------------------------------------------------------------


def test_the_dialog_tells_how_many_and_which_it_does_not_fit(people: dict[str, User]) -> None:
    data.execution("RUNNING", id="going-on")
    data.execution(id="ended-a")
    data.execution(id="ended-b")
    dialog = told(client_of(people["member"]), "kill", {"id": ["going-on", "ended-a", "ended-b"]})
    assert "Kill: 1\u00a0execution</h2>" in dialog
    assert "2 of 3\u00a0executions stay as they are" in dialog
    assert "execution already terminated" in dialog
    assert "ended-a, ended-b" in dialog


def test_where_it_fits_none_there_is_nothing_to_press(people: dict[str, User]) -> None:
    data.execution(id="ended")
    dialog = told(client_of(people["member"]), "resume", {"id": ["ended"]})
    assert "There is none that this can be done to" in dialog
    assert 'type="submit"' not in dialog


def test_all_that_match_are_counted_by_the_filters_of_the_list(people: dict[str, User]) -> None:
    for number in range(60):
        data.execution("FAILED" if number % 2 else "SUCCESS", flow_id="other" if number < 20 else "shop")
    member = client_of(people["member"])
    assert "Delete: 20\u00a0executions" in told(member, "delete", {"all": "yes", "query": "flow=shop&state=FAILED&page=2"})
    assert "Delete: 20\u00a0executions" in told(member, "delete", {"all": "yes", "query": "", "namespace": "company.team", "flow": "other"})


# --- what is done -----------------------------------------------------------------------------------------------------------------------


def test_all_that_match_are_treated_and_no_others(people: dict[str, User]) -> None:
    for number in range(60):
        data.execution("FAILED" if number % 2 else "SUCCESS", id=f"e{number:02}")
    page = asked(client_of(people["member"]), "delete", {"all": "yes", "query": "state=FAILED", "id": ["e00"]})
    assert "30\u00a0executions deleted" in page
    assert set(Execution.objects.values_list("state", flat=True)) == {"SUCCESS"}
    assert Execution.objects.count() == 30


def test_none_is_treated_that_began_after_the_person_was_asked(people: dict[str, User]) -> None:
    now = timezone.now()
    data.execution(id="before", created=now - timedelta(minutes=1))
    data.execution(id="after", created=now + timedelta(minutes=1))
    asked(client_of(people["member"]), "delete", {"all": "yes", "until": now.isoformat()})
    assert set(Execution.objects.values_list("id", flat=True)) == {"after"}


def test_the_answer_says_how_many_were_done_and_which_were_not_and_why(people: dict[str, User]) -> None:
    data.execution("RUNNING", id="going-on")
    data.execution(id="ended")
    page = asked(client_of(people["member"]), "delete", {"id": ["going-on", "ended"]})
    assert "1\u00a0execution deleted, 1 not:" in page
    assert "execution not terminated (going-on)" in page
    assert set(Execution.objects.values_list("id", flat=True)) == {"going-on"}


def test_many_that_are_refused_for_one_reason_are_told_in_short(people: dict[str, User]) -> None:
    for number in range(12):
        data.execution(id=f"e{number:02}")
    page = asked(client_of(people["member"]), "pause", {"all": "yes"})
    assert "0\u00a0executions being paused, 12 not: execution is SUCCESS, not RUNNING (e00, e01, e02, e03, e04 and 7 more)" in page


def test_a_long_action_tells_how_far_it_is_and_goes_on(people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_views, "SECONDS", 0.0)
    for number in range(2 * bulk_views.STEP + 5):
        data.execution("RUNNING" if number % 10 == 0 else "FAILED", id=f"e{number:02}")
    data.execution(id="later", created=timezone.now() + timedelta(hours=1))
    member = client_of(people["member"])
    dialog = told(member, "delete", {"all": "yes"})
    treated = []
    while True:
        sent = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', dialog))
        sent = {name: html.unescape(value) for name, value in sent.items()}
        answer = member.post("/executions/bulk/delete/", sent, headers={"HX-Request": "true"})
        if "HX-Redirect" in answer:
            break
        dialog = answer.content.decode()
        treated.append(int(re.findall(r'aria-valuenow="(\d+)"', dialog)[0]))
    assert treated == [bulk_views.STEP, 2 * bulk_views.STEP]
    page = member.get(answer["HX-Redirect"]).content.decode()
    assert "40\u00a0executions deleted, 5 not: execution not terminated (e00, e10, e20, e30, e40)" in page
    assert set(Execution.objects.values_list("state", flat=True)) == {"RUNNING", "SUCCESS"}
    assert Execution.objects.filter(id="later").exists()


def test_another_client_waits_for_all_of_a_long_action(people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_views, "SECONDS", 0.0)
    for _ in range(2 * bulk_views.STEP):
        data.execution()
    assert "40\u00a0executions deleted" in asked(client_of(people["member"]), "delete", {"all": "yes"})
    assert not Execution.objects.exists()


@pytest.mark.parametrize("tally", ["x", "{}", '{"count": "a", "refused": {}}', '{"count": -5, "refused": {"r": 1}}', "[" * 100_000])
def test_a_tally_that_is_none_is_no_error(tally: str, people: dict[str, User]) -> None:
    data.execution()
    fields = {"all": "yes", "tally": tally, "after": "nonsense here"}
    assert "1\u00a0execution deleted" in asked(client_of(people["member"]), "delete", fields)


def test_labels_are_added_to_all(people: dict[str, User]) -> None:
    data.flow()
    data.execution(id="a", labels=[["team", "old"], ["kept", "yes"]])
    data.execution("FAILED", id="b")
    asked(client_of(people["member"]), "labels", {"id": ["a", "b"], "labels": "team:data\nenv:prod"})
    assert dict(Execution.objects.get(id="a").labels) == {"team": "data", "kept": "yes", "env": "prod"}
    assert set(ExecutionLabel.objects.filter(key="env", value="prod").values_list("execution_id", flat=True)) == {"a", "b"}


@pytest.mark.parametrize("text", ["", "no colon", ":value", "  ,  "])
def test_labels_that_are_none_change_nothing_and_the_dialog_stays(text: str, people: dict[str, User]) -> None:
    data.execution(id="a")
    response = client_of(people["member"]).post("/executions/bulk/labels/", {"id": ["a"], "labels": text}, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert 'id="bulk-error"' in response.content.decode()
    assert Execution.objects.get(id="a").labels == []


def test_a_system_label_is_refused_for_each(people: dict[str, User]) -> None:
    data.execution(id="a")
    page = asked(client_of(people["member"]), "labels", {"id": "a", "labels": "system.x:1"})
    assert "System labels can only be set by Kestra itself" in page


def test_a_state_is_given_to_those_that_have_ended(people: dict[str, User]) -> None:
    data.flow()
    data.execution("FAILED", id="a")
    data.execution("RUNNING", id="b")
    page = asked(client_of(people["member"]), "change-status", {"id": ["a", "b"], "status": "SUCCESS"})
    assert "1\u00a0execution changed, 1 not" in page
    assert dict(Execution.objects.values_list("id", "state")) == {"a": "SUCCESS", "b": "RUNNING"}


@pytest.mark.parametrize("status", ["", "RUNNING", "NONSENSE"])
def test_a_state_in_which_nothing_ends_is_refused(status: str, people: dict[str, User]) -> None:
    data.execution("FAILED", id="a")
    assert client_of(people["member"]).post("/executions/bulk/change-status/", {"id": "a", "status": status}).status_code == 422
    assert Execution.objects.get().state == "FAILED"


@pytest.mark.parametrize(("asked_for", "revision"), [("same", 1), ("newest", 2)])
def test_a_replay_has_the_revision_that_was_asked_for(asked_for: str, revision: int, people: dict[str, User]) -> None:
    source = "id: shop\nnamespace: company.team\ntasks:\n  - {id: say, type: io.kestra.plugin.core.log.Log, message: one}\n"
    flow_services.create(user=people["owner"], source=source)
    flow_services.update(user=people["owner"], namespace="company.team", flow_id="shop", source=source.replace("one", "two"))
    data.execution(id="a")
    page = asked(client_of(people["member"]), "replay", {"id": "a", "revision": asked_for})
    assert "1\u00a0execution replayed" in page
    assert Execution.objects.exclude(id="a").get().flow_revision == revision


def test_killing_many_ends_each(people: dict[str, User]) -> None:
    source = "id: shop\nnamespace: company.team\ntasks:\n  - {id: wait, type: io.kestra.plugin.core.flow.Pause}\n"
    flow_services.create(user=people["owner"], source=source)
    for _ in range(3):
        data.execution("CREATED")
    asked(client_of(people["member"]), "kill", {"all": "yes", "query": "state=CREATED"})
    assert set(Execution.objects.values_list("state", flat=True)) <= {"KILLED", "KILLING"}


# --- nonsense ---------------------------------------------------------------------------------------------------------------------------


def test_an_unknown_verb_and_an_empty_choice_are_refused(people: dict[str, User]) -> None:
    member = client_of(people["member"])
    for method in (member.get, member.post):
        assert method("/executions/bulk/explode/", {"id": ["x"]}).status_code == 422
        assert method("/executions/bulk/kill/").status_code == 422


@pytest.mark.parametrize("query", ["state=%00", "start=x&end=y", "page=-1", "%%%", "label=:::", "period=7d&q='\"\\"])
def test_nonsense_in_the_query_is_no_error(query: str, people: dict[str, User]) -> None:
    data.execution(id="a")
    fields = {"all": "yes", "query": query, "until": "yesterday"}
    assert client_of(people["member"]).get("/executions/bulk/kill/", fields).status_code in (200, 422)
    assert client_of(people["member"]).post("/executions/bulk/pause/", fields).status_code in (302, 422)


def test_the_way_back_is_the_list_as_it_was(people: dict[str, User]) -> None:
    data.flow()
    data.execution(id="a")
    member = client_of(people["member"])
    response = member.post("/executions/bulk/pause/", {"id": "a", "query": "state=SUCCESS&page=2"})
    assert response["Location"] == "/executions/?state=SUCCESS&page=2"
    response = member.post("/executions/bulk/delete/", {"id": "a", "query": "page=2", "namespace": "company.team", "flow": "shop"})
    assert response["Location"] == "/flows/company.team/shop/executions/"
