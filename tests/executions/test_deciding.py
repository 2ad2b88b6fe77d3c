"""What people decide about executions, and what executions decide about each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import ProtectedError
from django.utils import timezone

from executions import claims, executor, inplace, ports, services, storage, store, tick, worker
from executions.models import Command, Delivery, Execution, LogLine, Step, Timer
from flows import services as flow_services
from flows.models import Revision
from kv import services as kv
from namespaces.models import Role
from namespaces.services import tree
from tests import builders
from tests.executions.flows import CORE, NAMESPACE, log, messages, save, start, states, work_off
from ui.errors import Conflict, Invalid, Missing

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


def test_a_queued_execution_begins_when_the_one_before_ends() -> None:
    flow = save("narrow", "concurrency: {limit: 1, behavior: QUEUE}\ntasks:\n" + log("one"))
    first, second, third = (start(flow) for _ in range(3))
    assert [Execution.objects.get(id=each.id).state for each in (first, second, third)] == ["RUNNING", "QUEUED", "QUEUED"]
    work_off(first)
    assert [Execution.objects.get(id=each.id).state for each in (first, second, third)] == ["SUCCESS"] * 3


def test_an_execution_beyond_the_limit_fails_where_the_flow_says_so() -> None:
    flow = save("strict", "concurrency: {limit: 1, behavior: FAIL}\ntasks:\n" + log("one"))
    start(flow)
    assert start(flow).state == "FAILED"


def test_a_subflow_gives_its_outputs_to_its_parent() -> None:
    body = "inputs:\n  - {id: n, type: INT}\ntasks:\n" + log("one") + 'outputs:\n  - {id: double, type: INT, value: "{{ inputs.n * 2 }}"}\n'
    save("below", body)
    call = f"  - {{id: call, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: below, inputs: {{n: 21}}}}\n"
    parent = work_off(start(save("above", "tasks:\n" + call + log("told", "got {{ outputs.call.outputs.double }}"))))
    assert parent.state == "SUCCESS", messages(parent)
    assert messages(parent, 2) == ["got 42"]
    child = Execution.objects.get(flow_id="below")
    assert child.trigger["variables"]["executionId"] == parent.id
    assert dict(child.labels)["system.correlationId"] == parent.id


def test_a_subflow_that_is_not_there_fails_its_task() -> None:
    call = f"  - {{id: call, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: nowhere}}\n"
    parent = work_off(start(save("alone", "tasks:\n" + call)))
    assert parent.state == "FAILED"
    assert f"Unable to find flow '{NAMESPACE}'.'nowhere' with revision '0'" in messages(parent, 4)


def test_killing_a_parent_kills_its_children() -> None:
    save("held", f"tasks:\n  - {{id: wait, type: {CORE}.flow.Pause}}\n")
    call = f"  - {{id: call, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: held}}\n"
    parent = work_off(start(save("holder", "tasks:\n" + call)))
    child = Execution.objects.get(flow_id="held")
    assert (parent.state, child.state) == ("RUNNING", "PAUSED")
    services.kill(user=None, execution_id=parent.id)
    work_off(parent)
    child.refresh_from_db()
    assert (parent.state, child.state) == ("KILLED", "KILLED")


def test_a_kill_without_cascade_leaves_the_children() -> None:
    save("held", f"tasks:\n  - {{id: wait, type: {CORE}.flow.Pause}}\n")
    call = f"  - {{id: call, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: held}}\n"
    parent = work_off(start(save("holder", "tasks:\n" + call)))
    services.kill(user=None, execution_id=parent.id, cascade=False)
    assert (work_off(parent).state, Execution.objects.get(flow_id="held").state) == ("KILLED", "PAUSED")
    with pytest.raises(Conflict, match="Execution is already finished, can't kill it"):
        services.kill(user=None, execution_id=parent.id, cascade=False)
    assert services.kill(user=None, execution_id=parent.id).state == "KILLED"


def test_a_pause_waits_for_a_resume() -> None:
    flow = save("pausing", f"tasks:\n  - {{id: wait, type: {CORE}.flow.Pause}}\n" + log("after"))
    execution = work_off(start(flow))
    assert execution.state == "PAUSED"
    services.resume(user=None, execution_id=execution.id)
    assert work_off(execution).state == "SUCCESS"
    with pytest.raises(Conflict, match="is not paused, can't resume it"):
        services.resume(user=None, execution_id=execution.id)


def test_a_resume_asks_for_what_the_task_that_it_goes_on_with_declares() -> None:
    look = f"tasks: [{{id: look, type: {CORE}.log.Log, message: x}}]"
    loop = f"{{id: poll, type: {CORE}.flow.WaitFor, condition: 'false', checkFrequency: {{interval: PT1H}}, {look}}}"
    ask = "onResume: [{id: sure, type: BOOLEAN}, {id: why, type: STRING, dependsOn: {inputs: [sure], condition: '{{ not inputs.sure }}'}}]"
    pauses = f"{{id: first, type: {CORE}.flow.Pause, {ask}}}, {{id: second, type: {CORE}.flow.Pause}}"
    execution = work_off(start(save("asking", f"tasks: [{{id: all, type: {CORE}.flow.Parallel, tasks: [{loop}, {pauses}]}}]\n")))
    with pytest.raises(Invalid, match="Invalid input for `sure`, missing required input"):
        services.resume(user=None, execution_id=execution.id)
    services.resume(user=None, execution_id=execution.id, inputs={"sure": "true", "why": "not asked"})
    work_off(execution)
    assert states(execution) == {"all": "RUNNING", "poll": "PAUSED", "first": "SUCCESS", "second": "PAUSED", "look": "SUCCESS"}
    assert execution.task_runs.get(task_id="first").outputs == {"onResume": {"sure": True}}
    services.resume(user=None, execution_id=execution.id)
    assert states(work_off(execution))["second"] == "SUCCESS"


def test_a_scheduled_execution_begins_at_its_date() -> None:
    date = timezone.now() + timedelta(hours=1)
    execution = work_off(start(save("later", "tasks:\n" + log("one")), schedule_date=date))
    assert execution.state == "CREATED"
    tick.timers(date - timedelta(minutes=1))
    assert work_off(execution).state == "CREATED"
    Timer.objects.filter(execution=execution).update(due=timezone.now())
    Execution.objects.filter(id=execution.id).update(schedule_date=timezone.now())
    tick.timers(timezone.now())
    assert work_off(execution).state == "SUCCESS"


def test_nothing_is_restarted_where_nothing_failed() -> None:
    execution = work_off(start(save("fine", "tasks:\n" + log("one"))))
    with pytest.raises(Invalid, match="No task found to restart execution from!"):
        services.restart(user=None, execution_id=execution.id)


def test_what_goes_on_is_not_restarted() -> None:
    execution = start(save("fine", "tasks:\n" + log("one")))
    with pytest.raises(Conflict, match="must be terminated to be restarted, current state is"):
        services.restart(user=None, execution_id=execution.id)


def test_a_restart_with_a_revision_is_a_new_execution() -> None:
    failed = work_off(start(save("again", f"tasks:\n  - {{id: bad, type: {CORE}.execution.Fail}}\n")))
    fresh = services.restart(user=None, execution_id=failed.id, revision=1)
    assert (fresh.id != failed.id, fresh.parent_id) == (True, failed.id)
    assert work_off(fresh).state == "FAILED"
    assert fresh.task_runs.get().id != failed.task_runs.get().id


def test_a_state_set_by_hand_lets_the_execution_go_on() -> None:
    execution = work_off(start(save("byhand", f"tasks:\n  - {{id: bad, type: {CORE}.execution.Fail}}\n" + log("after"))))
    assert execution.state == "FAILED"
    run = execution.task_runs.get(task_id="bad")
    services.set_state(user=None, execution_id=execution.id, task_run_id=run.id, state="SUCCESS")
    assert work_off(execution).state == "SUCCESS"
    assert states(execution) == {"bad": "SUCCESS", "after": "SUCCESS"}
    services.change_status(user=None, execution_id=execution.id, status="WARNING")
    assert work_off(execution).state == "WARNING"


def test_labels_change_only_after_the_end() -> None:
    execution = start(save("labelled", "labels: {team: data}\ntasks:\n" + log("one")), labels=[("k", "v")])
    with pytest.raises(Invalid, match="The execution is not terminated") as told:
        services.set_labels(user=None, execution_id=execution.id, labels=[("k", "w")])
    assert told.value.status == 400
    work_off(execution)
    with pytest.raises(Invalid, match="System labels can only be set by Kestra itself"):
        services.set_labels(user=None, execution_id=execution.id, labels=[("system.x", "w")])
    services.set_labels(user=None, execution_id=execution.id, labels=[("k", "w")])
    execution.refresh_from_db()
    assert dict(execution.labels) == {"team": "data", "k": "w", "system.correlationId": execution.id}
    assert set(execution.label_rows.values_list("key", "value")) >= {("team", "data"), ("k", "w")}


def test_a_deleted_execution_takes_everything_with_it() -> None:
    execution = start(save("gone", "inputs:\n  - {id: f, type: FILE}\ntasks:\n" + log("one")), files={"f": ("a.txt", b"hello")})
    path = storage.existing(execution.inputs["f"])
    assert path.read_bytes() == b"hello"
    assert path.name == "a.txt"
    with pytest.raises(Conflict):
        services.delete(user=None, execution_id=execution.id)
    work_off(execution)
    services.delete(user=None, execution_id=execution.id)
    assert not path.exists()
    assert not Execution.objects.filter(id=execution.id).exists()
    assert not LogLine.objects.filter(execution_id=execution.id).exists()
    assert not Step.objects.filter(execution_id=execution.id).exists()
    with pytest.raises(Missing):
        executor.advance(execution.id, executor.events.KillRequested())


def test_what_others_saved_meanwhile_is_kept() -> None:
    execution = start(save("meanwhile", "tasks:\n" + log("one") + log("two")))
    turn = executor.Turn.begin(execution.id)
    run = turn.execution.task_runs[0]
    turn.apply(executor.events.TaskStarted(run.id, 0))
    executor.edit(execution.id, lambda value: replace(value, labels=(*value.labels, ("kept", "yes"))))
    turn.apply(executor.events.TaskSucceeded(run.id, 0))
    turn.commit()
    execution.refresh_from_db()
    assert dict(execution.labels)["kept"] == "yes"
    assert states(execution) == {"one": "SUCCESS", "two": "CREATED"}


def test_a_flow_starts_nothing_in_a_namespace_where_its_people_may_not() -> None:
    flow_services.create(user=None, source=f"id: theirs\nnamespace: elsewhere\ntasks:\n{log('one')}")
    stranger = builders.person("stranger")
    builders.member(stranger, Role.OWNER, NAMESPACE)
    source = (
        f"id: reach\nnamespace: {NAMESPACE}\ntasks:\n  - {{id: call, type: {CORE}.flow.Subflow, namespace: elsewhere, flowId: theirs}}\n"
    )
    flow_services.create(user=stranger, source=source)
    execution = work_off(services.start(user=stranger, namespace=NAMESPACE, flow_id="reach"))
    assert execution.state == "FAILED"
    assert "Access to 'elsewhere' namespace is not allowed" in execution.error
    assert not Execution.objects.filter(namespace="elsewhere").exists()


def test_a_subflow_looks_no_further_than_whoever_started_its_parent() -> None:
    kv.set("third", "key", "theirs")
    read = "{{ kv('key', namespace='third') }}"
    flow_services.create(user=None, source=f"id: below\nnamespace: {NAMESPACE}\ntasks:\n{log('one', read)}")
    call = f"  - {{id: call, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: below}}\n"
    save("above", "tasks:\n" + call)
    member = builders.person("member")
    builders.member(member, Role.MEMBER, NAMESPACE)
    parent = work_off(services.start(user=member, namespace=NAMESPACE, flow_id="above"))
    assert (parent.state, Execution.objects.get(flow_id="below").state) == ("FAILED", "FAILED")
    assert not LogLine.objects.filter(message__contains="theirs").exists()
    assert work_off(start("above")).state == "SUCCESS"


def test_inputs_look_no_further_than_whoever_starts() -> None:
    kv.set("third", "key", ["theirs"])
    choose = "inputs:\n  - {id: which, type: SELECT, expression: \"{{ kv('key', namespace='third') }}\"}\ntasks:\n" + log("one")
    save("choosing", choose)
    member = builders.person("member")
    builders.member(member, Role.MEMBER, NAMESPACE)
    asked = {"namespace": NAMESPACE, "flow_id": "choosing", "inputs": {"which": "theirs"}}
    with pytest.raises(Invalid, match="Access to 'third' namespace is not allowed"):
        services.start(user=member, **asked)
    assert "not allowed" in str(services.validate_inputs(user=member, **asked)[0]["errors"])
    assert services.start(user=None, **asked).inputs == {"which": "theirs"}


def test_people_who_wrote_or_started_something_stay_so_that_nobody_never_stands_for_them() -> None:
    author, starter = builders.person("author"), builders.person("starter")
    for person in (author, starter):
        builders.member(person, Role.MEMBER, NAMESPACE)
    flow_services.create(user=author, source=f"id: kept\nnamespace: {NAMESPACE}\ntasks:\n{log('one')}")
    services.start(user=starter, namespace=NAMESPACE, flow_id="kept")
    for person in (author, starter):
        with pytest.raises(ProtectedError):
            person.delete()
    builders.person("idle").delete()


def test_a_flow_whose_author_is_unknown_or_disabled_reaches_no_other_namespace() -> None:
    author = builders.person("author", is_admin=True)
    flow_services.create(user=author, source=f"id: kept\nnamespace: {NAMESPACE}\ntasks:\n{log('one')}")
    execution = store.load(start("kept").id)
    assert execution is not None
    people = ports.People(execution.execution)
    people.require("third", Role.OWNER)
    type(author).objects.filter(pk=author.pk).update(is_active=False)
    with pytest.raises(Missing):
        people.require("third", Role.READER)
    type(author).objects.filter(pk=author.pk).update(is_active=True)
    Revision.objects.all().delete()
    with pytest.raises(Missing):
        people.require("third", Role.READER)


def test_expressions_see_the_variables_of_their_namespace_and_of_those_above() -> None:
    tree.set_variables(user=None, name="exec", variables={"a": {"b": 1}, "c": "above"})
    tree.set_variables(user=None, name=NAMESPACE, variables={"c": "own"})
    tree.set_variables(user=None, name="elsewhere", variables={"c": "other", "d": 1})
    value = "{{ namespace.a.b }}{{ namespace.c }}{{ namespace.d ?? 'none' }}{{ namespace }}"
    condition = "{{ namespace.c == 'own' }}"
    body = f"tasks:\n  - {{id: value, type: {CORE}.debug.Return, format: \"{value}\"}}\n"
    body += f"  - {{id: if, type: {CORE}.flow.If, condition: \"{condition}\", then: [{{id: yes, type: {CORE}.log.Log, message: x}}]}}\n"
    body += f"outputs:\n  - {{id: o, type: STRING, value: \"{condition}\"}}\n"
    execution = work_off(start(save("vars", body)))
    assert execution.task_runs.get(task_id="value").outputs == {"value": '1ownnone{"a":{"b":1},"c":"own"}'}
    assert states(execution)["yes"] == "SUCCESS"
    assert execution.outputs == {"o": "true"}


def test_defaults_of_flow_namespace_and_installation_count_in_this_order(settings: Any) -> None:
    settings.KESTRA_PLUGIN_DEFAULTS = [
        {"type": f"{CORE}.log.Log", "values": {"level": "ERROR", "message": "of all"}},
        {"type": f"{CORE}.debug.Return", "values": {"format": "forced"}, "forced": True},
    ]
    tree.set_plugin_defaults(user=None, name="exec", defaults=[{"type": f"{CORE}.log", "values": {"level": "WARN", "message": "above"}}])
    tree.set_plugin_defaults(user=None, name=NAMESPACE, defaults=[{"type": "io.kestra.core.tasks.log.Log", "values": {"message": "near"}}])
    body = f"tasks:\n  - {{id: a, type: {CORE}.log.Log}}\n  - {{id: b, type: {CORE}.log.Log, message: own}}\n"
    body += f"  - {{id: c, type: {CORE}.debug.Return, format: own}}\n"
    execution = work_off(start(save("defaulted", body)))
    lines = list(execution.log_lines.order_by("number").values_list("level", "message"))
    assert lines == [(3, "near"), (3, "own"), (1, "forced")]
    settings.KESTRA_PLUGIN_DEFAULTS = []
    again = work_off(start("defaulted"))
    assert again.task_runs.get(task_id="c").outputs == {"value": "own"}


def test_a_file_that_is_named_as_its_input_gets_the_extension_of_the_input() -> None:
    save("named", "inputs:\n  - {id: rows, type: FILE, extension: .csv}\n  - {id: other, type: FILE}\ntasks:\n" + log("one"))
    execution = start("named", files={"rows": ("rows", b"a"), "other": ("mine.txt", b"b")})
    assert [uri.rpartition("/")[2] for uri in execution.inputs.values()] == ["rows.csv", "mine.txt"]


def test_a_stored_flow_that_cannot_be_read_any_more_is_there_and_does_not_start() -> None:
    save("broken", "tasks:\n" + log("one"))
    source = f"id: broken\nnamespace: {NAMESPACE}\ntasks:\n  - {{id: a, type: io.gone}}\n"
    Revision.objects.filter(flow__flow_id="broken").update(source=source)
    with pytest.raises(Conflict, match=r"Cannot execute an invalid flow: Invalid type: io\.gone"):
        start("broken")
    parent = save("caller", f"tasks:\n  - {{id: s, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: broken}}\n")
    assert messages(work_off(start(parent))) == ["Cannot execute an invalid flow: Invalid type: io.gone"]


def test_a_listener_whose_condition_cannot_be_told_does_not_run_and_says_why() -> None:
    broken = f"{{type: {CORE}.condition.Expression, expression: '{{{{ nowhere }}}}'}}"
    heard = f"listeners:\n  - conditions: [{broken}]\n    tasks:\n    " + log("heard")
    execution = work_off(start(save("listened", "tasks:\n" + log("one") + heard)))
    assert states(execution) == {"one": "SUCCESS"}
    (said,) = messages(execution, 3)
    assert said.startswith("Evaluate Condition Failed with error 'Unable to find `nowhere` used in the expression")


@pytest.mark.parametrize(("state", "ended"), [("CANCELED", "CANCELLED"), ("WARNING", "WARNING"), ("DONE", "FAILED")])
def test_a_task_ends_the_execution_in_the_state_that_it_names(state: str, ended: str) -> None:
    leave = f"  - {{id: leave, type: {CORE}.execution.Exit, state: '{{{{ inputs.state }}}}'}}\n"
    flow = save("left", "inputs:\n  - {id: state, type: STRING}\ntasks:\n" + leave + log("never"))
    execution = work_off(start(flow, inputs={"state": state}))
    assert (execution.state, states(execution)) == (ended, {"leave": ended})
    assert (messages(execution, 4) == []) == (state != "DONE")


def test_a_check_that_does_not_hold_keeps_an_execution_from_beginning() -> None:
    body = (
        "inputs:\n  - {id: n, type: INT}\nchecks:\n"
        "  - {condition: '{{ inputs.n < 10 }}', message: at most nine}\n"
        "  - {condition: '{{ inputs.n != 5 }}', message: not five, behavior: FAIL_EXECUTION}\n"
        "  - {condition: '{{ nowhere }}', message: only told, behavior: CREATE_EXECUTION, style: WARNING}\n"
        "tasks:\n"
    )
    save("checked", body + log("one") + "errors:\n" + log("e"))
    with pytest.raises(Invalid, match="at most nine"):
        start("checked", inputs={"n": "12"})
    assert not Execution.objects.filter(flow_id="checked").exists()
    failed = work_off(start("checked", inputs={"n": "5"}))
    assert (failed.state, failed.error, states(failed), messages(failed, 4)) == ("FAILED", "not five", {}, ["not five"])
    assert work_off(start("checked", inputs={"n": "1"})).state == "SUCCESS"
    told = services.failing_checks(user=None, namespace=NAMESPACE, flow_id="checked", inputs={"n": "12"})
    assert [(each.message, each.style) for each in told] == [("at most nine", "INFO"), ("only told", "WARNING")]
    assert services.failing_checks(user=None, namespace=NAMESPACE, flow_id="checked", inputs={"n": "x"}) == []
    call = f"{{id: call, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: checked, inputs: {{n: 12}}}}"
    assert messages(work_off(start(save("calls", f"tasks: [{call}]\n"))), 4) == ["at most nine"]


FAILS_ONCE = (
    f"tasks:\n  - {{id: done, type: {CORE}.log.Log, message: once}}\n"
    f"  - {{id: fails, type: {CORE}.execution.Fail, condition: '{{{{ inputs.n | number == 2 and taskrun.attemptsCount == 0 }}}}'}}\n"
)


@pytest.mark.parametrize(("behavior", "children"), [("", 1), (", restartBehavior: NEW_EXECUTION", 2)])
def test_a_restart_goes_on_with_the_execution_that_the_failed_task_had_started(behavior: str, children: int) -> None:
    save("lot", "inputs:\n  - {id: n, type: INT}\n" + FAILS_ONCE)
    call = f"{{id: call, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: lot, inputs: {{n: 2}}{behavior}}}"
    execution = work_off(start(save("caller", f"tasks:\n  - {call}\n" + log("after", "{{ outputs.call.state }}"))))
    assert (execution.state, children_of(execution)) == ("FAILED", {"FAILED": 1})
    services.restart(user=None, execution_id=execution.id)
    work_off(execution)
    assert sum(children_of(execution).values()) == children
    assert execution.state == ("SUCCESS" if children == 1 else "FAILED")
    assert len(execution.task_runs.get(task_id="call").attempts) == 2
    assert LogLine.objects.filter(execution__flow_id="lot", message="once").count() == children


def test_a_restart_takes_over_what_ended_well_meanwhile() -> None:
    save("lot", "inputs:\n  - {id: n, type: INT}\n" + FAILS_ONCE)
    call = f"{{id: call, type: {CORE}.flow.Subflow, namespace: {NAMESPACE}, flowId: lot, inputs: {{n: 2}}}}"
    execution = work_off(start(save("caller", f"tasks:\n  - {call}\n")))
    child = Execution.objects.get(flow_id="lot")
    services.restart(user=None, execution_id=child.id)
    assert (work_off(child).state, work_off(execution).state) == ("SUCCESS", "FAILED")
    services.restart(user=None, execution_id=execution.id)
    assert (work_off(execution).state, children_of(execution)) == ("SUCCESS", {"SUCCESS": 1})
    assert execution.task_runs.get().outputs == {"executionId": child.id, "state": "SUCCESS"}


@pytest.mark.parametrize(("behavior", "children"), [("", 3), (", restartBehavior: NEW_EXECUTION", 6)])
def test_a_restart_goes_on_with_the_batches_that_failed(behavior: str, children: int) -> None:
    child = "inputs:\n  - {id: n, type: INT}\noutputs:\n  - {id: n, type: INT, value: '{{ inputs.n }}'}\n" + FAILS_ONCE
    execution = work_off(lots(3, child, ", inputs: {n: '{{ taskrun.iteration }}'}" + behavior))
    assert (execution.state, children_of(execution)) == ("FAILED", {"SUCCESS": 2, "FAILED": 1})
    services.restart(user=None, execution_id=execution.id)
    work_off(execution)
    assert sum(children_of(execution).values()) == children
    counts = execution.task_runs.get(task_id="each_items").outputs["iterations"]
    assert counts == {"CREATED": 0, "RUNNING": 0, **({"SUCCESS": 3} if children == 3 else {"SUCCESS": 2, "FAILED": 1})}
    if children == 3:
        assert execution.state == "SUCCESS"
        joined = execution.task_runs.get(task_id="each_merge").outputs["subflowOutputs"]
        assert storage.existing(joined).read_text() == "{n:1}\n{n:2}\n{n:3}\n"


# --- one execution for each batch


def lots(rows: int, child: str, more: str = "") -> Execution:
    save("lot", child)
    each = f"{{id: each, type: {CORE}.flow.ForEachItem, items: '{{{{ inputs.rows }}}}', namespace: {NAMESPACE}, flowId: lot{more}}}"
    flow = save("lots", f"inputs:\n  - {{id: rows, type: FILE}}\ntasks:\n  - {each}\n")
    return start(flow, files={"rows": ("rows.csv", b"x\n" * rows)})


def children_of(execution: Execution) -> dict[str, int]:
    return dict(Counter(Execution.objects.filter(flow_id="lot").values_list("state", flat=True)))


def test_a_wave_that_is_started_twice_is_there_once() -> None:
    execution = lots(3, f"tasks:\n  - {{id: wait, type: {CORE}.flow.Pause}}\n")
    while not Command.objects.filter(kind="StartEach").exists():
        worker.work(Delivery.objects.filter(status="waiting").earliest("id").id)
    wave = Command.objects.get(kind="StartEach")
    worker.carry_out(wave.id)
    Command.objects.create(id=wave.id, execution_id=wave.execution_id, kind=wave.kind, payload=wave.payload)
    worker.carry_out(wave.id)
    work_off(execution)
    assert children_of(execution) == {"PAUSED": 3}
    assert execution.task_runs.get(task_id="each_items").outputs["iterations"] == {"CREATED": 0, "RUNNING": 3}
    services.kill(user=None, execution_id=execution.id)
    work_off(execution)
    assert (execution.state, children_of(execution)) == ("KILLED", {"KILLED": 3})


@pytest.mark.parametrize(("behavior", "state"), [("QUEUE", "SUCCESS"), ("CANCEL", "CANCELLED"), ("FAIL", "FAILED")])
def test_batches_of_a_flow_that_bounds_its_executions(behavior: str, state: str) -> None:
    execution = lots(5, f"concurrency: {{limit: 1, behavior: {behavior}}}\ntasks:\n" + log("one"))
    assert work_off(execution).state == ("FAILED" if state == "FAILED" else "SUCCESS")
    assert children_of(execution).get(state, 0) >= 4


def test_a_file_without_rows_starts_nothing() -> None:
    save("lot", "tasks:\n" + log("one"))
    body = (
        f"tasks:\n  - {{id: nothing, type: {CORE}.storage.Concat, files: []}}\n"
        f"  - {{id: each, type: {CORE}.flow.ForEachItem, items: '{{{{ outputs.nothing.uri }}}}', namespace: {NAMESPACE}, flowId: lot}}\n"
    )
    execution = work_off(start(save("lots", body)))
    assert states(execution) == dict.fromkeys(("nothing", "each", "each_split", "each_items", "each_merge"), "SUCCESS"), messages(execution)
    assert not execution.task_runs.get(task_id="each_items").outputs
    assert children_of(execution) == {}


def test_numbers_that_json_lacks_are_kept_as_texts() -> None:
    body = (
        "inputs:\n  - {id: x, type: FLOAT}\n  - {id: y, type: JSON}\n"
        "outputs:\n  - {id: o, type: JSON, value: '{\"a\": [-Infinity]}'}\n"
        f"tasks:\n  - {{id: r, type: {CORE}.output.OutputValues, values: {{a: '{{{{ inputs.y }}}}'}}}}\n"
    )
    execution = work_off(start(save("odd", body), inputs={"x": "1e999", "y": "[NaN, 1]"}))
    assert (execution.state, execution.inputs) == ("SUCCESS", {"x": "Infinity", "y": ["NaN", 1]}), messages(execution)
    assert execution.outputs == {"o": {"a": ["-Infinity"]}}


def test_batches_in_a_branch_whose_files_are_cut_in_parts() -> None:
    save("lot", "inputs:\n  - {id: file, type: STRING}\ntasks:\n" + log("one", "{{ read(inputs.file) }}"))
    each = (
        f"{{id: each, type: {CORE}.flow.ForEachItem, items: '{{{{ inputs.rows }}}}', namespace: {NAMESPACE}, flowId: lot, "
        "batch: {partitions: 2}, inputs: {file: '{{ taskrun.items }}'}, labels: {lot: '{{ taskrun.iteration }}'}, inheritLabels: true}"
    )
    branch = f"{{id: if, type: {CORE}.flow.If, condition: '{{{{ true }}}}', then: [{each}]}}"
    flow = save("lots", f"inputs:\n  - {{id: rows, type: FILE}}\ntasks:\n  - {branch}\n")
    execution = work_off(start(flow, files={"rows": ("rows.csv", b"a\nb\nc")}, labels=[("own", "yes")]))
    assert execution.state == "SUCCESS"
    lines = LogLine.objects.filter(execution__flow_id="lot").values_list("message", flat=True)
    assert sorted(lines) == ["a\nc\n", "b\n"]
    labels = [dict(child.labels) for child in Execution.objects.filter(flow_id="lot").order_by("created")]
    assert [(each["own"], each["lot"]) for each in labels] == [("yes", "1"), ("yes", "2")]


@pytest.mark.parametrize("cheap", ["say", "keep"])
def test_two_workers_at_one_execution_do_each_cheap_task_once(cheap: str) -> None:
    """Both would run in place what comes next; who is slower takes back what it said, and changes nothing outside."""
    inner = {
        "say": f'{{id: say, type: {CORE}.log.Log, message: "value {{{{ taskrun.value }}}}"}}',
        "keep": f"{{id: keep, type: {CORE}.kv.Set, key: n, kvType: NUMBER, value: \"{{{{ (kv('n', errorOnMissing=false) ?? 0) + 1 }}}}\"}}",
    }[cheap]
    values = [str(number) for number in range(1, 13)]
    loop = f"  - id: each\n    type: {CORE}.flow.ForEach\n    values: {values}\n    concurrencyLimit: 2\n    tasks:\n      - {inner}\n"
    execution = start(save("together", f"tasks:\n{loop}{log('end')}"))
    mine, others = (claims.take(delivery.id) for delivery in Delivery.objects.filter(execution=execution).order_by("id"))
    assert mine is not None
    assert others is not None
    first, second = executor.Turn.begin(execution.id), executor.Turn.begin(execution.id)
    inplace.drive(first, [mine])
    inplace.drive(second, [others])
    execution.refresh_from_db()
    assert execution.state == "SUCCESS"
    assert [message for message in messages(execution) if message == "hello"] == ["hello"]
    if cheap == "say":
        assert Counter(messages(execution)) == Counter(["hello", *(f"value {value}" for value in values)])
    else:
        assert kv.get(user=None, namespace=NAMESPACE, key="n") == 12
    assert not Delivery.objects.exclude(status=Delivery.Status.DONE).exists()
