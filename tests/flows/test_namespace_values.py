"""The pages of a namespace's variables and plugin defaults: what is written, what is refused, what is inherited."""

from __future__ import annotations

import pytest
from django.test import Client

from engine.expressions import render
from executions.namespace_variables import NamespaceVariables
from flows.views.namespace_values import read_defaults, read_variables
from namespaces.models import Namespace, User
from tests import builders
from ui.errors import Invalid

pytestmark = pytest.mark.django_db
VARIABLES, DEFAULTS = "/namespaces/company.team/variables/", "/namespaces/company.team/plugin-defaults/"


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_an_owner_writes_variables_that_flows_below_read(people: dict[str, User]) -> None:
    answer = signed_in(people["owner"]).post(VARIABLES, {"text": "region: eu\nlimits: {rows: 5}\n"})
    assert (answer.status_code, answer["Location"]) == (302, VARIABLES)
    assert render("{{ namespace.limits.rows }}", {"namespace": NamespaceVariables("company.team.below")}) == "5"


@pytest.mark.parametrize("who", ["member", "reader"])
def test_whoever_is_no_owner_reads_only(people: dict[str, User], who: str) -> None:
    client = signed_in(people[who])
    assert client.post(VARIABLES, {"text": "a: b"}).status_code == 403
    assert "<textarea" not in client.get(VARIABLES).content.decode()
    assert not Namespace.objects.filter(name="company.team").exclude(variables={}).exists()


def test_inherited_values_say_where_they_are_said(people: dict[str, User]) -> None:
    Namespace.objects.update_or_create(name="company", defaults={"variables": {"region": "us", "tier": "gold"}})
    Namespace.objects.update_or_create(name="company.team", defaults={"variables": {"region": "eu"}})
    page = signed_in(people["reader"]).get(VARIABLES).content.decode()
    assert "gold" in page
    assert "replaced by a closer one" in page
    assert page.index(">eu<") < page.index(">us<")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "Write a map"),
        ("a: [", "Line "),
        ('"": x', "is no name"),
        ("a: 2026-01-01\na: 2", "Line "),
    ],
)
def test_wrong_variables_come_back_with_what_to_do(people: dict[str, User], text: str, said: str) -> None:
    answer = signed_in(people["owner"]).post(VARIABLES, {"text": text})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    with pytest.raises(Invalid, match=said):
        read_variables(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b", "Write a list"),
        ("- type: io.kestra.plugin.core.log.Log", "expected a map with `type`"),
        ("- {type: no.such.Type, values: {}}", "there is no type no.such.Type"),
        ("- {type: io.kestra.plugin.core.log.Log, values: {colour: x}}", "Log has no property `colour`"),
        ("- {type: io.kestra.plugin.core.log.Log, values: {}, force: true}", "`force` is unknown here"),
        ("- {type: io.kestra.plugin.core.log.Log, values: {}, forced: maybe}", "`forced` is true or false"),
    ],
)
def test_wrong_defaults_come_back_with_what_to_do(people: dict[str, User], text: str, said: str) -> None:
    assert signed_in(people["owner"]).post(DEFAULTS, {"text": text}).status_code == 422
    with pytest.raises(Invalid, match=said):
        read_defaults(text)


def test_defaults_of_a_type_and_of_the_beginning_of_several_are_kept(people: dict[str, User]) -> None:
    text = "- {type: io.kestra.plugin.core.log.Log, forced: true, values: {level: WARN}}\n"
    text += "- {type: io.kestra.plugin.scripts, values: {beforeCommands: []}}"
    assert signed_in(people["owner"]).post(DEFAULTS, {"text": text}).status_code == 302
    assert [one["type"] for one in Namespace.objects.get(name="company.team").plugin_defaults] == [
        "io.kestra.plugin.core.log.Log",
        "io.kestra.plugin.scripts",
    ]
    assert "forced" in signed_in(people["reader"]).get(DEFAULTS).content.decode()
    signed_in(people["owner"]).post(DEFAULTS, {"text": ""})
    assert Namespace.objects.get(name="company.team").plugin_defaults == []
