"""Kestra's own Python client works against us unmodified."""

from __future__ import annotations

import time

import kestrapy
import pytest

from tests.stack import Stack

TENANT, NAMESPACE = "main", "journeys.kestrapy"
SOURCE = """id: greet
namespace: journeys.kestrapy
inputs:
  - id: who
    type: STRING
  - id: letter
    type: FILE
    required: false
tasks:
  - id: hello
    type: io.kestra.plugin.core.log.Log
    message: hello {{ inputs.who }}
  - id: answer
    type: io.kestra.plugin.core.debug.Return
    format: "{{ inputs.who | upper }}"
outputs:
  - id: loud
    type: STRING
    value: "{{ outputs.answer.value }}"
"""
ENDED = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"}

pytestmark = pytest.mark.redis


@pytest.fixture
def client(live_server_stack: Stack) -> kestrapy.KestraClient:
    return kestrapy.KestraClient(host=live_server_stack.url, username=live_server_stack.user, password=live_server_stack.password)


def ended(client: kestrapy.KestraClient, execution_id: str) -> kestrapy.Execution:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = client.executions.execution(execution_id, TENANT)
        if found.state.current in ENDED:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{execution_id} did not end")


def test_a_flow_is_created_executed_and_read_back(client: kestrapy.KestraClient) -> None:
    created = client.flows.create_flow(TENANT, SOURCE)
    assert (created.id, created.namespace, created.revision) == ("greet", NAMESPACE, 1)

    started = client.executions.create_execution(
        TENANT, NAMESPACE, "greet", labels=["team:data"], inputs={"who": "world", "letter": b"dear reader"}
    )
    assert started.id
    found = ended(client, started.id)
    assert str(found.state.current) in ("SUCCESS", "StateType.SUCCESS")
    assert [run.task_id for run in found.task_run_list] == ["hello", "answer"]

    lines = client.logs.list_logs_from_execution(started.id, TENANT)
    assert "hello world" in [line.message for line in lines]
    assert client.outputs.execution_outputs(started.id, TENANT) == {"loud": "WORLD"}
    answer = next(run for run in found.task_run_list if run.task_id == "answer")
    assert client.outputs.task_run_outputs(started.id, answer.id, TENANT) == {"value": "WORLD"}


def test_a_key_and_a_file_go_there_and_back(client: kestrapy.KestraClient) -> None:
    client.kv.set_key_value(NAMESPACE, "answer", TENANT, "42")
    assert client.kv.key_value(NAMESPACE, "answer", TENANT).value == 42
    assert "answer" in [key.key for key in client.kv.list_all_keys(TENANT, page=1, size=100).results]
    client.files.create_namespace_file(NAMESPACE, "/notes/one.txt", TENANT, b"first line")
    assert client.files.file_content(NAMESPACE, "/notes/one.txt", TENANT) == b"first line"


def test_executions_are_found_followed_replayed_labelled_and_deleted(client: kestrapy.KestraClient) -> None:
    source = SOURCE.replace("id: greet", "id: many", 1)
    client.flows.create_flow(TENANT, source)
    first = client.executions.create_execution(TENANT, NAMESPACE, "many", inputs={"who": "first"})
    seen = [str(event.state.current) for event in client.executions.follow_execution(first.id, TENANT)]
    assert seen[-1].endswith("SUCCESS")
    again = client.executions.replay_execution(first.id, TENANT)
    assert again.id != first.id
    ended(client, again.id)
    other = client.executions.replay_execution_with_inputs(first.id, TENANT, inputs={"who": "other"})
    ended(client, other.id)
    assert client.outputs.execution_outputs(other.id, TENANT) == {"loud": "OTHER"}
    labelled = client.executions.set_labels_on_terminated_execution(first.id, TENANT, [kestrapy.Label(key="looked", value="at")])
    assert ("looked", "at") in [(label.key, label.value) for label in labelled.labels]
    found = client.executions.search_executions_by_flow_id(TENANT, NAMESPACE, "many", page=1, size=10)
    assert found["total"] == 3
    assert "hello first" in client.logs.download_logs_from_execution(first.id, TENANT)
    assert NAMESPACE in client.executions.list_executable_namespaces(TENANT)
    client.executions.kill_execution(first.id, TENANT)
    assert client.executions.delete_executions_by_ids(TENANT, [again.id, other.id]).count == 2
    client.executions.delete_execution(first.id, TENANT)
    assert client.executions.search_executions_by_flow_id(TENANT, NAMESPACE, "many", page=1, size=10)["total"] == 0


def test_a_flow_is_updated_validated_listed_and_deleted(client: kestrapy.KestraClient) -> None:
    source = SOURCE.replace("id: greet", "id: changing", 1)
    client.flows.create_flow(TENANT, source)
    assert client.flows.update_flow(NAMESPACE, "changing", TENANT, source + "description: changed\n").revision == 2
    assert [one.revision for one in client.flows.list_flow_revisions(NAMESPACE, "changing", TENANT)] == [1, 2]
    assert client.flows.validate_flows(TENANT, source)[0].constraints is None
    assert "changing" in [one.id for one in client.flows.list_flows_by_namespace(NAMESPACE, TENANT)]
    assert NAMESPACE in client.flows.list_distinct_namespaces(TENANT)
    client.flows.delete_flow(NAMESPACE, "changing", TENANT)
    assert "changing" not in [one.id for one in client.flows.list_flows_by_namespace(NAMESPACE, TENANT)]
