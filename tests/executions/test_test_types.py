"""The types that Kestra's own test flows use: there where they are switched on, and doing what those flows expect."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from engine.parser import parse
from executions.models import Execution, Step
from plugins import catalog
from plugins.catalog import CATALOG, TEST_PREFIX
from tests.executions.flows import CORE, NAMESPACE, log, messages, save, start, states, work_off

pytestmark = pytest.mark.django_db
TESTS = "io.kestra.core.tasks.test"
RUNNERS = "io.kestra.core.runners"


@pytest.fixture(autouse=True)
def offered() -> Iterator[None]:
    catalog.offer_test_types()
    yield
    catalog.offer_test_types(False)


def run(task: str, more: str = "", flow_id: str = "f", **given: object) -> Execution:
    return work_off(start(save(flow_id, f"tasks:\n  - {{id: t, {task}}}\n{more}"), **given))


def outputs(execution: Execution, task: str = "t") -> object:
    return execution.task_runs.get(task_id=task).outputs


def test_they_are_not_there_unless_they_are_switched_on() -> None:
    assert catalog.kind(f"{TESTS}.Read") == "task"
    assert catalog.kind(f"{RUNNERS}.test.TriggerWithAlias") == "trigger"
    catalog.offer_test_types(False)
    assert catalog.kind(f"{TESTS}.Read") is None
    assert not any(type_.startswith("io.kestra.core.") for type_ in catalog.all_types())


def test_each_is_documented_with_an_example_that_is_valid() -> None:
    found = [type_ for type_ in catalog.all_types() if type_.startswith(f"{TEST_PREFIX}core.")]
    assert len(found) == 12
    for type_ in found:
        example = re.search(r"```yaml\n(.*?)```", catalog.docs(type_), re.DOTALL)
        assert example
        assert type_ in example[1]
        flow, problems = parse(example[1], catalog=CATALOG)
        assert flow is not None, problems


def test_old_names_stand_for_them() -> None:
    execution = run(f"type: {RUNNERS}.test.task.Alias, message: 'hello {{{{ flow.id }}}}'")
    assert (execution.state, messages(execution)) == ("SUCCESS", ["hello f"])
    assert catalog.canonical(f"{RUNNERS}.test.trigger.Alias") == f"{RUNNERS}.test.TriggerWithAlias"


def test_a_failed_task_keeps_its_output() -> None:
    execution = run(f"type: {RUNNERS}.test.TaskThatFail, message: oh no")
    assert (execution.state, outputs(execution)) == ("FAILED", {"message": "oh no"})


def test_an_output_that_is_too_large_fails_the_task_in_kestras_words() -> None:
    execution = run(f"type: {RUNNERS}.test.WorkerTaskResultTooLarge")
    assert (execution.state, outputs(execution)) == ("FAILED", None)
    said = "Unable to emit the worker task result to the queue: Message of size 11000"
    assert any(message.startswith(said) and "has exceeded the configured limit of 1048576" in message for message in messages(execution))


def test_what_fails_by_itself_fails_its_task_run() -> None:
    save("child", "tasks:\n" + log("a"))
    execution = run(f"type: {TESTS}.BadExecutable, namespace: {NAMESPACE}, flowId: child", "errors:\n" + log("told"))
    assert (execution.state, states(execution)) == ("FAILED", {"t": "FAILED", "told": "SUCCESS"})
    inner = f"tasks: [{{id: a, type: {CORE}.log.Log, message: hello}}, {{id: b, type: {CORE}.log.Log, message: never}}]"
    execution = run(f"type: {TESTS}.BadSequential, {inner}", flow_id="g")
    assert (execution.state, states(execution)) == ("FAILED", {"t": "FAILED", "a": "SUCCESS"})
    assert "An exception on purpose" in messages(execution)


def test_a_null_is_an_output() -> None:
    assert outputs(run(f"type: {TESTS}.NullOutputTask")) == {"value": None}


@pytest.mark.parametrize(("fail", "state"), [("false", "SUCCESS"), ("true", "FAILED")])
def test_a_task_reports_another_run(fail: str, state: str) -> None:
    execution = run(f"type: {TESTS}.DynamicTask, fail: {fail}")
    assert execution.state == state
    assert [step.state for step in Step.objects.filter(execution=execution)] == [state]


def test_an_encrypted_output_is_in_clear_in_expressions_and_never_in_the_log() -> None:
    show = f"  - {{id: show, type: {CORE}.debug.Return, format: \"{{{{ outputs.t.value | length }}}}{{{{ outputs.t.value }}}}\"}}\n"
    check = f"  - {{id: right, type: {CORE}.log.Log, message: same, runIf: \"{{{{ outputs.t.value == '{{{{ raw }}}}' }}}}\"}}\n"
    execution = run(f"type: {TESTS}.Encrypted, format: '{{{{ raw }}}}'", show + check)
    stored = outputs(execution)
    assert isinstance(stored, dict)
    assert stored["value"]["type"] == "io.kestra.datatype:aes_encrypted"
    assert "raw" not in str(stored)
    assert outputs(execution, "show") == {"value": "9{{ raw }}"}  # as in Kestra: the flow's author chose to give it out
    assert messages(execution) == ["9********", "same"]
    assert states(execution)["right"] == "SUCCESS"


def test_a_file_of_the_working_directory_is_read() -> None:
    read = f"tasks: [{{id: read, type: {TESTS}.Read, path: '{{{{ flow.id }}}}.txt'}}]"
    execution = run(f"type: {CORE}.flow.WorkingDirectory, inputFiles: {{f.txt: content}}, {read}")
    assert outputs(execution, "read") == {"value": "content"}
    missing = run(f"type: {TESTS}.Read, path: ../f.txt", flow_id="g")
    assert missing.state == "FAILED"


def test_a_listener_sees_how_it_ended() -> None:
    execution = run(
        f"type: {CORE}.log.Log, message: hello", f"listeners:\n  - tasks:\n      - {{id: heard, type: {RUNNERS}.ListenersTestTask}}\n"
    )
    text = str(outputs(execution, "heard"))
    assert "flowRevision=1" in text
    assert "TaskRun(taskId=t, state=SUCCESS)" in text
    assert "current=SUCCESS" in text


def test_defaults_reach_the_three_groups_by_name_and_by_prefix() -> None:
    kind = f"{RUNNERS}.PluginDefaultsCaseTest$DefaultSequential"
    inner = f"tasks: [{{id: %s, type: {CORE}.log.Log, message: x}}]"
    body = f"tasks:\n  - {{id: a, type: {kind}1, {inner % 'a1'}}}\n  - {{id: b, type: {kind}2, def: own, {inner % 'b1'}}}\n"
    body += f"  - {{id: c, type: {kind}3, {inner % 'c1'}}}\n"
    body += f"pluginDefaults:\n  - {{type: {kind}, values: {{def: 1}}}}\n  - {{type: {kind}3, values: {{def: '3'}}, forced: true}}\n"
    execution = work_off(start(save("groups", body)))
    assert [outputs(execution, task) for task in "abc"] == [{"def": 1}, {"def": "own"}, {"def": "3"}]
