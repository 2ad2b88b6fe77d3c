"""The tasks on data in real executions: what they reach, on whose behalf, and what they leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from engine.expressions.ion import from_ion
from executions import logbook, models, services, storage
from flows import services as flow_services
from kv import services as kv
from namespaces import files
from namespaces.models import Role, User
from tests import builders
from tests.executions.flows import CORE, NAMESPACE, log, save, start, states, work_off
from tests.plugins.core.test_http import serving
from ui.errors import KestraError

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]
ELSEWHERE = "elsewhere.data"


def task(id_: str, type_: str, **given: Any) -> str:
    """A task as a line of YAML."""
    import json  # noqa: PLC0415 -- JSON is YAML

    return f"  - {json.dumps({'id': id_, 'type': f'{CORE}.{type_}', **given})}\n"


def ran(name: str, *tasks: str, more: str = "", **given: Any) -> models.Execution:
    """An execution of these tasks at its end."""
    return work_off(start(save(name, f"{more}tasks:\n" + "".join(tasks)), **given))


def outputs(execution: models.Execution, task_id: str) -> dict[str, Any]:
    found = execution.task_runs.filter(task_id=task_id).values_list("outputs", flat=True).get()
    return found or {}


def errors(execution: models.Execution) -> str:
    logbook.flush()
    return "\n".join(execution.log_lines.filter(level=logbook.NUMBERS["ERROR"]).values_list("message", flat=True))


# --- keys, files, states


def test_keys_are_set_read_listed_and_deleted_in_place() -> None:
    ended = ran(
        "keys",
        task("set", "kv.Set", key="k", value="{{ [1, {'a': flow.id}] }}"),
        task("text", "kv.Set", key="k2", value="PT5M", kvType="STRING", ttl="P1D"),
        task("get", "kv.Get", key="k"),
        task("list", "kv.GetKeys", prefix="k"),
        task("delete", "kv.Delete", key="k"),
    )
    assert ended.state == "SUCCESS"
    assert outputs(ended, "get") == {"value": [1, {"a": "keys"}]}
    assert outputs(ended, "list") == {"keys": ["k", "k2"]}
    assert outputs(ended, "delete") == {"deleted": True}
    row = kv.find(NAMESPACE, "k2")
    assert row is not None
    assert (row.type, row.value) == ("STRING", "PT5M")
    assert row.expires is not None
    assert ended.deliveries.filter(inline=False).count() == 0


def test_a_secret_that_is_kept_under_a_key_is_told_nowhere_else(settings: Any) -> None:
    settings.KESTRA_ENV_SECRETS = {"PIN": "czNjcjN0LXZhbHVl"}
    ended = ran("hush", task("set", "kv.Set", key="pin", value="{{ secret('PIN') }}"), task("get", "kv.Get", key="pin"))
    assert kv.get(NAMESPACE, "pin") == "s3cr3t-value"
    assert "s3cr3t" not in str(list(ended.log_lines.values_list("message", flat=True)))


def test_a_default_that_is_an_expression_is_rendered_and_tells_no_secret(settings: Any) -> None:
    settings.KESTRA_ENV_SECRETS = {"PIN": "czNjcjN0LXZhbHVl"}
    kv.set(NAMESPACE, "where", "north")
    inputs = """inputs:
  - {id: here, type: STRING, defaults: "{{ flow.namespace }}"}
  - {id: where, type: STRING, defaults: "{{ kv('where') }}"}
  - {id: pin, type: STRING, defaults: "pin={{ secret('PIN') }}"}
"""
    tasks = (task("set", "kv.Set", namespace="{{ inputs.here }}", key="{{ inputs.where }}", value="{{ inputs.pin }}"),)
    ended = ran("defaults", *tasks, task("say", "debug.Return", format="{{ inputs.pin }}"), more=inputs)
    assert ended.state == "SUCCESS", errors(ended)
    assert (ended.inputs["here"], ended.inputs["where"]) == (NAMESPACE, "north")
    assert kv.get(NAMESPACE, "north") == "pin=s3cr3t-value"
    assert "s3cr3t" not in f"{ended.inputs} {outputs(ended, 'say')} {list(ended.log_lines.values_list('message', flat=True))}"


def test_files_go_into_a_namespace_and_come_back() -> None:
    ended = ran(
        "files",
        task("write", "storage.Write", content="a,b", extension="csv"),
        task("up", "namespace.UploadFiles", filesMap={"in/x.csv": "{{ outputs.write.uri }}"}),
        task("down", "namespace.DownloadFiles", namespace=NAMESPACE, files="in/*"),
        task("read", "debug.Return", format="{{ read(outputs.down.files['/in/x.csv']) }}"),
        task("delete", "namespace.DeleteFiles", namespace=NAMESPACE, files="in/*"),
    )
    assert ended.state == "SUCCESS", errors(ended)
    assert outputs(ended, "read") == {"value": "a,b"}
    assert not files.exists(NAMESPACE, "in/x.csv")


def test_a_link_in_the_working_directory_brings_nothing_into_a_namespace() -> None:
    link = "    - {id: link, type: io.kestra.plugin.scripts.shell.Commands, taskRunner: {type: io.kestra.plugin.core.runner.Process}, "
    body = "tasks:\n- id: w\n  type: io.kestra.plugin.core.flow.WorkingDirectory\n  tasks:\n"
    body += link + 'commands: ["ln -s /etc/passwd stolen.txt", "echo own > own.txt"]}\n'
    body += f"    - {{id: up, type: {CORE}.namespace.UploadFiles, files: ['**.txt']}}\n"
    ended = work_off(start(save("linked", body)))
    assert outputs(ended, "up") == {"files": ["own.txt"]}, errors(ended)
    assert not files.exists(NAMESPACE, "stolen.txt")


def test_a_state_lives_from_one_execution_to_the_next() -> None:
    tasks = (
        task("before", "state.Get"),
        task("after", "state.Set", data={"runs": "{{ (outputs.before.data.runs ?? '0') | number + 1 }}"}),
    )
    for count in (1, 2, 3):
        body = "tasks:\n" + "".join(tasks)
        ended = work_off(start(save("counted", body) if count == 1 else "counted"))
        assert ended.state == "SUCCESS"
    assert kv.get(NAMESPACE, "counted_states_tasks-states_default") == {"runs": "3"}


# --- files of executions


def test_files_of_others_are_out_of_reach() -> None:
    other = ran("theirs", task("write", "storage.Write", content="private"))
    uri = outputs(other, "write")["uri"]
    paths = [uri, uri.replace("/executions/", "/executions/../executions/"), "kestra:///../../etc/passwd", "file:///etc/passwd"]
    for number, path in enumerate(paths):
        for type_, given in (
            ("storage.Size", {"uri": path}),
            ("storage.Delete", {"uri": path}),
            ("storage.Concat", {"files": [path]}),
            ("storage.Reverse", {"from": path}),
            ("storage.LocalFiles", {"inputs": {"x": path}, "outputs": ["x"]}),
            ("namespace.UploadFiles", {"filesMap": {"x": path}}),
        ):
            ended = ran(f"thief-{number}-{type_.lower()}", task("steal", type_, **given))
            assert ended.state == "FAILED", (type_, path, outputs(ended, "steal"))
    assert storage.existing(uri).read_text() == "private"


def test_a_child_reads_the_files_of_its_parent() -> None:
    save("reader", "inputs: [{id: uri, type: STRING}]\ntasks:\n" + task("size", "storage.Size", uri="{{ inputs.uri }}"))
    sub = task("sub", "flow.Subflow", namespace=NAMESPACE, flowId="reader", inputs={"uri": "{{ outputs.write.uri }}"})
    ended = ran("writer", task("write", "storage.Write", content="12345"), sub)
    child = models.Execution.objects.get(flow_id="reader")
    assert (ended.state, outputs(child, "size")) == ("SUCCESS", {"size": 5})


def test_an_execution_leaves_no_files() -> None:
    ended = ran("tidy", task("write", "storage.Write", content="x"), task("purge", "storage.PurgeCurrentExecutionFiles"))
    assert outputs(ended, "purge")["uris"] == [outputs(ended, "write")["uri"]]
    assert storage.below(storage.execution_uri(NAMESPACE, "tidy", ended.id)) == []


# --- labels


@pytest.mark.parametrize(
    "labels",
    [
        {"team": "{{ flow.id }}", "{{ 'made' }}": "y"},
        [{"key": "team", "value": "{{ flow.id }}"}, {"key": "made", "value": "y"}],
        '{"team": "{{ flow.id }}", "made": "y"}',
        '[{"key": "team", "value": "{{ flow.id }}"}, {"key": "made", "value": "y"}]',
    ],
)
def test_labels_are_put_over_those_of_the_execution(labels: Any) -> None:
    body = task("label", "execution.Labels", labels=labels) + task("see", "debug.Return", format="{{ labels.team }}-{{ labels.made }}")
    ended = ran("labelled", body, more="labels: {team: old, keep: k}\n", labels=[("asked", "a")])
    assert ended.state == "SUCCESS", errors(ended)
    known = {key: value for key, value in ended.labels if not key.startswith("system.")}
    assert known == {"team": "labelled", "keep": "k", "asked": "a", "made": "y"}
    assert len(ended.labels) == len(dict(ended.labels))
    assert outputs(ended, "see") == {"value": "labelled-y"}
    run = ended.task_runs.get(task_id="label")
    assert [attempt["histories"][-1][0] for attempt in run.attempts] == ["SUCCESS"]
    assert set(ended.label_rows.filter(key="team").values_list("value", flat=True)) == {"labelled"}


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"system.x": "y"}, "System labels can only be set by Kestra itself, offending label: system.x=y"),
        ({"n": 5}, "texts"),
        (["a"], "a map with `key` and `value`"),
        ("nonsense", "JSON"),
        ('"text"', "map, a list"),
    ],
)
def test_labels_that_cannot_be_are_told(labels: Any, told: str) -> None:
    ended = ran("mislabelled", task("label", "execution.Labels", labels=labels))
    assert ended.state == "FAILED"
    assert told in errors(ended)


# --- variables


def test_variables_of_an_execution_lie_over_those_of_its_flow() -> None:
    ended = ran(
        "varied",
        task("set", "execution.SetVariables", variables={"a": "{{ flow.id }}", "n": "{{ [1, 2] }}", "outputs": "no"}),
        task("see", "debug.Return", format="{{ vars.a }} {{ vars.n[1] }} {{ vars.b }} {{ outputs.see is defined }}"),
        task("again", "execution.SetVariables", variables="{{ {'a': 'third'} }}"),
        task("unset", "execution.UnsetVariables", variables=["n"]),
        task("last", "debug.Return", format="{{ vars.a }} {{ vars.n ?? 'gone' }}"),
        task("refused", "execution.SetVariables", variables={"a": "x"}, overwrite=False, allowFailure=True),
        task("missing", "execution.UnsetVariables", variables=["n"], allowFailure=True),
        task("ignored", "execution.UnsetVariables", variables=["n"], ignoreMissing=True),
        more="variables: {a: first, b: second}\n",
    )
    assert outputs(ended, "see") == {"value": "varied 2 second false"}, errors(ended)
    assert outputs(ended, "last") == {"value": "third gone"}
    assert [states(ended)[name] for name in ("refused", "missing", "ignored")] == ["WARNING", "WARNING", "SUCCESS"]
    assert ended.variables == {"a": "third", "outputs": "no"}


# --- log lines


def test_log_lines_are_fetched_as_a_file() -> None:
    ended = ran(
        "logged",
        log("one", "first"),
        task("two", "log.Log", message="careful", level="WARN"),
        task("quiet", "log.Log", message="hidden", level="DEBUG"),
        task("fetch", "log.Fetch"),
        task("warnings", "log.Fetch", level="WARN"),
        task("ones", "log.Fetch", tasksId=["one"], level="TRACE"),
    )
    assert ended.state == "SUCCESS", errors(ended)
    rows = [from_ion(line) for line in storage.existing(outputs(ended, "fetch")["uri"]).read_text().splitlines()]
    assert [(row["taskId"], row["level"], row["message"]) for row in rows] == [("one", "INFO", "first"), ("two", "WARN", "careful")]
    assert rows[0]["executionId"] == ended.id
    assert {name: outputs(ended, name)["size"] for name in ("fetch", "warnings", "ones")} == {"fetch": 2, "warnings": 1, "ones": 1}


def test_log_lines_of_another_execution_need_its_namespace() -> None:
    other = ran("other", log("one", "theirs"))
    for given, size in (
        ({"executionId": other.id}, 1),
        ({"executionId": other.id, "namespace": NAMESPACE, "flowId": "other"}, 1),
        ({"executionId": other.id, "namespace": NAMESPACE, "flowId": "wrong"}, None),
        ({"executionId": other.id, "flowId": "other"}, None),
        ({"executionId": "none"}, None),
    ):
        ended = ran(f"asks-{models.Execution.objects.count()}", task("fetch", "log.Fetch", **given))
        assert outputs(ended, "fetch").get("size") == size, given


def test_log_lines_are_purged_by_level_flow_and_date() -> None:
    kept, ended = ran("kept", log("one")), ran("purged", log("one"), task("two", "log.Log", message="m", level="DEBUG"))
    end = (timezone.now() + timedelta(hours=1)).isoformat()
    first = ran("purge-1", task("purge", "log.PurgeLogs", namespace=NAMESPACE, flowId="purged", logLevels=["DEBUG"], endDate=end))
    assert outputs(first, "purge") == {"count": 1}
    past = (timezone.now() - timedelta(hours=1)).isoformat()
    assert outputs(ran("purge-2", task("purge", "log.PurgeLogs", flowId="purged", endDate=past)), "purge") == {"count": 0}
    assert outputs(ran("purge-3", task("purge", "log.PurgeLogs", flowId="purged", endDate=end)), "purge") == {"count": 1}
    assert ended.log_lines.count() == 0
    assert kept.log_lines.count() == 1


# --- executions


def test_executions_are_counted_and_chosen() -> None:
    for _ in range(2):
        flow = "often" if models.Execution.objects.filter(flow_id="often").exists() else save("often", "tasks:\n" + log("one"))
        work_off(start(flow))
    save("never", "tasks:\n" + log("one"))
    since = (timezone.now() - timedelta(hours=1)).isoformat()
    flows = [{"namespace": NAMESPACE, "flowId": name} for name in ("often", "never")]
    ended = ran(
        "counter",
        task("all", "execution.Count", flows=flows, startDate=since, expression="{{ true }}"),
        task("idle", "execution.Count", flows=flows, startDate=since, expression="{{ count == 0 }}"),
        task("failed", "execution.Count", flows=flows, states=["FAILED"], startDate=since, expression="{{ count > 0 }}"),
        task("place", "execution.Count", namespaces=[NAMESPACE], startDate=since, endDate="{{ now() }}", expression="{{ count > 1 }}"),
        task("text", "execution.Count", flows=flows, startDate=since, expression="yes"),
    )
    assert ended.state == "SUCCESS", errors(ended)
    assert outputs(ended, "all") == {
        "results": [{"namespace": NAMESPACE, "flowId": "often", "count": 2}, {"namespace": NAMESPACE, "flowId": "never", "count": 0}],
        "total": 2,
    }
    assert [row["flowId"] for row in outputs(ended, "idle")["results"]] == ["never"]
    assert outputs(ended, "failed") == {"results": [], "total": 0}
    assert outputs(ended, "place")["results"] == [{"namespace": NAMESPACE, "count": 3}]
    assert outputs(ended, "text")["total"] == 0


def test_a_count_of_nothing_is_told() -> None:
    ended = ran("counter", task("count", "execution.Count", startDate="2020-01-01", expression="{{ true }}"))
    assert "At least one of `flows` and `namespaces`" in errors(ended)


def test_ended_executions_are_purged_with_all_that_is_theirs() -> None:
    old = ran("old", log("one"), task("write", "storage.Write", content="x"), task("ret", "debug.Return", format="x"))
    uri = outputs(old, "write")["uri"]
    paused = work_off(start(save("paused", "tasks:\n" + task("wait", "flow.Pause"))))
    end = (timezone.now() + timedelta(hours=1)).isoformat()
    parts = ran("parts", task("purge", "execution.PurgeExecutions", flowId="old", endDate=end, purgeExecution=False, purgeStorage=False))
    assert outputs(parts, "purge") == {"executionsCount": 0, "logsCount": 2, "metricsCount": 2, "storagesCount": 0}
    whole = ran("whole", task("purge", "execution.PurgeExecutions", namespace=NAMESPACE, endDate=end))
    assert outputs(whole, "purge")["executionsCount"] == 2
    assert outputs(whole, "purge")["storagesCount"] == 1
    assert set(models.Execution.objects.values_list("id", flat=True)) == {paused.id, whole.id}
    with pytest.raises(KestraError):
        storage.existing(uri)


def test_a_paused_execution_is_resumed_with_inputs() -> None:
    ask = {"onResume": [{"id": "ok", "type": "BOOLEAN"}]}
    body = "tasks:\n" + task("wait", "flow.Pause", **ask) + task("see", "debug.Return", format="{{ outputs.wait.onResume.ok }}")
    paused = work_off(start(save("paused", body)))
    assert paused.state == "PAUSED"
    for given, state in (({"inputs": {}}, "FAILED"), ({"inputs": {"ok": "{{ 1 == 1 }}"}}, "SUCCESS"), ({"inputs": {"ok": True}}, "FAILED")):
        name = f"resumer-{models.Execution.objects.count()}"
        ended = ran(name, task("go", "execution.Resume", executionId=paused.id, namespace=NAMESPACE, flowId="paused", **given))
        assert states(ended) == {"go": state}, errors(ended)
        work_off(paused)
    assert (paused.state, outputs(paused, "see")) == ("SUCCESS", {"value": "true"})


# --- on whose behalf


@pytest.fixture
def author() -> User:
    """A member of the tests' namespace, a reader elsewhere."""
    person = builders.person("author")
    builders.member(person, Role.MEMBER, NAMESPACE)
    builders.member(person, Role.READER, ELSEWHERE)
    return person


def as_(author: User, name: str, *tasks: str) -> models.Execution:
    """An execution that this person wrote and starts, at its end."""
    flow_services.create(user=author, source=f"id: {name}\nnamespace: {NAMESPACE}\ntasks:\n" + "".join(tasks))
    return work_off(services.start(user=author, namespace=NAMESPACE, flow_id=name))


def test_a_flow_reaches_no_further_than_its_people(author: User) -> None:
    flow_services.create(user=None, source=f"id: theirs\nnamespace: {ELSEWHERE}\ntasks:\n" + task("wait", "flow.Pause"))
    theirs = work_off(services.start(user=None, namespace=ELSEWHERE, flow_id="theirs"))
    kv.set(ELSEWHERE, "k", "v")
    files.write(ELSEWHERE, "a.txt", b"a")
    end = (timezone.now() + timedelta(hours=1)).isoformat()
    named = {"executionId": theirs.id, "namespace": ELSEWHERE, "flowId": "theirs"}
    allowed = {
        "kv.Get": {"key": "k", "namespace": ELSEWHERE},
        "kv.GetKeys": {"namespace": ELSEWHERE},
        "namespace.DownloadFiles": {"namespace": ELSEWHERE, "files": "**"},
        "log.Fetch": named,
        "execution.Count": {"namespaces": [ELSEWHERE], "startDate": "2020-01-01", "expression": "{{ true }}"},
    }
    refused = {
        "kv.Set": {"key": "k", "value": "w", "namespace": ELSEWHERE},
        "kv.Delete": {"key": "k", "namespace": ELSEWHERE},
        "kv.PurgeKV": {"namespaces": [ELSEWHERE], "expiredOnly": False},
        "namespace.DeleteFiles": {"namespace": ELSEWHERE, "files": "**"},
        "namespace.UploadFiles": {"namespace": ELSEWHERE, "filesMap": {"b.txt": "{{ outputs.write.uri }}"}},
        "log.PurgeLogs": {"namespace": ELSEWHERE, "endDate": end},
        "execution.PurgeExecutions": {"namespace": ELSEWHERE, "endDate": end},
        "execution.Resume": named,
        "trigger.Toggle": {"namespace": ELSEWHERE, "flowId": "theirs", "trigger": "t"},
    }
    for wanted, cases in (("SUCCESS", allowed), ("FAILED", refused)):
        for type_, given in cases.items():
            name = type_.replace(".", "-").lower()
            ended = as_(author, name, task("write", "storage.Write", content="x"), task("do", type_, **given))
            assert states(ended)["do"] == wanted, (type_, errors(ended))
    theirs.refresh_from_db()
    assert theirs.state == "PAUSED"
    assert kv.get(ELSEWHERE, "k") == "v"
    assert files.glob(ELSEWHERE) == ["a.txt"]


def test_a_purge_of_everything_leaves_what_is_not_theirs(author: User) -> None:
    flow_services.create(user=None, source=f"id: theirs\nnamespace: {ELSEWHERE}\ntasks:\n" + log("one"))
    theirs = work_off(services.start(user=None, namespace=ELSEWHERE, flow_id="theirs"))
    end = (timezone.now() + timedelta(hours=1)).isoformat()
    ended = as_(author, "purge", task("logs", "log.PurgeLogs", endDate=end), task("all", "execution.PurgeExecutions", endDate=end))
    assert ended.state == "SUCCESS", errors(ended)
    assert theirs.log_lines.count() == 1


# --- tasks made on the way


@pytest.mark.parametrize(
    ("spec", "state", "told"),
    [
        (f"id: x\ntype: {CORE}.debug.Return\nformat: '{{{{ flow.id }}}}'", "SUCCESS", ""),
        (f"type: {CORE}.debug.Return\nformat: a", "SUCCESS", ""),
        (f"type: {CORE}.debug.Return\nnothing: a", "FAILED", "Unrecognized field"),
        (f"type: {CORE}.flow.Sequential\ntasks: [{{id: a, type: {CORE}.flow.Sleep, duration: PT0S}}]", "FAILED", "runnable"),
        (f"type: {CORE}.templating.TemplatedTask\nspec: a", "FAILED", "cannot be of type"),
        (f"type: {CORE}.nope.Nope", "FAILED", "Invalid type"),
        ("a: [", "FAILED", "no YAML"),
        ("just text", "FAILED", "a map with the `type`"),
    ],
)
def test_a_task_is_rendered_then_run(spec: str, state: str, told: str) -> None:
    made = task("made", "templating.TemplatedTask", spec="{{ inputs.spec }}")
    ended = ran("templated", made, more="inputs: [{id: spec, type: STRING}]\n", inputs={"spec": spec})
    assert (ended.state, told in errors(ended)) == (state, True), errors(ended)
    if state == "SUCCESS":
        assert set(outputs(ended, "made")) == {"value"}


def test_a_trigger_is_switched_off_and_on() -> None:
    schedule = f"triggers: [{{id: daily, type: {CORE}.trigger.Schedule, cron: '0 5 * * *'}}]\ntasks:\n"
    save("scheduled", schedule + log("one"))
    for enabled in (False, True, "{{ 1 == 2 }}"):
        name = f"toggle-{models.Execution.objects.count()}"
        ended = ran(name, task("toggle", "trigger.Toggle", trigger="daily", flowId="scheduled", enabled=enabled))
        assert ended.state == "SUCCESS", errors(ended)
        assert models.TriggerState.objects.get(trigger_id="daily").disabled == (enabled is not True)
    assert "Trigger not found" in errors(ran("toggle-none", task("toggle", "trigger.Toggle", trigger="none", flowId="scheduled")))


def test_assertions_fail_together() -> None:
    conditions = ["{{ 1 == 1 }}", "{{ 1 == 2 }}", "{{ 0 }}"]
    ended = ran("asserted", task("check", "execution.Assert", conditions=conditions, errorMessage="two of three"))
    assert (ended.state, outputs(ended, "check")) == ("FAILED", {"success": 1, "failed": 2})
    assert "two of three" in errors(ended)


# --- HTTP


def test_a_request_uses_secrets_and_tells_none(settings: Any) -> None:
    settings.KESTRA_ENV_SECRETS = {"TOKEN": "czNjcjN0LXZhbHVl"}
    secret = "{{ secret('TOKEN') }}"
    login = {"basicAuthUser": "u", "basicAuthPassword": secret}
    with serving() as address:
        ended = ran(
            "asks",
            task("ask", "http.Request", uri=f"{address}/echo?token={secret}", headers={"X-Key": secret}),
            task("sealed", "http.Request", uri=f"{address}/echo", encryptBody=True),
            task("see", "debug.Return", format="{{ outputs.sealed.encryptedBody }}"),
            task("get", "http.Download", uri=f"{address}/named"),
            task("size", "storage.Size", uri="{{ outputs.get.uri }}"),
            task("bad", "http.Request", uri=f"{address}/teapot?token={secret}", options=login),
        )
    assert states(ended) == {"ask": "SUCCESS", "sealed": "SUCCESS", "see": "SUCCESS", "get": "SUCCESS", "size": "SUCCESS", "bad": "FAILED"}
    assert outputs(ended, "size") == {"size": 4}
    assert '"x-key": "********"' in outputs(ended, "ask")["body"]
    assert '"method": "GET"' in outputs(ended, "see")["value"]  # in clear for later tasks, as in Kestra, but not in the log
    assert not ended.log_lines.filter(message__contains='"method"').exists()
    assert outputs(ended, "sealed")["encryptedBody"]["type"] == "io.kestra.datatype:aes_encrypted"
    kept = str(list(ended.task_runs.values_list("outputs", flat=True))) + str(list(ended.log_lines.values_list("message", flat=True)))
    assert "s3cr3t" not in kept
    assert "czNjcjN0" not in kept
    assert "418" in errors(ended)
