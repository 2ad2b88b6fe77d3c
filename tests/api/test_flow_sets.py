"""Several flows at once: as files, replaced together, changed by what their sources contain."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from executions.models import Execution
from flows.models import Flow, Revision

ROOT = "/api/v1/main/flows"
CORE = "io.kestra.plugin.core"


@pytest.fixture
def api(asked_by: Callable[[str], Client], shop: Execution) -> Client:
    return asked_by("member")


def source(id_: str, namespace: str = "company.team", message: str = "x") -> str:
    return f"id: {id_}\nnamespace: {namespace}\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: {message}\n"


def send(api: Client, method: str, path: str, body: Any, kind: str = "application/json") -> Any:
    return api.generic(method, ROOT + path, body if isinstance(body, str) else json.dumps(body), kind)


def ids() -> set[str]:
    return set(Flow.objects.filter(deleted=False).values_list("flow_id", flat=True))


def test_an_export_goes_in_again(api: Client) -> None:
    answer = api.get(f"{ROOT}/export/by-query?namespace=company")
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == ["company.team.shop.yml"]
    listed = send(api, "POST", "/export/by-ids", [{"namespace": "company.team", "id": "shop"}])
    assert listed.content[:2] == b"PK"
    assert send(api, "DELETE", "/delete/by-query?q=shop", "").json() == {"count": 1}
    assert ids() == set()
    assert api.post(f"{ROOT}/import", {"fileUpload": SimpleUploadedFile("flows.zip", answer.content)}).json() == []
    assert ids() == {"shop"}


def test_an_import_tells_what_it_refused_and_takes_the_rest(api: Client) -> None:
    text = "---\n".join([source("a"), source("b").replace("log.Log", "log.Nope"), source("c", "elsewhere"), "nonsense"])
    upload = {"fileUpload": SimpleUploadedFile("flows.yaml", text.encode())}
    assert api.post(f"{ROOT}/import", upload).json() == ["company.team.b", "elsewhere.c", "document 4"]
    assert ids() == {"shop", "a"}
    broken = {"fileUpload": SimpleUploadedFile("flows.yml", b"nonsense")}
    assert api.post(f"{ROOT}/import?failOnError=true", broken).status_code == 422
    assert api.post(f"{ROOT}/import", {"fileUpload": SimpleUploadedFile("flows.zip", b"PK\x03\x04junk")}).status_code == 422
    assert api.post(f"{ROOT}/import", {"fileUpload": SimpleUploadedFile("flows", b"x")}).status_code == 422


def test_a_namespace_is_replaced_as_a_whole_or_not_at_all(api: Client) -> None:
    broken = f"{source('a')}---\n{source('b').replace('message', 'mesage')}"
    assert send(api, "POST", "/company.team", broken, "application/x-yaml").status_code == 422
    assert ids() == {"shop"}
    both = f"{source('a')}---\n{source('b')}"
    assert [one["id"] for one in send(api, "POST", "/company.team?delete=false", both, "application/x-yaml").json()] == ["a", "b"]
    assert ids() == {"shop", "a", "b"}
    assert [one["revision"] for one in send(api, "POST", "/company.team", source("a"), "application/x-yaml").json()] == [1]
    assert ids() == {"a"}
    wrong = send(api, "POST", "/company.team", source("a", "company.team.below"), "application/x-yaml")
    assert wrong.json()["_embedded"]["errors"][0]["path"] == "flow.namespace"
    twice = send(api, "POST", "/bulk?namespace=company.team", f"{source('a')}---\n{source('a')}", "application/x-yaml")
    assert twice.json()["message"].endswith("Duplicate flow id")


def test_a_bulk_update_without_a_namespace_deletes_nothing(api: Client) -> None:
    assert send(api, "POST", "/bulk", source("a"), "application/x-yaml").status_code == 200
    assert ids() == {"shop", "a"}


def test_one_task_is_replaced(api: Client) -> None:
    task = {"id": "greet", "type": "io.kestra.plugin.core.debug.Return", "format": "hi"}
    answer = send(api, "PATCH", "/company.team/shop/greet", task).json()
    assert (answer["revision"], answer["tasks"][0]["type"]) == (2, "io.kestra.plugin.core.debug.Return")
    assert send(api, "PATCH", "/company.team/shop/none", {**task, "id": "none"}).status_code == 404
    assert send(api, "PATCH", "/company.team/shop/greet", {**task, "id": "other"}).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/validate/task", "id: a\ntype: io.kestra.plugin.core.log.Log\nmessage: x", None),
        ("/validate/task", '{"id": "a", "type": "io.kestra.plugin.core.log.Log"}', "message: "),
        ("/validate/task", "id: a\ntype: io.kestra.Nope", "Invalid type: io.kestra.Nope"),
        ("/validate/task", "[", "Illegal flow yaml"),
        (
            "/validate/task?section=TRIGGERS",
            f"id: t\ntype: {CORE}.trigger.Schedule\ncron: x",
            "cron: invalid cron expression",
        ),
        ("/validate/trigger", "id: t\ntype: io.kestra.plugin.core.trigger.Schedule\ncron: '@daily'", None),
        ("/validate/trigger", "id: t\ntype: io.kestra.plugin.core.log.Log\nmessage: x", "type: io.kestra.plugin.core.log.Log is a task"),
    ],
)
def test_a_task_or_trigger_is_validated_alone(path: str, body: str, told: str | None, api: Client) -> None:
    answer = send(api, "POST", path, body, "application/x-yaml").json()
    assert answer["index"] == 0
    assert ("constraints" not in answer) if told is None else answer["constraints"].startswith(told), answer


def test_sources_are_searched_in_both_generations(api: Client) -> None:
    found = api.get(f"{ROOT}/source?q=HELLO").json()
    assert found["total"] == 1
    one = found["results"][0]
    assert (one["id"], one["editable"], one["model"]["id"]) == ("shop", True, "shop")
    assert one["matches"][0] == {"line": 12, "column": 13, "snippet": "message: hello {{ inputs.who }}"}
    assert one["fragments"] == ["message: [mark]hello[/mark] {{ inputs.who }}"]
    for query, total in (("q=HELLO&caseSensitive=true", 0), ("q=hell&wholeWord=true", 0), ("q=h.l+o&regex=true", 0),
                         ("q=h.l%2Bo&regex=true", 1), ("q=hello&scope=TRIGGERS", 0),
                         ("q=nightly&scope=TRIGGERS", 1), ("q=&namespace=company", 1)):  # fmt: skip
        assert api.get(f"{ROOT}/source?{query}").json()["total"] == total, query
    for query in ("q=(&regex=true", "q=x&scope=NONE", "q=" + "x" * 1001):
        assert api.get(f"{ROOT}/source?{query}").status_code == 422, query


def test_a_pattern_that_never_ends_is_refused(api: Client) -> None:
    send(api, "POST", "", source("slow", message="a" * 60 + "b"), "application/x-yaml")
    answer = api.get(f"{ROOT}/source?q=(a%7Caa)%2B%24&regex=true&namespace=company")
    assert (answer.status_code, "takes too long" in answer.json()["message"]) == (422, True)


def test_a_replacement_is_previewed_and_applied(api: Client, asked_by: Callable[[str], Client]) -> None:
    asked = {"query": r"hello (\{\{)", "replacement": "bye $1", "regex": True}
    preview = send(api, "POST", "/source/replace/preview", asked).json()
    assert (preview["totalMatches"], preview["totalFlows"], preview["editableFlowCount"]) == (1, 1, 1)
    assert preview["flows"][0]["matches"] == [
        {"line": 12, "before": "    message: hello {{ inputs.who }}", "after": "    message: bye {{ inputs.who }}"}
    ]
    assert Revision.objects.count() == 1
    listed = [{"namespace": "company.team", "id": "shop"}, {"namespace": "company.team", "id": "none"}]
    refused = send(asked_by("reader"), "POST", "/source/replace/apply", {**asked, "flows": listed}).json()
    assert [one["reason"] for one in refused["skipped"]] == ["READ_ONLY", "NOT_FOUND"]
    done = send(api, "POST", "/source/replace/apply", {**asked, "flows": listed}).json()
    assert [(one["id"], one["revision"]) for one in done["updated"]] == [("shop", 2)]
    assert "bye {{ inputs.who }}" in Flow.objects.get(flow_id="shop").source
    line = {"query": "nobody", "replacement": "everybody", "namespace": "company.team", "id": "shop", "line": 8}
    assert send(api, "POST", "/source/replace/line", line).json()["revision"] == 3
    assert send(api, "POST", "/source/replace/line", line).status_code == 422
    broken = {"query": "log.Log", "replacement": "log.Nope", "flows": listed[:1]}
    assert send(api, "POST", "/source/replace/apply", broken).json()["skipped"][0]["reason"] == "INVALID_FLOW"


def test_old_revisions_are_forgotten_but_not_the_current_one(api: Client) -> None:
    text = Flow.objects.get().source
    for number in range(2, 4):
        send(api, "PUT", "/company.team/shop", f"{text}description: v{number}\n", "application/x-yaml")
    assert api.delete(f"{ROOT}/company.team/shop/revisions?revisions=1,2").status_code == 204
    assert [one["revision"] for one in api.get(f"{ROOT}/company.team/shop/revisions").json()] == [3]
    assert api.delete(f"{ROOT}/company.team/shop/revisions?revisions=3").status_code == 409
    assert api.delete(f"{ROOT}/company.team/shop/revisions?revisions=x").status_code == 422


def test_a_revision_that_an_execution_runs_stays(api: Client, shop: Execution) -> None:
    send(api, "PUT", "/company.team/shop", Flow.objects.get().source + "description: new\n", "application/x-yaml")
    Execution.objects.filter(id=shop.id).update(state="RUNNING")
    assert api.delete(f"{ROOT}/company.team/shop/revisions?revisions=1").status_code == 409


def test_expressions_know_what_comes_before(api: Client) -> None:
    two = source("two") + "  - id: second\n    type: io.kestra.plugin.core.debug.Return\n    format: y\n"
    told = send(api, "POST", "/expressions?taskId=second", two, "application/x-yaml").json()["categories"]
    assert told["taskOutputs"] == ["outputs.log"]
    assert {"upper", "jq"} & set(told["filters"])
    assert "secret" in told["functions"]
    foreign = send(api, "POST", "/expressions", source("x", "elsewhere"), "application/x-yaml").json()["categories"]
    assert "secrets" not in foreign


def test_flows_are_listed_as_a_table_and_hashed(api: Client) -> None:
    table = b"".join(api.get(f"{ROOT}/export/by-query/csv").streaming_content).decode().splitlines()
    assert table[0].startswith("id,namespace,revision")
    assert table[1].startswith("shop,company.team,1")
    hashes = send(
        api, "POST", "/hashes/by-ids", [{"namespace": "company.team", "id": "shop"}, {"namespace": "elsewhere", "id": "x"}]
    ).json()
    assert [len(one["hash"] or "") for one in hashes["hashes"]] == [64, 0]


def test_graphs_and_dependencies_are_told_in_kestras_words(api: Client, shop: Execution) -> None:
    told = api.get(f"{ROOT}/company.team/shop/graph").json()
    by_uid = {node["uid"]: node for node in told["nodes"]}
    assert by_uid["root.greet"]["type"] == "io.kestra.core.models.hierarchies.GraphTask"
    assert by_uid["root.greet"]["task"]["message"] == "hello {{ inputs.who }}"
    assert by_uid["root.Triggers.nightly"]["triggerDeclaration"]["cron"] == "0 6 * * *"
    assert {"source": "root.greet", "target": "root.~end", "relation": {}} in told["edges"]
    ran = api.get(f"/api/v1/executions/{shop.id}/graph").json()
    node = next(one for one in ran["nodes"] if one["uid"] == "root.greet")
    assert (node["task"], node["taskRun"]["state"]["current"]) == ({"id": "greet", "type": "io.kestra.plugin.core.log.Log"}, "SUCCESS")
    call = source("caller").replace("log.Log\n    message: x", "flow.Subflow\n    namespace: company.team\n    flowId: shop")
    inside = send(api, "POST", "/graph?subflows=root.log", call, "application/x-yaml").json()
    assert "root.log.greet" in [one["uid"] for one in inside["nodes"]]
    assert inside["clusters"][0]["cluster"]["type"].endswith(".SubflowGraphCluster")
    send(api, "POST", "", call, "application/x-yaml")
    wanted = [{"source": "company.team_caller", "target": "company.team_shop", "relation": "FLOW_TASK"}]
    assert api.get(f"{ROOT}/company.team/shop/dependencies").json()["edges"] == wanted
    assert api.get("/api/v1/namespaces/company.team/dependencies").json()["edges"] == wanted
    assert send(api, "POST", "/graph", "nonsense", "application/x-yaml").status_code == 422
    log = "type: io.kestra.plugin.core.log.Log, message: m"
    beside = f"{call}errors:\n  - {{id: e, {log}}}\nfinally:\n  - {{id: f, {log}}}\n"
    nodes = send(api, "POST", "/graph", beside, "application/x-yaml").json()["nodes"]
    assert {one["uid"]: one["branchType"] for one in nodes if "branchType" in one} == {"root.e": "ERROR", "root.f": "FINALLY"}

