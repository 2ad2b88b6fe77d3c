"""The pages of a flow: what they show, to whom, and what they refuse."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from flows import services
from flows.models import Flow
from namespaces.models import User
from tests import builders

pytestmark = pytest.mark.django_db

SOURCE = """id: hello
namespace: company.team
description: Says hello
inputs:
  - id: who
    type: STRING
    defaults: world
tasks:
  - id: branch
    type: io.kestra.plugin.core.flow.If
    condition: "{{ inputs.who == 'world' }}"
    then:
      - id: greet
        type: io.kestra.plugin.core.log.Log
        message: hello {{ inputs.who }}
errors:
  - id: sorry
    type: io.kestra.plugin.core.log.Log
    message: sorry
"""
READ = ["", "editor/", "topology/", "revisions/"]
WRITE = ["save/", "restore/", "delete/", "disable/", "enable/"]


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people()


@pytest.fixture
def flow(people: dict[str, User]) -> Flow:
    return services.create(user=people["owner"], source=SOURCE)


def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.mark.parametrize("page", READ)
@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("owner", 200), ("member", 200), ("reader", 200), ("stranger", 404)])
def test_whoever_may_read_the_namespace_sees_the_flow(
    client: Client, people: dict[str, User], flow: Flow, page: str, role: str, status: int
) -> None:
    assert signed_in(client, people[role]).get(f"/flows/company.team/hello/{page}").status_code == status


@pytest.mark.parametrize("page", [*READ, *WRITE])
def test_nobody_is_asked_to_sign_in(client: Client, flow: Flow, page: str) -> None:
    answer = client.post(f"/flows/company.team/hello/{page}") if page in WRITE else client.get(f"/flows/company.team/hello/{page}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/signin")


@pytest.mark.parametrize("page", WRITE)
def test_reading_never_changes_anything(client: Client, people: dict[str, User], flow: Flow, page: str) -> None:
    assert signed_in(client, people["owner"]).get(f"/flows/company.team/hello/{page}").status_code == 405
    flow.refresh_from_db()
    assert (flow.revision, flow.deleted, flow.disabled) == (1, False, False)


@pytest.mark.parametrize("page", WRITE)
@pytest.mark.parametrize(("role", "status"), [("reader", 403), ("stranger", 404)])
def test_only_members_change_a_flow(client: Client, people: dict[str, User], flow: Flow, page: str, role: str, status: int) -> None:
    answer = signed_in(client, people[role]).post(
        f"/flows/company.team/hello/{page}", {"source": SOURCE.replace("Says", "Cries"), "number": "1"}
    )
    assert answer.status_code == status
    flow.refresh_from_db()
    assert (flow.revision, flow.deleted, flow.disabled) == (1, False, False)


def test_the_overview_names_inputs_tasks_and_the_errors_branch(client: Client, people: dict[str, User], flow: Flow) -> None:
    text = signed_in(client, people["reader"]).get("/flows/company.team/hello/").content.decode()
    for part in ("Says hello", "who", "branch", "greet", "sorry", "then"):
        assert part in text


def test_the_topology_draws_every_task(client: Client, people: dict[str, User], flow: Flow) -> None:
    text = signed_in(client, people["reader"]).get("/flows/company.team/hello/topology/").content.decode()
    for part in (">branch<", ">greet<", ">sorry<"):
        assert part in text


def test_saving_makes_a_revision(client: Client, people: dict[str, User], flow: Flow) -> None:
    answer = signed_in(client, people["member"]).post(
        "/flows/company.team/hello/save/",
        {"source": SOURCE.replace("Says", "Cries"), "revision": "1"},
        headers={"Accept": "application/json"},
    )
    assert answer.json() == {"url": "/flows/company.team/hello/editor/", "revision": 2, "created": False}
    assert Flow.objects.get().description == "Cries hello"


def test_an_invalid_flow_is_not_saved_and_says_where(client: Client, people: dict[str, User], flow: Flow) -> None:
    broken = SOURCE.replace("message: hello", "mesage: hello")
    answer = signed_in(client, people["member"]).post(
        "/flows/company.team/hello/save/", {"source": broken}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 422
    (problem,) = [one for one in answer.json()["problems"] if "mesage" in one["message"]]
    assert problem["line"] == broken.split("\n").index("        mesage: hello {{ inputs.who }}") + 1
    assert Flow.objects.get().revision == 1
    page = client.post("/flows/company.team/hello/save/", {"source": broken})
    assert page.status_code == 422
    assert "mesage: hello" in page.content.decode()


def test_a_save_over_someone_elses_is_refused_until_it_is_meant(client: Client, people: dict[str, User], flow: Flow) -> None:
    services.update(user=people["owner"], namespace="company.team", flow_id="hello", source=SOURCE.replace("Says", "Whispers"))
    mine = {"source": SOURCE.replace("Says", "Cries"), "revision": "1"}
    answer = signed_in(client, people["member"]).post("/flows/company.team/hello/save/", mine, headers={"Accept": "application/json"})
    assert answer.status_code == 409
    assert "Owner saved revision 2" in answer.json()["conflict"]
    assert Flow.objects.get().description == "Whispers hello"
    again = client.post("/flows/company.team/hello/save/", mine | {"overwrite": "yes"}, headers={"Accept": "application/json"})
    assert again.json()["revision"] == 3


def test_a_new_flow_is_created_where_one_is_a_member(client: Client, people: dict[str, User]) -> None:
    member = signed_in(client, people["member"])
    assert "namespace: company.team" in member.get("/flows/new/").content.decode()
    assert member.post("/flows/new/", {"source": SOURCE}).status_code == 302
    assert Flow.objects.get().flow_id == "hello"


def test_a_stranger_creates_nothing_in_a_namespace_of_others(client: Client, people: dict[str, User]) -> None:
    assert signed_in(client, people["stranger"]).post("/flows/new/", {"source": SOURCE}).status_code == 404
    assert not Flow.objects.exists()


def test_revisions_stand_side_by_side_and_one_is_restored(client: Client, people: dict[str, User], flow: Flow) -> None:
    services.update(user=people["owner"], namespace="company.team", flow_id="hello", source=SOURCE.replace("Says", "Cries"))
    owner = signed_in(client, people["owner"])
    text = owner.get("/flows/company.team/hello/revisions/").content.decode()
    assert "description: Says hello" in text
    assert "description: Cries hello" in text
    assert owner.post("/flows/company.team/hello/restore/", {"number": "1"}).status_code == 302
    flow.refresh_from_db()
    assert (flow.revision, flow.description) == (3, "Says hello")


@pytest.mark.parametrize("asked", ["?to=9", "?to=x", "?from=-1", "?to=1&from=99999999999999999999"])
def test_an_unknown_revision_is_an_answer_not_a_crash(client: Client, people: dict[str, User], flow: Flow, asked: str) -> None:
    assert signed_in(client, people["owner"]).get(f"/flows/company.team/hello/revisions/{asked}").status_code in (404, 422)


def test_a_deleted_flow_comes_back_by_undo(client: Client, people: dict[str, User], flow: Flow) -> None:
    owner = signed_in(client, people["owner"])
    assert owner.post("/flows/company.team/hello/delete/").status_code == 302
    assert owner.get("/flows/company.team/hello/").status_code == 404
    assert owner.post("/flows/company.team/hello/restore/?number=1").status_code == 302
    assert owner.get("/flows/company.team/hello/").status_code == 200


def test_problems_are_told_while_typing(client: Client, people: dict[str, User]) -> None:
    answer = signed_in(client, people["reader"]).post("/flows/validate/", {"source": "id: a\nnamespace: b\ntasks: ["})
    assert answer.json()["problems"][0]["line"] >= 3
    assert client.post("/flows/validate/", {"source": SOURCE}).json()["problems"] == []


def test_formatting_indents_and_keeps_comments(client: Client, people: dict[str, User]) -> None:
    messy = "id: a\nnamespace: b\ntasks:\n- id: x  # first\n  type: 'y'\n"
    answer = signed_in(client, people["reader"]).post("/flows/format/", {"source": messy}).json()
    assert answer["source"] == "id: a\nnamespace: b\ntasks:\n  - id: x # first\n    type: 'y'\n"
    assert client.post("/flows/format/", {"source": "a: ["}).json()["source"] is None


def test_every_type_has_a_page_and_stands_in_the_editors_schema(client: Client, people: dict[str, User]) -> None:
    reader = signed_in(client, people["reader"])
    schema = json.loads(reader.get("/flows/schema.json").content)
    assert "commands" in schema["types"]["io.kestra.plugin.dbt.cli.DbtCLI"]["properties"]
    listed = reader.get("/plugins/").content.decode()
    for type_ in schema["types"]:
        assert f"/plugins/{type_}/" in listed
        assert reader.get(f"/plugins/{type_}/").status_code == 200
    assert reader.get("/plugins/io.kestra.plugin.core.log.Nope/").status_code == 404


def test_an_unknown_property_is_told_in_plain_words_with_its_fix(client: Client, people: dict[str, User]) -> None:
    broken = SOURCE.replace("message: hello", "mesage: hello")
    answer = signed_in(client, people["reader"]).post("/flows/validate/", {"source": broken}).json()
    told = {one["message"]: one.get("fix") for one in answer["problems"]}
    assert told["Unknown property mesage of Log. Did you mean message?"] == {"replace": "mesage", "with": "message"}
