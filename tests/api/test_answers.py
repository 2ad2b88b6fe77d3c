"""Answers and errors have the shapes that Kestra's clients know."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from executions.models import Execution
from flows.models import Revision
from tests.executions import page_data

ROOTS = ("/api/v1/", "/api/v1/main/")


@pytest.fixture
def api(asked_by: Callable[[str], Client]) -> Client:
    return asked_by("member")


@pytest.mark.parametrize("root", ROOTS)
def test_a_flow_is_told_with_its_labels_inputs_and_source(root: str, api: Client, shop: Execution) -> None:
    found = api.get(f"{root}flows/company.team/shop?source=true").json()
    assert found["labels"] == [{"key": "team", "value": "data"}]
    assert found["inputs"][0] == {"id": "who", "type": "STRING", "required": True, "defaults": "nobody"}
    assert (found["revision"], found["disabled"], found["deleted"]) == (1, False, False)
    assert found["source"].startswith("id: shop\n")
    assert "description" not in found


def test_an_execution_is_told_with_its_task_runs(api: Client, shop: Execution) -> None:
    found = api.get(f"/api/v1/executions/{shop.id}").json()
    assert (found["flowId"], found["state"]["current"], found["originalId"], found["deleted"]) == ("shop", "SUCCESS", shop.id, False)
    assert [moment["state"] for moment in found["state"]["histories"]] == ["CREATED", "RUNNING", "SUCCESS"]
    assert found["state"]["duration"] == "PT10S"
    run = found["taskRunList"][0]
    assert (run["taskId"], run["outputs"], run["attempts"][0]["state"]["current"]) == ("greet", {}, "SUCCESS")
    assert found["metadata"]["attemptNumber"] == 1


def test_log_lines_are_listed_by_level_and_downloaded(api: Client, shop: Execution) -> None:
    lines = api.get(f"/api/v1/logs/{shop.id}").json()
    assert [(line["level"], line["message"], line["taskId"]) for line in lines] == [
        ("INFO", "hello nobody", "greet"),
        ("ERROR", "it broke", "greet"),
    ]
    assert [line["message"] for line in api.get(f"/api/v1/logs/{shop.id}?minLevel=ERROR").json()] == ["it broke"]
    answer = api.get(f"/api/v1/logs/{shop.id}/download")
    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines()[1].endswith("Z ERROR it broke")
    assert answer["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("namespace=company", 1), ("namespace=comp", 0), ("flowId=shop", 1), ("state=FAILED", 0), ("q=sho", 1),
        ("state=FAILED,SUCCESS", 1), ("filters[state][CONTAINS]=CCES", 1), ("sort=state.duration:desc", 1),
        ("state=FAILED&state=SUCCESS", 1),
        ("filters[namespace][PREFIX]=company", 1), ("filters[namespace][EQUALS]=company", 0), ("filters[state][NOT_IN]=FAILED,KILLED", 1),
        ("filters[state][IN]=FAILED,SUCCESS", 1), ("filters[or][0][flowId][EQUALS]=none&filters[or][1][flowId][STARTS_WITH]=sh", 1),
        ("filters[and][0][flowId][EQUALS]=none&filters[and][1][flowId][STARTS_WITH]=sh", 0), ("filters[labels][EQUALS][team]=data", 0),
        ("filters[startDate][GREATER_THAN]=2100-01-01T00:00:00Z", 0), ("childFilter=MAIN", 1), ("childFilter=CHILD", 0),
    ],
)  # fmt: skip
def test_executions_are_searched_by_parameters_and_filters(query: str, count: int, api: Client, shop: Execution) -> None:
    assert api.get(f"/api/v1/executions/search?{query}").json()["total"] == count


@pytest.mark.parametrize(
    "query",
    [
        "filters[nope][EQUALS]=1",
        "state=DONE",
        "state=SUCCESS,DONE",
        "filters[state][EQUALS]=DONE",
        "filters[state][NOT_IN]=DONE",
        "childFilter=AUNT",
        "filters[state][NOPE]=1",
        "filters[q][REGEX]=(a%2B)%2B",
        "labels=a",
        "startDate=x",
        "startDate=0001-01-01T00:01:00Z",
        "endDate=9999-12-31T23:59:59Z",
        "timeRange=x",
        "page=0",
        "sort=x:up",
        "page=x",
    ],
)
def test_a_search_that_says_nothing_sensible_is_refused(query: str, api: Client, shop: Execution) -> None:
    answer = api.get(f"/api/v1/executions/search?{query}")
    assert answer.status_code == 422
    assert answer.json()["message"]


RELATIVE = "Illegal argument: File should be accessed with their full path and not using relative '..' path."
ERRORS: list[tuple[str, str, str, int, str]] = [
    ("GET", "flows/company.team/none", "", 404, "Not Found"),
    ("POST", "executions/company.team/none", "", 404, "Not Found: Requested Flow is not found."),
    ("POST", "executions/{id}/resume", "", 409, "Illegal state: Execution '{id}' is not paused, can't resume it"),
    ("POST", "executions/{id}/restart", "", 422, "Illegal argument: No task found to restart execution from!"),
    ("DELETE", "executions/{id}/kill?isOnKillCascade=false", "", 409, "Illegal state: Execution is already finished, can't kill it"),
    ("GET", "namespaces/company.team/kv/none", "", 404, "Not Found: No value found for key 'none' in namespace 'company.team'"),
    ("GET", "namespaces/company.team/files?path=/../x", "", 422, RELATIVE),
    ("PUT", "namespaces/company.team/kv/a", "9" * 9000, 422, "Illegal argument: Invalid JSON value for: " + "9" * 200),
    ("PUT", "namespaces/company.team/kv/a", "1d9999999", 422, "Illegal argument: A number has at most 400 digits."),
    ("PUT", "namespaces/company.team/kv/a", "not json {", 422, "Illegal argument: Invalid JSON value for: not json {"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "message"), ERRORS)
def test_an_error_has_kestras_words(method: str, path: str, body: str, status: int, message: str, api: Client, shop: Execution) -> None:
    answer = api.generic(method, "/api/v1/" + path.replace("{id}", shop.id), body, "text/plain" if body else "")
    told = answer.json()
    assert (answer.status_code, told["message"]) == (status, message.replace("{id}", shop.id))
    assert {"logref", "path", "_links", "_embedded"} <= set(told)


def test_a_flow_that_is_there_already_is_refused(api: Client, shop: Execution) -> None:
    source = api.get("/api/v1/flows/company.team/shop?source=true").json()["source"]
    answer = api.generic("POST", "/api/v1/flows", source, "application/x-yaml")
    assert (answer.status_code, answer.json()["message"]) == (422, "Invalid entity: flow.id: Flow id already exists")
    assert answer.json()["_embedded"]["errors"][0]["path"] == "flow.id"


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_inputs_come_as_multipart_or_not_at_all(kind: str, api: Client, shop: Execution) -> None:
    answer = api.generic("POST", "/api/v1/executions/company.team/shop", '{"who": "x"}', kind)
    assert answer.status_code == 415
    assert Execution.objects.count() == 1


def test_a_bulk_operation_with_an_unknown_id_does_nothing(api: Client, shop: Execution) -> None:
    answer = api.generic("DELETE", "/api/v1/executions/by-ids", json.dumps([shop.id, "nope"]), "application/json")
    assert (answer.status_code, answer.json()["message"]) == (400, "invalid bulk delete")
    assert [(one["message"], one["invalidValue"]) for one in answer.json()["invalids"]] == [("execution not found", "nope")]
    assert Execution.objects.filter(id=shop.id).exists()


def test_a_started_execution_takes_inputs_and_labels(api: Client, shop: Execution) -> None:
    answer = api.post("/api/v1/main/executions/company.team/shop?labels=k:v", {"who": "world"})
    told: dict[str, Any] = answer.json()
    assert answer.status_code == 200, told
    assert told["inputs"] == {"who": "world"}
    assert told["labels"][:2] == [{"key": "team", "value": "data"}, {"key": "k", "value": "v"}]
    assert told["url"].endswith(f"/ui/executions/company.team/shop/{told['id']}")


def test_who_begins_an_execution_is_told_its_beginning(api: Client, shop: Execution) -> None:
    for path in ("executions/company.team/shop", "executions/trigger/company.team/shop", "executions/webhook/company.team/shop/open2"):
        told = api.post(f"/api/v1/{path}").json()
        assert (told["state"]["current"], len(told["state"]["histories"]), "endDate" in told["state"]) == ("CREATED", 1, False), path
        assert not {"taskRunList", "outputs"} & set(told)
        assert "url" in told
    for path in ("replay", "actions/replay"):
        told = api.post(f"/api/v1/executions/{shop.id}/{path}").json()
        assert (told["state"]["current"], told["taskRunList"], told["parentId"]) == ("CREATED", [], shop.id)
    page_data.task_run(shop, "again", state="FAILED")
    Execution.objects.filter(id=shop.id).update(state="FAILED", histories=[*shop.histories[:2], ["FAILED", shop.histories[2][1]]])
    told = api.post(f"/api/v1/executions/{shop.id}/restart").json()
    assert [one["state"] for one in told["state"]["histories"]] == ["CREATED", "RUNNING", "FAILED", "RESTARTED"]
    assert {run["taskId"] for run in told["taskRunList"]} == {"greet", "again"}
    assert told["metadata"]["attemptNumber"] == 2


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("name", ["state", "labels", "restart", "eval"])
def test_a_flow_may_be_called_like_an_action(name: str, root: str, api: Client, shop: Execution) -> None:
    source = f"id: {name}\nnamespace: company.team\ninputs: [{{id: state, type: STRING}}]\n"
    source += "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: m}]\n"
    assert api.post(f"{root}flows", source, content_type="application/x-yaml").status_code == 200
    answer = api.post(f"{root}executions/company.team/{name}?labels=a:b", {"state": "new"})
    assert (answer.status_code, answer.json()["flowId"], answer.json()["inputs"]) == (200, name, {"state": "new"})
    assert api.post(f"{root}executions/{shop.id}/{name}").status_code != 404
    assert api.post(f"{root}executions/company.nope/{name}").status_code in (404, 422)


def test_keys_and_files_go_there_and_back(api: Client, shop: Execution) -> None:
    assert api.generic("PUT", "/api/v1/main/namespaces/company.team/kv/a", '{"b": 1}', "text/plain").status_code == 200
    assert api.get("/api/v1/main/namespaces/company.team/kv/a").json() == {"type": "JSON", "value": {"b": 1}}
    assert api.delete("/api/v1/main/namespaces/company.team/kv/a").json() is True
    assert api.post("/api/v1/main/namespaces/company.team/files?path=/m/a.sql", {"fileContent": "select 1"}).status_code == 200
    assert api.get("/api/v1/main/namespaces/company.team/files?path=/m/a.sql").content == b"select 1"
    assert api.get("/api/v1/main/namespaces/company.team/files/search?q=a").json() == ["/m/a.sql"]


# --- webhooks, triggers, description ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["open2", "open2/and/more"])
def test_a_webhook_starts_its_flow_without_a_login(path: str, shop: Execution) -> None:
    answer = Client().post(
        f"/api/v1/executions/webhook/company.team/shop/{path}?a=1", '{"b": 2}', "application/json", headers={"Cookie": "s=1"}
    )
    row = Execution.objects.get(id=answer.json()["id"])
    assert row.trigger is not None
    assert (row.trigger["id"], row.trigger["variables"]["body"], row.trigger["variables"]["parameters"]) == (
        "called",
        {"b": 2},
        {"a": ["1"]},
    )
    assert not {"Cookie", "Authorization"} & set(row.trigger["variables"]["headers"])
    assert row.labels == [["team", "data"]]


@pytest.mark.parametrize(("path", "message"), [("shop/open3", "Webhook not found"), ("none/open2", "Flow not found")])
def test_a_wrong_key_starts_nothing(path: str, message: str, shop: Execution) -> None:
    answer = Client().get(f"/api/v1/main/executions/webhook/company.team/{path}")
    assert (answer.status_code, answer.json()["message"]) == (404, f"Not Found: {message}")
    assert Execution.objects.count() == 1


def test_a_trigger_is_switched_off_and_on(api: Client, shop: Execution) -> None:
    named = {"namespace": "company.team", "flowId": "shop", "triggerId": "nightly"}
    assert api.generic("PUT", "/api/v1/triggers", json.dumps({**named, "disabled": True}), "application/json").json()["disabled"] is True
    body = json.dumps({"triggers": [named], "disabled": False})
    assert api.generic("POST", "/api/v1/triggers/set-disabled/by-triggers", body, "application/json").json() == {"count": 1}
    found = api.get("/api/v1/triggers/search?namespace=company.team").json()["results"]
    assert [(one["abstractTrigger"]["cron"], one["triggerContext"]["disabled"]) for one in found] == [("0 6 * * *", False)]
    wrong = json.dumps({**named, "triggerId": "none", "disabled": True})
    assert api.generic("PUT", "/api/v1/triggers", wrong, "application/json").status_code == 404
    assert api.post("/api/v1/triggers/company.team/shop/nightly/unlock").status_code == 409


def test_the_page_of_the_api_loads_nothing_from_elsewhere(client: Client, people: dict[str, Any]) -> None:
    assert client.get("/api/docs").status_code == 302
    client.force_login(people["reader"])
    text = client.get("/api/docs").content.decode()
    assert "/api/v1/main/executions/{namespace}/{flow_id}" in text
    assert "//cdn" not in text
    assert "style=" not in text
    only = client.get("/api/docs?q=kill", headers={"HX-Request": "true"}).content.decode()
    assert "actions/kill" in only
    assert "<html" not in only
    assert "namespaces/{namespace}/kv" not in only


def test_the_description_is_for_those_who_may_sign_in(api: Client) -> None:
    assert Client().get("/api/v1/openapi.json").status_code == 401
    assert api.get("/api/v1/main/openapi.json").json()["openapi"].startswith("3.")


def test_the_schema_and_its_page_say_which_operations_need_a_login(api: Client, client: Client, people: dict[str, Any]) -> None:
    schema = api.get("/api/v1/openapi.json").json()
    assert set(schema["components"]["securitySchemes"]) == {name for way in schema["security"] for name in way} == {"basic", "bearer"}
    told = {(path, method): one.get("security") for path, methods in schema["paths"].items() for method, one in methods.items()}
    free = {path for (path, _), security in told.items() if security == []}
    assert {path for path in free if "webhook" not in path} == {"/api/v1/main/ping", "/api/v1/main/configs/login"}
    for path, method in [(path, method) for path, method in told if method == "get" and path not in free and "{" not in path]:
        assert Client().get(path).status_code == 401, (path, method)
    client.force_login(people["reader"])
    assert client.get("/api/docs").content.decode().count("no login") == sum(security == [] for security in told.values())


def test_an_empty_part_is_an_absent_input(api: Client, shop: Execution) -> None:
    assert api.post("/api/v1/executions/company.team/shop", {"who": ""}).json()["inputs"] == {"who": "nobody"}


@pytest.mark.parametrize(
    ("body", "kind", "value"),
    [
        ("42", "NUMBER", 42), ("true", "BOOLEAN", True), ('"text"', "STRING", "text"), ("'text'", "STRING", "text"),
        ("2026-11-22", "DATE", "2026-11-22"), ("2026-11-22T13:15:20Z", "DATETIME", "2026-11-22T13:15:20Z"),
        ("PT5M", "DURATION", "PT5M"), ('"PT5M"', "DURATION", "PT5M"),
        ('{"a": 1}', "JSON", {"a": 1}), ("{a: 1, b: [x]}", "JSON", {"a": 1, "b": ["x"]}),
    ],
)  # fmt: skip
def test_a_key_is_written_as_json_or_ion(body: str, kind: str, value: Any, api: Client, shop: Execution) -> None:
    answer = api.generic("PUT", "/api/v1/namespaces/company.team/kv/k", body, "text/plain")
    assert answer.status_code == 200, answer.content
    found = api.get("/api/v1/namespaces/company.team/kv/k").json()
    assert (found["type"], found["value"]) == (kind, value)


@pytest.mark.parametrize("body", ["word", "{a: 1} rest", "{a:", "", "'a' 'b", "[1,,2]"])
def test_what_is_neither_json_nor_ion_is_refused(body: str, api: Client, shop: Execution) -> None:
    answer = api.generic("PUT", "/api/v1/namespaces/company.team/kv/k", body, "text/plain")
    assert (answer.status_code, answer.json()["message"]) == (422, f"Illegal argument: Invalid JSON value for: {body}")


# --- errors that no operation makes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PATCH", "flows/search", "GET"), ("PUT", "flows", "POST"), ("GET", "executions/x/kill", "DELETE"), ("DELETE", "ping", "GET")],
)
@pytest.mark.parametrize("root", ROOTS)
def test_a_method_that_an_address_does_not_know_is_told_as_an_error(root: str, method: str, path: str, allowed: str, api: Client) -> None:
    answer = api.generic(method, root + path)
    assert (answer.status_code, answer["Allow"], answer["Content-Type"]) == (405, allowed, "application/json")
    assert answer.json()["message"] == f"Method [{method}] not allowed for URI [{root}{path}]. Allowed methods: [{allowed}]"


def test_every_error_has_the_same_shape(api: Client, shop: Execution) -> None:
    for path in ("flows/search?q=%00", "nowhere/at/all", "flows/company.team/none", "flows/search?page=x", "executions/search?page=0"):
        told = api.get(f"/api/v1/{path}").json()
        assert set(told) == {"message", "logref", "path", "_links", "_embedded"}, path
        assert told["_links"]["self"]["href"] == f"/api/v1/{path}"
    no_form = api.generic("POST", "/api/v1/executions/company.team/shop", "rubbish", "multipart/form-data")
    assert (no_form.status_code, set(no_form.json())) == (400, {"message", "logref", "path", "_links", "_embedded"})


@pytest.mark.parametrize("path", ["flows/search", "executions/search", "logs/search", "triggers/search", "kv", "templates/search"])
def test_a_page_far_beyond_the_last_is_empty(path: str, api: Client, shop: Execution) -> None:
    answer = api.get(f"/api/v1/{path}?page=99999999999999999999&size=1000")
    assert (answer.status_code, answer.json()["results"]) == (200, [])


def test_what_answers_nothing_names_no_type(api: Client, shop: Execution) -> None:
    for method, path in (
        ("PUT", "namespaces/company.team/kv/a"),
        ("DELETE", f"executions/{shop.id}/kill"),
        ("DELETE", "flows/company.team/shop"),
    ):
        answer = api.generic(method, f"/api/v1/{path}", "1" if method == "PUT" else "")
        assert (answer.content, answer.headers.get("Content-Type")) == (b"", None), path


def test_the_same_label_twice_is_refused(api: Client, shop: Execution) -> None:
    for answer in (
        api.get("/api/v1/executions/search?labels=a:1&labels=a:2"),
        api.post("/api/v1/executions/company.team/shop?labels=a:1&labels=a:2"),
    ):
        assert answer.status_code == 409
        assert answer.json()["message"] == "Illegal state: Duplicate key a (attempted merging values 1 and 2)"
    assert Execution.objects.count() == 1


LOG = "type: io.kestra.plugin.core.log.Log, message: m"
TYPED = f"id: typed\nnamespace: company.team\ninputs: [{{id: n, type: INT, max: 10}}]\ntasks: [{{id: a, {LOG}}}]\n"


def test_a_refused_input_is_told_with_its_path(api: Client, shop: Execution) -> None:
    assert api.post("/api/v1/flows", TYPED, content_type="application/x-yaml").status_code == 200
    answer = api.post("/api/v1/executions/company.team/typed", {"n": "40"})
    refusal = "Invalid input for `n`, it must be less than `10`, but received `40`"
    assert (answer.status_code, answer.json()["message"]) == (422, f"Invalid entity: n: {refusal}")
    (detail,) = answer.json()["_embedded"]["errors"]
    assert (detail["message"], detail["path"]) == (refusal, "n")


BROKEN = [
    ("id: x\n  namespace: [\n", "Illegal flow yaml: mapping values", "mapping values", "yaml"),
    (TYPED + "foo: 1\n", 'Unrecognized field "foo"', 'Unrecognized field "foo"', "foo"),
    (TYPED.replace("id: a,", "id: a b,"), "tasks[0].id: ", "", "tasks[0].id"),
    (TYPED.replace(LOG, f"type: io.kestra.core.tasks.log.Log, message: m}}, {{id: a, {LOG}"),
     ": Invalid Flow: Duplicate task id with name [a]", "Duplicate task id with name [a]", None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "message", "detail", "path"), BROKEN)
def test_a_flow_that_cannot_be_saved_is_told_where(source: str, message: str, detail: str, path: str | None, api: Client) -> None:
    answer = api.post("/api/v1/flows", source, content_type="application/x-yaml")
    told = answer.json()
    assert answer.status_code == 422
    assert told["message"].startswith(f"Invalid entity: {message}")
    assert "is replaced by" not in told["message"]
    assert len(told["_embedded"]["errors"]) == 1
    assert told["_embedded"]["errors"][0]["message"].startswith(detail)
    assert told["_embedded"]["errors"][0]["path"] == path


def test_a_value_that_has_expired_is_gone(api: Client, shop: Execution) -> None:
    put = api.generic("PUT", "/api/v1/namespaces/company.team/kv/brief", "1", headers={"ttl": "PT0.001S"})
    assert put.status_code == 200
    time.sleep(0.01)
    answer = api.get("/api/v1/namespaces/company.team/kv/brief")
    assert (answer.status_code, answer.json()["message"]) == (410, "The requested value has expired")


@pytest.mark.parametrize("path", ["/ping", "/api/v1/ping", "/api/v1/main/ping"])
def test_anybody_may_ping(path: str, client: Client) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"pong", "text/plain")


def test_whatever_is_read_may_be_asked_for_its_head(api: Client, shop: Execution) -> None:
    for path in ("flows/search", f"executions/{shop.id}", f"logs/{shop.id}/follow", f"logs/{shop.id}/download"):
        answer = api.head(f"/api/v1/{path}")
        assert (answer.status_code, answer.getvalue() if answer.streaming else answer.content) == (200, b""), path
    assert api.head("/api/v1/executions/none").status_code == 404
    assert api.head("/api/v1/flows/validate").status_code == 405


@pytest.mark.parametrize("wrong", ["type: no.Such", LOG + ", foo: 1"])
def test_what_cannot_be_read_as_a_flow_is_validated_without_a_name(wrong: str, api: Client) -> None:
    (told,) = api.post("/api/v1/flows/validate", TYPED.replace(LOG, wrong), content_type="application/x-yaml").json()
    assert set(told) == {"index", "constraints", "outdated"}
    (told,) = api.post("/api/v1/flows/validate", TYPED.replace("id: a,", "id: a b,"), content_type="application/x-yaml").json()
    assert (told["flow"], told["constraints"][:12]) == ("typed", "tasks[0].id:")


def test_a_flow_given_as_json_is_kept_as_yaml(api: Client, shop: Execution) -> None:
    flow = {"id": "json", "namespace": "company.team", "tasks": [{"id": "a", "type": "io.kestra.plugin.core.log.Log", "message": "m"}]}
    told = api.post("/api/v1/flows", json.dumps(flow), content_type="application/json").json()
    assert told["source"] == "id: json\nnamespace: company.team\ntasks:\n- id: a\n  type: io.kestra.plugin.core.log.Log\n  message: m\n"
    assert api.post("/api/v1/flows", "{", content_type="application/json").status_code == 422
    assert api.post("/api/v1/flows", "[1]", content_type="application/json").status_code == 422


def test_flows_of_the_system_are_told_apart(api: Client, asked_by: Callable[[str], Client], shop: Execution) -> None:
    admin = asked_by("admin")
    assert admin.post("/api/v1/flows", TYPED.replace("company.team", "system"), content_type="application/x-yaml").status_code == 200
    for query, found in (
        ("scope=SYSTEM", ["typed"]), ("scope=USER", ["shop"]), ("scope=USER&scope=SYSTEM", ["shop", "typed"]),
        ("filters[scope][EQUALS]=SYSTEM", ["typed"]), ("filters[scope][NOT_EQUALS]=SYSTEM", ["shop"]),
        ("filters[scope][IN]=USER,SYSTEM", ["shop", "typed"]),
    ):  # fmt: skip
        told = admin.get(f"/api/v1/flows/search?sort=id:asc&{query}").json()["results"]
        assert [one["id"] for one in told] == found, query
    for path, total in (("executions", 1), ("logs", 2)):
        assert admin.get(f"/api/v1/{path}/search?scope=USER").json()["total"] == total
        assert admin.get(f"/api/v1/{path}/search?scope=SYSTEM").json()["total"] == 0
    assert admin.get("/api/v1/flows/search?scope=NOBODY").status_code == 422
    for scope, flows in (["USER"], 1), (["SYSTEM"], 1), ([], 2), (["USER", "SYSTEM"], 2):
        answer = admin.post("/api/v1/stats/summary", json.dumps({"scope": scope}), content_type="application/json")
        assert answer.json()["flows"] == flows
    for path in ("executions/daily", "logs/daily"):
        assert admin.post(f"/api/v1/stats/{path}", '{"scope": ["SYSTEM"]}', content_type="application/json").status_code == 200
        for body in ('{"scope": ["NOBODY"]}', '{"scope": "USER"}'):
            assert admin.post(f"/api/v1/stats/{path}", body, content_type="application/json").status_code == 422


# --- flows among the files ----------------------------------------------------------------------------------------------------


def packed(**files: str) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".yml", text)
    return SimpleUploadedFile("all.zip", buffer.getvalue())


def test_a_file_below_flows_becomes_a_flow_of_the_namespace(api: Client, shop: Execution) -> None:
    path = "/api/v1/namespaces/company.team/files?path="
    assert api.post(f"{path}/_flows/typed.yml", {"fileContent": TYPED.replace("company.team", "some.where")}).status_code == 200
    assert api.get("/api/v1/flows/company.team/typed").json()["revision"] == 1
    assert api.get("/api/v1/namespaces/company.team/files/search?q=").json() == []
    for wrong in ("/_flows", "/_flows/", "/_flows/a/b.yml"):
        assert api.post(path + wrong, {"fileContent": TYPED}).status_code == 422, wrong
    assert api.post(f"{path}/_flows/x", {"fileContent": "id: x"}).status_code == 422
    for ask in (api.get, api.delete):
        assert ask(f"{path}/_flows/typed.yml").status_code == 422


def test_the_flows_go_out_and_in_with_the_files(api: Client, shop: Execution) -> None:
    api.post("/api/v1/namespaces/company.team/files?path=/a.sql", {"fileContent": "select 1"})
    exported = api.get("/api/v1/namespaces/company.team/files/export").content
    assert zipfile.ZipFile(io.BytesIO(exported)).namelist() == ["a.sql", "_flows/shop.yml"]
    away = "/api/v1/namespaces/company.team.away"
    api.delete("/api/v1/flows/company.team/shop")
    answer = api.post(f"{away}/files?path=/x.zip", {"fileContent": SimpleUploadedFile("x.zip", exported)})
    assert answer.status_code == 200
    assert api.get(f"{away}/files/search?q=").json() == ["/a.sql"]
    assert api.get("/api/v1/flows/company.team.away/shop").status_code == 200


def test_a_zip_with_a_broken_flow_leaves_nothing(api: Client, shop: Execution) -> None:
    archive = packed(a="one", _flows__typed=TYPED, _flows__wrong="id: x")
    assert api.post("/api/v1/namespaces/company.team/files?path=/x.zip", {"fileContent": archive}).status_code == 422
    assert api.get("/api/v1/namespaces/company.team/files/search?q=").json() == []
    assert api.get("/api/v1/flows/company.team/typed").status_code == 404


def test_a_webhook_of_a_flow_that_is_not_valid_any_more_is_a_conflict(api: Client, shop: Execution) -> None:
    Revision.objects.filter(flow__flow_id="shop").update(source="id: shop\nnamespace: company.team\ntasks: [{id: a, type: no.Such}]\n")
    for answer in (Client().post("/api/v1/executions/webhook/company.team/shop/open2"), api.post("/api/v1/executions/company.team/shop")):
        told = answer.json()["message"]
        assert (answer.status_code, told) == (409, "Illegal state: Cannot execute an invalid flow: Invalid type: no.Such")


def test_a_webhook_takes_no_more_than_it_can_keep(shop: Execution) -> None:
    answer = Client().post("/api/v1/executions/webhook/company.team/shop/open2", "x" * 10_000_001, content_type="text/plain")
    assert (answer.status_code, answer.json()["message"][:29]) == (413, "A webhook takes 10 MB at most")
    assert Execution.objects.count() == 1


def test_a_date_of_long_ago_is_a_date(api: Client) -> None:
    asked = json.dumps({"startDate": "0160-07-24T00:00:00Z", "endDate": "0160-07-24T03:00:00Z"})
    (first, *_) = api.post("/api/v1/stats/executions/daily", asked, content_type="application/json").json()
    assert first["startDate"] == "0160-07-24T00:00:00Z"


@pytest.mark.parametrize("path", ["executions/daily", "taskruns/daily", "executions/daily/group-by-flow", "logs/daily"])
@pytest.mark.parametrize("date", ["0001-01-01T00:01:00Z", "9999-12-31T23:59:59-01:00"])
def test_figures_of_the_end_of_time_are_refused(path: str, date: str, api: Client) -> None:
    answer = api.post(f"/api/v1/stats/{path}", json.dumps({"endDate": date}), content_type="application/json")
    assert (answer.status_code, "must lie in the years 2 to 9998" in answer.json()["message"]) == (422, True)
