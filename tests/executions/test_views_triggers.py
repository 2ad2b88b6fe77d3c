"""Pages of triggers: what they show, who may change what, and that reading changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from executions import schedule, triggering
from executions.models import TriggerState
from flows import services
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db(transaction=True)
FLOW = ["company.team", "shop"]
NIGHTLY = [*FLOW, "nightly"]
SOURCE = """id: shop
namespace: company.team
inputs:
  - {id: full, type: BOOLEAN, defaults: false}
  - {id: letter, type: FILE, required: false}
tasks:
  - {id: greet, type: io.kestra.plugin.core.log.Log, message: hello}
triggers:
  - id: nightly
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 6 * * *"
    timezone: Europe/Berlin
    description: before the day begins
  - {id: called, type: io.kestra.plugin.core.trigger.Webhook, key: a-key-that-nobody-reads}
  - {id: heard, type: io.kestra.plugin.core.trigger.Flow, preconditions: {id: p, flows: [{namespace: company.team, flowId: load}]}}
  - {id: asked, type: io.kestra.plugin.core.http.Trigger, uri: "http://127.0.0.1:9", interval: PT30S}
"""


@pytest.fixture
def people() -> dict[str, User]:
    found = builders.people()
    services.create(user=found["owner"], source=SOURCE)
    schedule._following.forget()
    schedule.fire(timezone.now())
    return found


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def shown(people: dict[str, User], name: str, url: str, args: list[str] | None = None, **query: str) -> str:
    answer = signed_in(people[name]).get(reverse(url, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def nightly() -> TriggerState:
    return TriggerState.objects.get(trigger_id="nightly")


@pytest.mark.parametrize(("url", "args"), [("executions:triggers", None), ("executions:flow_triggers", FLOW)])
def test_each_trigger_is_a_row_that_says_when(url: str, args: list[str] | None, people: dict[str, User]) -> None:
    page = shown(people, "reader", url, args)
    for text in (
        "0 6 * * *",
        "Europe/Berlin",
        "before the day begins",
        "a request to its address",
        "after load",
        "every 30\u00a0s",
        "http.Trigger",
    ):
        assert text in page, text
    assert "a-key-that-nobody-reads" not in page
    assert "Next 24 hours" in page
    assert 'role="switch"' not in page
    assert shown(people, "member", url, args).count('role="switch"') == 3  # a webhook has none: it answers whatever it says


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "night"}, True), ({"q": "other"}, False), ({"namespace": "elsewhere"}, False), ({"status": "on"}, True),
        ({"status": "off"}, False), ({"status": "nonsense"}, True),
    ],
)  # fmt: skip
def test_the_list_is_narrowed(query: dict[str, str], found: bool, people: dict[str, User]) -> None:
    assert (reverse("executions:trigger", args=NIGHTLY) in shown(people, "reader", "executions:triggers", **query)) is found


def test_a_stranger_sees_none_of_it(people: dict[str, User]) -> None:
    assert "nightly" not in shown(people, "stranger", "executions:triggers")
    for url, args in (("executions:flow_triggers", FLOW), ("executions:trigger", NIGHTLY), ("executions:backfill", NIGHTLY)):
        assert signed_in(people["stranger"]).get(reverse(url, args=args)).status_code == 404


@pytest.mark.parametrize("verb", ["set", "unlock", "restart", "pause-backfill", "unpause-backfill", "delete-backfill", "backfill"])
def test_only_members_change_a_trigger_and_only_by_post(verb: str, people: dict[str, User]) -> None:
    url = f"{reverse('executions:trigger', args=NIGHTLY)}{verb}/"
    assert signed_in(people["stranger"]).post(url).status_code == 404
    assert signed_in(people["reader"]).post(url).status_code == 403
    if verb != "backfill":
        assert signed_in(people["member"]).get(url).status_code == 405
    assert (nightly().disabled, nightly().backfill) == (False, None)


def test_a_trigger_is_switched_in_place(people: dict[str, User]) -> None:
    url = reverse("executions:set_trigger", args=NIGHTLY)
    client = signed_in(people["member"])
    answer = client.post(url, {"disabled": "true", "query": "q=night"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert 'aria-checked="false"' in answer.content.decode()
    assert 'id="triggers"' in answer.content.decode()
    assert nightly().disabled
    assert client.post(url, {"disabled": "false", "recover": "false"})["Location"] == reverse("executions:flow_triggers", args=FLOW)
    assert (nightly().disabled, nightly().stale) == (False, True)
    assert client.post(f"{reverse('executions:trigger', args=NIGHTLY)}explode/").status_code == 422


def test_a_backfill_is_begun_by_a_form_that_tells_what_it_does(people: dict[str, User]) -> None:
    client = signed_in(people["member"])
    page = client.get(reverse("executions:backfill", args=NIGHTLY), headers={"HX-Request": "true"}).content.decode()
    assert "<dialog" in page
    assert "input.full" in page
    assert "input.letter" not in page
    start = timezone.localtime() - timedelta(days=10)
    form = {"start": start.strftime("%Y-%m-%dT%H:%M"), "end": "", "labels": "why:again", "input.full": "true"}
    told = client.post(reverse("executions:backfill_effect", args=NIGHTLY), form).content.decode()
    assert "10\u00a0executions" in told
    assert nightly().backfill is None
    assert client.post(reverse("executions:backfill", args=NIGHTLY), form).status_code == 302
    made = nightly().backfill
    assert made is not None
    assert (made["inputs"], made["labels"]) == ({"full": "true"}, [{"key": "why", "value": "again"}])
    page = shown(people, "member", "executions:flow_triggers", FLOW)
    assert 'role="progressbar"' in page
    assert "pause-backfill" in page


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "needs a start"),
        ({"start": "soon"}, "Expected a date and time as the start"),
        ({"start": "2020-01-01T00:00", "end": "2019-01-01T00:00"}, "before its end"),
        ({"start": "2020-01-01T10:00", "end": "2020-01-01T11:00"}, "no date between"),
        ({"start": "2020-01-01T00:00", "labels": "nope"}, "key:value"),
    ],
)
def test_a_backfill_that_makes_no_sense_is_refused_with_the_reason(form: dict[str, str], told: str, people: dict[str, User]) -> None:
    answer = signed_in(people["member"]).post(reverse("executions:backfill", args=NIGHTLY), form)
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert nightly().backfill is None


def test_one_trigger_shows_its_dates_its_log_and_what_it_started(people: dict[str, User]) -> None:
    triggering.say(nightly(), "ERROR", "it was not to be")
    row = data.execution(
        trigger={"id": "nightly", "type": "io.kestra.plugin.core.trigger.Schedule", "variables": {"date": "2026-11-24T06:00:00+01:00"}}
    )
    page = shown(people, "reader", "executions:trigger", NIGHTLY)
    for text in ("it was not to be", reverse("executions:detail", args=[row.id]), "2026-11-24T06:00:00+01:00", "before the day begins"):
        assert text in page, text
    assert page.count(":00 UTC") >= 5
    assert signed_in(people["reader"]).get(reverse("executions:trigger", args=[*FLOW, "nope"])).status_code == 404
    assert "it was not to be" in shown(people, "reader", "executions:logs", level="ERROR")
    assert "it was not to be" in shown(people, "reader", "executions:flow_logs", FLOW)
    assert "it was not to be" not in shown(people, "stranger", "executions:logs")


def test_home_says_what_is_next_and_leaves_polling_and_backfills_out(people: dict[str, User]) -> None:
    data.execution()
    page = shown(people, "reader", "home").partition('id="home-next"')[2]
    assert "nightly" in page
    assert "asked" not in page
    due = nightly().next_date
    past = timezone.now() - timedelta(days=3)
    backfill = {"start": past.isoformat(), "end": past.isoformat(), "currentDate": past.isoformat(), "paused": False}
    resume = {**backfill, "previousNextExecutionDate": due.isoformat() if due else None}
    TriggerState.objects.filter(pk=nightly().pk).update(next_date=past, backfill=resume)
    assert shown(people, "reader", "home").partition('id="home-next"')[2].count("nightly") == 1
