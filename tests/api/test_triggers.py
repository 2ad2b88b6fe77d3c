"""Triggers over HTTP: searched, switched, unlocked, backfilled, alone and together, in the shapes that Kestra's clients know."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from executions import schedule, triggering
from executions.models import Execution, LogLine, TriggerState
from flows import services
from namespaces.services import secrets as secret_services
from tests.executions import page_data

ROOT = "/api/v1/main/triggers"
NAMED = {"namespace": "company.team", "flowId": "shop", "triggerId": "nightly"}
NOPE = {**NAMED, "triggerId": "nope"}


@pytest.fixture
def api(asked_by: Callable[[str], Client], shop: Execution) -> Client:
    schedule._following.forget()
    schedule.fire(timezone.now())
    return asked_by("member")


def ask(client: Client, method: str, path: str, body: Any = None) -> Any:
    answer = client.generic(method, ROOT + path, "" if body is None else json.dumps(body), "application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def status(client: Client, method: str, path: str, body: Any = None) -> tuple[int, str]:
    answer = client.generic(method, ROOT + path, "" if body is None else json.dumps(body), "application/json")
    return answer.status_code, answer.json().get("message", "") if answer.content else ""


def row() -> TriggerState:
    return TriggerState.objects.get(trigger_id="nightly")


def test_a_search_tells_declaration_and_state(api: Client) -> None:
    found = ask(api, "GET", "/search?namespace=company")
    assert found["total"] == 1  # a webhook has no date: Kestra keeps no state of it
    (one,) = found["results"]
    assert one["abstractTrigger"] == one["trigger"]
    assert one["abstractTrigger"] == {"id": "nightly", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "0 6 * * *"}
    state = one["triggerContext"]
    assert one["state"] == state
    assert (state["namespace"], state["flowId"], state["triggerId"], state["disabled"]) == ("company.team", "shop", "nightly", False)
    assert state["nextExecutionDate"] == state["nextEvaluationDate"]
    assert state["nextExecutionDate"].endswith("T06:00:00Z")
    assert (state["kind"], state["locked"]) == ("SCHEDULE", False)
    assert state["date"].startswith(row().updated.strftime("%Y-%m-%dT%H:%M:%S"))
    assert "lastTriggeredDate" not in state
    assert ask(api, "GET", "/company.team/shop")["results"] == [state]


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("q=night", 1), ("q=day", 0), ("flowId=shop", 1), ("namespace=comp", 0), ("filters[namespace][PREFIX]=company", 1),
        ("filters[flowId][EQUALS]=other", 0), ("filters[triggerId][IN]=nightly,daily", 1), ("filters[triggerState][EQUALS]=DISABLED", 0),
        ("filters[startDate][EQUALS]=2020-01-01T00:00:00Z", 1), ("filters[endDate][EQUALS]=2020-01-01T00:00:00Z", 0),
        ("dateFilter=LAST_TRIGGERED_DATE&filters[startDate][EQUALS]=2020-01-01T00:00:00Z", 0), ("sort=nextExecutionDate:desc", 1),
    ],
)  # fmt: skip
def test_a_search_is_narrowed(query: str, total: int, api: Client) -> None:
    assert ask(api, "GET", f"/search?{query}")["total"] == total


@pytest.mark.parametrize("query", ["dateFilter=NOW", "sort=color:asc", "filters[color][EQUALS]=red", "page=0"])
def test_nonsense_is_refused(query: str, api: Client) -> None:
    assert status(api, "GET", f"/search?{query}")[0] == 422


def test_a_list_is_exported(api: Client) -> None:
    answer = api.get(f"{ROOT}/export/by-query/csv?filters[namespace][PREFIX]=company")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0].startswith("namespace,flowId,triggerId,type,date,nextExecutionDate")
    assert lines[1].startswith("company.team,shop,nightly,io.kestra.plugin.core.trigger.Schedule,")


def test_a_trigger_is_switched(api: Client) -> None:
    due = row().next_date
    assert ask(api, "PUT", "", {**NAMED, "disabled": True})["disabled"] is True
    assert ask(api, "PUT", "/set-disabled", {**NAMED, "disabled": False})["disabled"] is False
    assert row().next_date == due
    ask(api, "PUT", "/set-disabled", {**NAMED, "disabled": True})
    ask(api, "PUT", "/set-disabled", {**NAMED, "disabled": False, "recoverMissedSchedules": False})
    assert (row().next_date, row().stale) == (None, True)
    assert ask(api, "POST", "/set-disabled/by-triggers", {"triggers": [NAMED], "disabled": True}) == {"count": 1}
    assert ask(api, "POST", "/set-disabled/by-query?disabled=false&filters[namespace][PREFIX]=company") == {"count": 1}
    assert ask(api, "POST", "/set-disabled/by-query?disabled=true&filters[namespace][PREFIX]=elsewhere") == {"count": 0}
    assert not row().disabled


def test_a_locked_trigger_is_unlocked(api: Client) -> None:
    path = "/company.team/shop/nightly"
    assert status(api, "POST", f"{path}/unlock")[0] == 409
    waited = page_data.execution(state="RUNNING")
    for unlock in (lambda: ask(api, "POST", f"{path}/unlock"), lambda: ask(api, "POST", "/unlock/by-triggers", [NAMED]),
                   lambda: ask(api, "POST", "/unlock/by-query?q=night"), lambda: ask(api, "POST", f"{path}/restart")):  # fmt: skip
        TriggerState.objects.filter(trigger_id="nightly").update(execution_id=waited.id)
        told = ask(api, "GET", "/search")["results"][0]["triggerContext"]
        assert (told["executionId"], told["locked"]) == (waited.id, True)
        unlock()
        assert row().execution_id == ""
    assert ask(api, "POST", "/unlock/by-triggers", [NAMED]) == {"count": 0}


def test_a_trigger_is_forgotten(api: Client) -> None:
    for act in (lambda: api.delete(f"{ROOT}/company.team/shop/nightly"), lambda: ask(api, "DELETE", "/delete/by-triggers", [NAMED]),
                lambda: ask(api, "DELETE", "/delete/by-query", {"filters": [{"field": "FLOW_ID", "operation": "EQUALS", "value": "shop"}]}),
                lambda: ask(api, "DELETE", "/delete/by-query?filters[flowId][EQUALS]=shop")):  # fmt: skip
        TriggerState.objects.filter(trigger_id="nightly").update(disabled=True)
        act()
        assert (row().disabled, row().stale) == (False, True)


def test_a_backfill_is_begun_paused_and_ended(api: Client) -> None:
    start = datetime.now(UTC) - timedelta(days=3)
    asked = {"start": start.isoformat(), "labels": [{"key": "a", "value": "b"}], "inputs": {"who": "again"}}
    told = ask(api, "PUT", "/backfill/create", {**NAMED, "backfill": asked})["backfill"]
    assert (told["paused"], told["labels"], told["inputs"]) == (False, [{"key": "a", "value": "b"}], {"who": "again"})
    assert {"start", "end", "currentDate", "previousNextExecutionDate"} <= told.keys()
    assert told["currentDate"].endswith("T06:00:00Z")
    assert ask(api, "PUT", "/backfill/pause", NAMED)["backfill"]["paused"] is True
    assert ask(api, "PUT", "/backfill/unpause", NAMED)["backfill"]["paused"] is False
    assert ask(api, "POST", "/backfill/pause/by-triggers", [NAMED]) == {"count": 1}
    assert ask(api, "POST", "/backfill/unpause/by-query?q=nightly") == {"count": 1}
    assert ask(api, "POST", "/backfill/pause/by-query?q=nightly") == {"count": 1}
    assert ask(api, "POST", "/backfill/unpause/by-triggers", [NAMED]) == {"count": 1}
    assert "backfill" not in ask(api, "POST", "/backfill/delete", NAMED)
    assert status(api, "POST", "/backfill/delete", NAMED)[0] == 409
    ask(api, "PUT", "", {**NAMED, "backfill": {"start": start.isoformat(), "end": datetime.now(UTC).isoformat()}})
    assert ask(api, "POST", "/backfill/delete/by-triggers", [NAMED]) == {"count": 1}
    assert ask(api, "POST", "/backfill/delete/by-query") == {"count": 0}


def test_one_request_switches_and_begins_a_backfill(api: Client) -> None:
    start = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    ask(api, "PUT", "", {**NAMED, "disabled": True})
    told = ask(api, "PUT", "", {**NAMED, "disabled": False, "backfill": {"start": start}})
    assert (told["disabled"], "backfill" in told) == (False, True)
    begun = row().backfill
    again = ask(api, "PUT", "", {**NAMED, "disabled": True, "backfill": told["backfill"]})
    assert (again["disabled"], row().backfill) == (True, begun)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", None), ("PUT", "", []), ("PUT", "", NAMED), ("PUT", "/set-disabled", {**NAMED, "disabled": "yes"}),
        ("PUT", "/backfill/create", NAMED), ("PUT", "/backfill/create", {**NAMED, "backfill": {"start": "yesterday"}}),
        ("PUT", "/backfill/create", {**NAMED, "backfill": {"start": "2990-01-01T00:00:00Z"}}),
        ("PUT", "/backfill/create", {**NAMED, "backfill": {"start": "2020-01-01T00:00:00Z", "inputs": ["a"]}}),
        ("PUT", "/backfill/create", {**NAMED, "triggerId": "called", "backfill": {"start": "2020-01-01T00:00:00Z"}}),
        ("POST", "/set-disabled/by-triggers", {"disabled": True}), ("POST", "/unlock/by-triggers", {"a": 1}),
        ("DELETE", "/delete/by-query", {"filters": [{"field": "color", "operation": "EQUALS", "value": "red"}]}),
    ],
)  # fmt: skip
def test_a_body_that_makes_no_sense_is_refused(method: str, path: str, body: Any, api: Client) -> None:
    assert status(api, method, path, body)[0] == 422


@pytest.mark.parametrize(
    ("path", "body"),
    [("/unlock/by-triggers", [NAMED, NOPE]), ("/backfill/pause/by-triggers", [NOPE]),
     ("/set-disabled/by-triggers", {"triggers": [NAMED, NOPE], "disabled": True})],
)  # fmt: skip
def test_of_several_nothing_is_done_where_one_is_missing(path: str, body: Any, api: Client) -> None:
    answer = api.generic("POST", ROOT + path, json.dumps(body), "application/json")
    assert answer.status_code == 400
    assert [one["message"] for one in answer.json()["invalids"]] == ["trigger not found"]
    assert not row().disabled


@pytest.mark.parametrize(("name", "code"), [("stranger", 404), ("reader", 403)])
def test_who_may_not_changes_nothing(name: str, code: int, api: Client, asked_by: Callable[[str], Client]) -> None:
    for method, path in (("PUT", "/backfill/pause"), ("PUT", "/backfill/unpause"), ("POST", "/backfill/delete")):
        assert status(asked_by(name), method, path, NAMED)[0] == code
    for path in ("/set-disabled/by-query", "/unlock/by-query", "/backfill/delete/by-query"):
        assert ask(asked_by(name), "POST", path) == {"count": 0}
    assert ask(asked_by(name), "DELETE", "/delete/by-query") == {"count": 0}
    assert (row().disabled, row().stale) == (False, False)


# --- log lines --------------------------------------------------------------------------------------------------------------------


def test_the_lines_of_a_trigger_are_found(api: Client, asked_by: Callable[[str], Client]) -> None:
    triggering.say(row(), "ERROR", "the door is shut")
    found = api.get("/api/v1/main/logs/search?triggerId=nightly").json()["results"]
    (line,) = [one for one in found if "executionId" not in one]
    assert (line["namespace"], line["flowId"], line["triggerId"], line["level"]) == ("company.team", "shop", "nightly", "ERROR")
    assert line["message"] == "the door is shut"
    for query in ("q=door", "namespace=company&minLevel=ERROR&q=shut", "flowId=shop&q=door", "filters[triggerId][EQUALS]=nightly&q=door"):
        assert api.get(f"/api/v1/main/logs/search?{query}").json()["total"] == 1, query
    assert asked_by("stranger").get("/api/v1/main/logs/search?q=door").json()["total"] == 0
    assert api.delete("/api/v1/main/logs/company.team/shop?triggerId=nightly").status_code == 200
    assert api.get("/api/v1/main/logs/search?q=door").json()["total"] == 0


# --- webhooks ---------------------------------------------------------------------------------------------------------------------

HOOK = """id: hooked
namespace: company.team
labels: {team: data}
inputs:
  - {id: who, type: STRING, defaults: nobody}
tasks:
  - {id: greet, type: io.kestra.plugin.core.log.Log, message: hello}
triggers:
  - id: called
    type: io.kestra.plugin.core.trigger.Webhook
    key: "  {{ 'open' }} "
    disabled: true
    inputs: {who: "{{ trigger.body.who ?? 'someone' }}"}
    conditions:
      - type: io.kestra.plugin.core.condition.Expression
        expression: "{{ trigger.body.branch == 'main' and trigger.parameters.a[0] == '1' }}"
"""


@pytest.mark.parametrize(
    ("body", "query", "code"),
    [({"branch": "main", "who": "me"}, "?a=1", 200), ({"branch": "dev"}, "?a=1", 204), ({"branch": "main"}, "?a=2", 204), ({}, "", 204)],
)
def test_a_webhook_starts_its_flow_where_its_conditions_hold(body: Any, query: str, code: int, api: Client) -> None:
    services.create(user=None, source=HOOK)
    answer = Client().post(f"/api/v1/main/executions/webhook/company.team/hooked/open{query}", json.dumps(body), "application/json")
    assert answer.status_code == code, answer.content
    made = Execution.objects.filter(flow_id="hooked")
    if code == 204:
        assert (answer.content, made.count()) == (b"", 0)
    else:
        assert (made.get().inputs, made.get().labels) == ({"who": "me"}, [["team", "data"]])
        assert TriggerState.objects.get(flow_id="hooked").last_execution_id == made.get().id


SIGNED_HOOK = """id: signed
namespace: company.team
tasks:
  - {id: greet, type: io.kestra.plugin.core.log.Log, message: hello}
triggers:
  - id: pushed
    type: io.kestra.plugin.core.trigger.Webhook
    key: known
    signature: {type: %s, secret: "{{ secret('HOOK') }}"}
"""
PUSH = b'{"ref": "refs/heads/main", "note": "\xc3\xa9"}'
HMAC = hmac.new(b"both-know-it", PUSH, hashlib.sha256).hexdigest()
RIGHT = {
    "GITHUB": ("X-Hub-Signature-256", f"sha256={HMAC}"),
    "BITBUCKET": ("X-Hub-Signature", f"sha256={HMAC}"),
    "GITEA": ("X-Gitea-Signature", HMAC),
    "GITLAB": ("X-Gitlab-Token", "both-know-it"),
}


def signed_call(header: str, value: str) -> Any:
    path = "/api/v1/main/executions/webhook/company.team/signed/known"
    return Client().post(path, PUSH, "application/json", headers={header: value} if header else {})


@pytest.mark.parametrize("type_", RIGHT)
def test_only_who_signs_starts_a_signed_webhook(type_: str, api: Client) -> None:
    services.create(user=None, source=SIGNED_HOOK % type_)
    secret_services.put(user=None, namespace="company.team", key="HOOK", value="both-know-it")
    header, value = RIGHT[type_]
    for wrong in (("", ""), (header, ""), (header, value[:-1]), (header, "sha256=" + "0" * 64), (header, "é"), ("X-Other", value)):
        answer = signed_call(*wrong)
        assert answer.status_code == 401, (wrong, answer.content)
        assert b"not signed" in answer.content
    assert Execution.objects.filter(flow_id="signed").count() == 0
    said = [line.message for line in LogLine.objects.filter(trigger__flow_id="signed")]
    assert [any(part in line for line in said) for part in ("missing", "does not fit", "both-know-it")] == [True, True, False]

    assert signed_call(header, value).status_code == 200
    made = Execution.objects.get(flow_id="signed")
    assert "both-know-it" not in json.dumps(made.trigger)


def test_a_signed_webhook_without_its_secret_lets_nobody_in(api: Client) -> None:
    services.create(user=None, source=SIGNED_HOOK % "GITHUB")
    empty = hmac.new(b"", PUSH, hashlib.sha256).hexdigest()
    assert signed_call("X-Hub-Signature-256", f"sha256={empty}").status_code == 401
    line = LogLine.objects.get(trigger__flow_id="signed")
    assert "secrets of the namespace" in line.message
