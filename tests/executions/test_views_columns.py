"""The columns of the list of executions: offered, chosen, kept with the person."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from executions import columns
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db
ADDRESS = "/executions/columns/"


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def heads(client: Client, address: str = "/executions/") -> list[str]:
    """The heads of the table, without the boxes."""
    page = client.get(address).content.decode()
    return re.findall(r"<th[^>]*>([^<]+)</th>", page)


def test_who_chose_nothing_sees_the_usual_ones(people: dict[str, User]) -> None:
    data.execution()
    assert heads(client_of(people["reader"])) == [
        "State",
        "Execution",
        "What happened",
        "Started",
        "Duration",
        "Started by",
        "Labels",
    ]


def test_a_choice_is_kept_with_the_person_and_is_nobody_elses(people: dict[str, User]) -> None:
    data.flow()
    data.execution()
    reader = client_of(people["reader"])
    assert reader.post(ADDRESS, {"column": ["revision", "inputs", "nonsense"]}).status_code == 302
    assert heads(reader) == ["State", "Execution", "Revision", "Inputs"]
    assert heads(client_of(User.objects.get(pk=people["reader"].pk)), "/flows/company.team/shop/executions/")[2:] == ["Revision", "Inputs"]
    assert "Revision" not in heads(client_of(people["member"]))
    reader.post(ADDRESS, {"usual": "yes"})
    assert "Revision" not in heads(reader)


def test_other_settings_stay(people: dict[str, User]) -> None:
    people["reader"].settings = {"theme": "dark"}
    people["reader"].save()
    client_of(people["reader"]).post(ADDRESS, {"column": "what"})
    assert User.objects.get(pk=people["reader"].pk).settings == {"theme": "dark", columns.SETTING: ["what"]}


def test_no_column_can_be_chosen_too(people: dict[str, User]) -> None:
    data.execution()
    client_of(people["reader"]).post(ADDRESS, {"column": ""})
    assert heads(client_of(people["reader"])) == ["State", "Execution"]


def test_each_column_shows_what_it_says_and_no_secret(people: dict[str, User]) -> None:
    parent = data.execution(id="parent000001")
    data.execution(
        flow_revision=7,
        parent_id=parent.id,
        trigger={"id": "nightly", "type": "io.kestra.plugin.core.trigger.Schedule"},
        labels=[["env", "prod"]],
        inputs={
            "target": "<b>prod</b>",
            "deep": {"inner": 5},
            "token": {"type": "io.kestra.datatype:aes_encrypted", "value": "ciphertext-xyz"},
        },
    )
    member = client_of(people["member"])
    member.post(ADDRESS, {"column": [column.name for column in columns.COLUMNS]})
    for address in ("/executions/", "/executions/?parent=parent000001"):
        page = member.get(address).content.decode()
        assert heads(member, address) == ["State", "Execution", *(column.label for column in columns.COLUMNS)]
        for shown in (
            "nightly",
            '/executions/parent000001/">parent00',
            ">7</td>",
            "<b>deep.inner</b>5",
            "<b>target</b>&lt;b&gt;prod",
            "<b>env</b>prod",
        ):
            assert shown in page
        assert "ciphertext-xyz" not in page


def test_rows_that_are_asked_for_again_have_the_same_columns(people: dict[str, User]) -> None:
    row = data.execution()
    member = client_of(people["member"])
    member.post(ADDRESS, {"column": ["revision"]})
    again = member.get("/executions/rows/", {"id": row.id}).content.decode()
    assert again.count("<td") == 4
    assert 'data-columns="revision"' in again


def test_the_way_back_is_the_list_as_it_was(people: dict[str, User]) -> None:
    data.flow()
    reader = client_of(people["reader"])
    assert reader.post(ADDRESS, {"column": "what", "query": "state=FAILED&q=a b"})["Location"] == "/executions/?state=FAILED&q=a+b"
    sent = {"column": "what", "namespace": "company.team", "flow": "shop"}
    assert reader.post(ADDRESS, sent)["Location"] == "/flows/company.team/shop/executions/"
    followed = reader.post(ADDRESS, sent, headers={"HX-Request": "true"}, follow=True)
    assert followed.content.decode().lstrip().startswith('<form class="panel" id="execution-list"')


def test_what_was_kept_wrongly_is_no_error(people: dict[str, User]) -> None:
    data.execution()
    for kept in ("text", {"a": 1}, [1, None, "what"]):
        people["reader"].settings = {columns.SETTING: kept}
        people["reader"].save()
        assert client_of(people["reader"]).get("/executions/").status_code == 200
