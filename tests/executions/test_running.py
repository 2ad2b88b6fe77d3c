"""Executions run by a real worker over a real Redis, from start to end."""

from __future__ import annotations

import os
import time
import zipfile

import pytest
from django.conf import settings

from executions import selectors, services, storage
from executions.models import Command, Delivery, Execution, Timer
from kv import services as kv
from tests.executions.conftest import Process, eventually, until_ended
from tests.executions.flows import CORE, NAMESPACE, PROCESS, log, messages, save, shell, start, states

pytestmark = pytest.mark.redis


def nothing_is_left(execution: Execution) -> bool:
    """Whether no decision of an execution waits for anybody."""
    deliveries = Delivery.objects.filter(execution=execution).exclude(status="done").exists()
    return not (deliveries or Command.objects.filter(execution=execution).exists() or Timer.objects.filter(execution=execution).exists())


def test_a_flow_runs_from_start_to_end(worker: Process) -> None:
    body = "inputs:\n  - {id: who, type: STRING, defaults: world}\ntasks:\n" + log("hello", "Hello {{ inputs.who }}")
    body += f'  - {{id: value, type: {CORE}.debug.Return, format: "{{{{ inputs.who }}}}!"}}\n'
    body += 'outputs:\n  - {id: said, type: STRING, value: "{{ outputs.value.value }}"}\n'
    execution = until_ended(start(save("hello", body), inputs={"who": "you"}, labels=[("team", "data")]))
    assert execution.state == "SUCCESS"
    assert states(execution) == {"hello": "SUCCESS", "value": "SUCCESS"}
    assert messages(execution, 2) == ["Hello you"]
    assert execution.outputs == {"said": "you!"}
    assert execution.labels == [["team", "data"], ["system.correlationId", execution.id]]
    assert nothing_is_left(execution)


def test_what_needs_the_world_is_asked_of_a_worker(worker: Process) -> None:
    kv.set(NAMESPACE, "mode", "fast")
    branch = f"  - id: choose\n    type: {CORE}.flow.If\n    condition: \"{{{{ kv('mode') == 'fast' }}}}\"\n    then:\n    "
    body = (
        "tasks:\n"
        + branch
        + log("quick").lstrip(" ").replace("- {", "  - {")
        + "outputs:\n  - {id: mode, type: STRING, value: \"{{ kv('mode') }}\"}\n"
    )
    execution = until_ended(start(save("asking", body)))
    assert states(execution) == {"choose": "SUCCESS", "quick": "SUCCESS"}
    assert execution.outputs == {"mode": "fast"}
    assert nothing_is_left(execution)


def test_a_hundred_cheap_tasks_take_no_trip_through_the_queue(worker: Process) -> None:
    warm = until_ended(start(save("warm", "tasks:\n" + log("one"))))
    assert warm.state == "SUCCESS"
    flow = save("chain", "tasks:\n" + "".join(log(f"t{number}", f"line {number}") for number in range(100)))
    begun = time.monotonic()
    execution = until_ended(start(flow))
    assert time.monotonic() - begun < 10
    assert messages(execution) == [f"line {number}" for number in range(100)]
    assert list(execution.log_lines.order_by("id").values_list("number", flat=True)) == list(range(1, 101))
    assert Delivery.objects.filter(execution=execution).count() < 20


def test_tasks_side_by_side_all_count(worker: Process) -> None:
    inner = "".join("    " + log(f"p{number}").lstrip().replace("- {", "  - {") for number in range(12))
    execution = until_ended(start(save("parallel", f"tasks:\n  - id: all\n    type: {CORE}.flow.Parallel\n    tasks:\n{inner}")))
    assert execution.state == "SUCCESS"
    assert len(states(execution)) == 13
    assert set(states(execution).values()) == {"SUCCESS"}
    assert nothing_is_left(execution)


def test_a_failure_runs_the_errors_branch(worker: Process) -> None:
    body = f"tasks:\n  - {{id: bad, type: {CORE}.execution.Fail, errorMessage: it broke}}\nerrors:\n" + log(
        "told", "we saw {{ tasks.bad.state }}"
    )
    execution = until_ended(start(save("failing", body)))
    assert execution.state == "FAILED"
    assert states(execution) == {"bad": "FAILED", "told": "SUCCESS"}
    assert "it broke" in messages(execution, 4)
    assert messages(execution, 2)[-1] == "we saw FAILED"


def test_a_constant_retry_is_woken_by_the_scheduler(worker: Process) -> None:
    retry = "    retry: {type: constant, interval: PT1S, maxAttempt: 2}\n"
    execution = until_ended(start(save("again", "tasks:\n" + shell("bad", "echo attempt", "exit 3", more=retry))))
    run = execution.task_runs.get()
    assert execution.state == "FAILED"
    assert [attempt["histories"][-1][0] for attempt in run.attempts] == ["FAILED", "FAILED"]
    assert messages(execution, 2).count("attempt") == 2
    assert nothing_is_left(execution)


def test_outputs_of_a_script_reach_later_tasks(worker: Process) -> None:
    body = "tasks:\n" + shell("make", """'echo ''::{"outputs":{"n":42}}::'''""") + log("use", "got {{ outputs.make.vars.n }}")
    execution = until_ended(start(save("script", body)))
    assert execution.state == "SUCCESS"
    assert "got 42" in messages(execution)


def test_children_of_a_working_directory_share_it_and_it_is_gone_afterwards(worker: Process) -> None:
    inner = shell("write", "cat given.txt > copied.txt") + shell("read", "cat copied.txt")
    body = f"tasks:\n  - id: place\n    type: {CORE}.flow.WorkingDirectory\n    inputFiles:\n      given.txt: from outside\n"
    body += "    outputFiles: ['*.txt']\n    tasks:\n"
    body += "".join(f"    {line}\n" for line in inner.splitlines())
    execution = until_ended(start(save("place", body)))
    assert execution.state == "SUCCESS", messages(execution)
    assert "from outside" in messages(execution, 2)
    assert set(execution.task_runs.get(task_id="place").outputs["outputFiles"]) == {"given.txt", "copied.txt"}
    assert not list((settings.KESTRA_WORK / execution.id).glob("*"))


def test_too_large_outputs_fail_the_attempt(worker: Process) -> None:
    template = f"{{% for i in range(0, 1100) %}}{'y' * 1000}{{% endfor %}}"
    body = f'tasks:\n  - {{id: large, type: {CORE}.debug.Return, format: "{template}"}}\n'
    execution = until_ended(start(save("large", body)))
    assert execution.state == "FAILED"
    assert any("has exceeded the configured limit of" in message for message in messages(execution, 4))


def test_a_task_beyond_its_timeout_is_stopped(worker: Process) -> None:
    execution = until_ended(start(save("slow", "tasks:\n" + shell("sleep", "sleep 30", more="    timeout: PT1S\n"))), 15)
    assert execution.state == "FAILED"
    assert "Timeout after PT1S" in messages(execution, 4)


def test_restart_runs_again_what_failed(worker: Process) -> None:
    kv.set(NAMESPACE, "fail", True)
    body = "tasks:\n" + log("before")
    body += f"  - {{id: gate, type: {CORE}.execution.Fail, condition: \"{{{{ kv('fail') }}}}\"}}\n" + log("after")
    execution = until_ended(start(save("restarting", body)))
    assert states(execution) == {"before": "SUCCESS", "gate": "FAILED"}
    kv.set(NAMESPACE, "fail", False)
    execution = services.restart(user=None, execution_id=execution.id)
    eventually(lambda: Execution.objects.get(id=execution.id).state == "SUCCESS", "the restarted execution succeeded")
    assert states(execution) == {"before": "SUCCESS", "gate": "SUCCESS", "after": "SUCCESS"}
    assert messages(execution, 2).count("hello") == 2


def test_replay_makes_a_new_execution(worker: Process) -> None:
    first = until_ended(start(save("replayed", "tasks:\n" + log("one") + log("two"))))
    run = first.task_runs.get(task_id="two")
    second = until_ended(services.replay(user=None, execution_id=first.id, task_run_id=run.id))
    assert (second.parent_id, second.original_id) == (first.id, first.id)
    assert states(second) == {"one": "SUCCESS", "two": "SUCCESS"}
    assert len(messages(second)) == 1


def test_a_flow_is_run_for_each_batch_of_a_file_and_the_outputs_are_joined(worker: Process) -> None:
    save(
        "lot",
        "inputs:\n  - {id: file, type: STRING}\n  - {id: n, type: INT}\n"
        f"tasks:\n  - {{id: r, type: {CORE}.debug.Return, format: '{{{{ read(inputs.file) | trim }}}}{{{{ inputs.n }}}}'}}\n"
        "outputs:\n  - {id: got, type: STRING, value: '{{ outputs.r.value }}'}\n",
    )
    each = (
        f"  - id: each\n    type: {CORE}.flow.ForEachItem\n    items: '{{{{ inputs.rows }}}}'\n"
        f"    namespace: {NAMESPACE}\n    flowId: lot\n"
        "    inputs: {file: '{{ taskrun.items }}', n: '{{ taskrun.iteration }}'}\n"
        f"  - {{id: all, type: {CORE}.debug.Return, format: '{{{{ read(outputs.each_merge.subflowOutputs) }}}}'}}\n"
    )
    flow = save("lots", "inputs:\n  - {id: rows, type: FILE}\ntasks:\n" + each)
    execution = until_ended(start(flow, files={"rows": ("rows.csv", "".join(f"{chr(97 + n)}\n" for n in range(23)).encode())}))
    assert execution.state == "SUCCESS", messages(execution)
    outputs = {run.task_id: run.outputs for run in execution.task_runs.all()}
    assert outputs["each_items"]["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": 23}
    assert outputs["all"]["value"] == "".join(f'{{got:"{chr(97 + n)}{n + 1}"}}\n' for n in range(23))
    assert Execution.objects.filter(flow_id="lot", state="SUCCESS").count() == 23
    assert nothing_is_left(execution)


def test_a_batch_whose_flow_is_not_there_fails_the_task_in_kestras_words(worker: Process) -> None:
    body = (
        f"inputs:\n  - {{id: rows, type: FILE}}\ntasks:\n  - id: each\n    type: {CORE}.flow.ForEachItem\n"
        "    items: '{{ inputs.rows }}'\n"
        f"    namespace: {NAMESPACE}\n    flowId: nowhere\n"
    )
    execution = until_ended(start(save("lost", body), files={"rows": ("rows.csv", b"a\nb\n")}))
    assert states(execution) == {"each": "FAILED", "each_split": "SUCCESS", "each_items": "FAILED"}
    assert f"Unable to find flow '{NAMESPACE}'.'nowhere' with revision '0'" in messages(execution)


def test_a_listener_runs_where_its_conditions_hold(worker: Process) -> None:
    tell = f"{{id: %s, type: {CORE}.log.Log, message: heard}}"
    body = "tasks:\n" + log("main") + "listeners:\n"
    for task, condition in (
        ("l0", "ExecutionStatus, in: [FAILED]"),
        ("l1", "ExecutionStatus, in: [SUCCESS]"),
        ("l2", "Expression, expression: \"{{ flow.id == 'heard' }}\""),
    ):
        body += f"  - {{conditions: [{{type: {CORE}.condition.{condition}}}], tasks: [{tell % task}]}}\n"
    body += "afterExecution:\n" + log("after", "it was {{ execution.state }}")
    execution = start(save("heard", body))
    eventually(lambda: len(states(execution)) == 4 and set(states(execution).values()) == {"SUCCESS"}, "all that follows has run")
    assert list(states(execution)) == ["main", "l1", "l2", "after"]
    assert "it was SUCCESS" in messages(until_ended(execution))


def test_a_secret_input_decides_what_the_engine_asks(worker: Process) -> None:
    branch = f"  - id: choose\n    type: {CORE}.flow.If\n    condition: \"{{{{ inputs.key == 'right' }}}}\"\n    then:\n    "
    flow = save("secretly", "inputs:\n  - {id: key, type: SECRET}\ntasks:\n" + branch + log("yes").replace("- {", "  - {").lstrip(" "))
    assert set(states(until_ended(start(flow, inputs={"key": "right"})))) == {"choose", "yes"}
    assert set(states(until_ended(start(flow, inputs={"key": "wrong"})))) == {"choose"}


def test_a_working_directory_finds_what_it_kept(worker: Process) -> None:
    commands = "[mkdir -p kept, echo x >> kept/seen.txt, ln -sf /etc/passwd kept/link, wc -l < kept/seen.txt]"
    count = f"{{id: count, type: io.kestra.plugin.scripts.shell.Commands, {PROCESS}, commands: {commands}}}"
    cache = "cache: {patterns: ['kept/**'], ttl: PT1H}"
    body = f"tasks:\n  - {{id: folder, type: {CORE}.flow.WorkingDirectory, {cache}, tasks: [{count}]}}\n"
    flow = save("keeping", body)
    for lines in ("1", "2", "3"):
        execution = until_ended(start(flow))
        assert (execution.state, lines in messages(execution, 2)) == ("SUCCESS", True), messages(execution)
    archive = storage.existing("kestra:///exec/test/keeping/folder/cache/cache.zip")
    with zipfile.ZipFile(archive) as kept:
        assert kept.namelist() == ["kept/seen.txt"]
    os.utime(archive, (0, 0))
    for lines in ("1", "2"):  # what has expired is begun anew, though it is the same as what was kept first
        assert lines in messages(until_ended(start(flow)), 2)


def test_each_value_of_a_loop_has_a_cache_of_its_own_that_is_written_only_when_it_changed(worker: Process) -> None:
    say = f"{{id: say, type: {CORE}.log.Log, message: hello}}"
    more = f"cache: {{patterns: [v.txt]}}, inputFiles: {{v.txt: '{{{{ taskrun.value }}}}'}}, tasks: [{say}]"
    folder = f"{{id: folder, type: {CORE}.flow.WorkingDirectory, {more}}}"
    flow = save("apart", f"tasks:\n  - {{id: loop, type: {CORE}.flow.ForEach, values: [a, b], tasks: [{folder}]}}\n")
    assert until_ended(start(flow)).state == "SUCCESS"
    kept = [storage.existing(uri) for uri in storage.below("kestra:///exec/test/apart/folder/cache")]
    before = {path: path.stat().st_mtime_ns for path in kept}
    assert len(before) == 2
    assert until_ended(start(flow)).state == "SUCCESS"
    assert {path: path.stat().st_mtime_ns for path in kept} == before


def test_the_errors_branch_reads_the_lines_of_what_failed(worker: Process) -> None:
    inner = f"{{id: seen, type: {CORE}.log.Log, message: x}}"
    condition = '{{ errorLogs()[0].taskId == "bad" }}'
    body = f"tasks:\n  - {{id: bad, type: {CORE}.execution.Fail, errorMessage: it broke}}\nerrors:\n"
    body += f"  - {{id: value, type: {CORE}.debug.Return, format: '{{{{ errorLogs()[0].message }}}}'}}\n"
    body += f"  - {{id: choose, type: {CORE}.flow.If, condition: '{condition}', then: [{inner}]}}\n"
    execution = until_ended(start(save("reading", body)))
    assert states(execution) == {"bad": "FAILED", "value": "SUCCESS", "choose": "SUCCESS", "seen": "SUCCESS"}
    assert execution.task_runs.get(task_id="value").outputs == {"value": "it broke"}


def test_the_lines_of_a_task_may_go_to_a_file(worker: Process) -> None:
    retry = "retry: {type: constant, interval: PT0.1S, maxAttempt: 2}"
    body = f"tasks:\n  - {{id: bad, type: {CORE}.execution.Fail, errorMessage: it broke, logToFile: true, logLevel: INFO, {retry}}}\n"
    execution = until_ended(start(save("filed", body)))
    attempts = execution.task_runs.get().attempts
    assert [storage.existing(entry["logFile"]).read_text().split(" ", 1)[1] for entry in attempts] == ["ERROR it broke\n"] * 2
    assert messages(execution) == []


def test_a_subflow_without_outputs_gives_what_the_parent_asks_for(worker: Process) -> None:
    save("plain", f"tasks:\n  - {{id: a, type: {CORE}.debug.Return, format: '5'}}\n")
    task = f"{{id: s, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: plain, outputs: {{x: '{{{{ outputs.%s.value }}}}'}}}}"
    sub = f"tasks:\n  - {task}\n"
    execution = until_ended(start(save("asks", sub % "a")))
    assert (execution.task_runs.get().outputs or {})["outputs"] == {"x": "5"}
    execution = until_ended(start(save("asks-wrongly", sub % "b")))
    assert (execution.state, (execution.task_runs.get().outputs or {})["state"]) == ("FAILED", "SUCCESS")
    assert messages(execution)[0].startswith("Failed to extract outputs with the error: Unable to find `b` used in the expression")


def test_an_execution_is_over_when_what_runs_after_it_is(worker: Process) -> None:
    after = f"afterExecution:\n  - {{id: nap, type: {CORE}.flow.Sleep, duration: PT1S}}\n"
    execution = until_ended(start(save("after", "tasks:\n" + log("one") + after)))
    assert not selectors.is_over(execution)
    eventually(lambda: selectors.is_over(execution), "the nap is over")
    assert states(execution) == {"one": "SUCCESS", "nap": "SUCCESS"}
