"""What people and clocks ask of an execution: retries, kill, pause, restart, replay, limits, subflows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import commands, events
from engine.document import Retry
from engine.restart import replay, restartable
from engine.retry import delay, next_date
from engine.states import State
from tests.engine.simulator import FLOWABLES, START, World, flow_of, history, ids, new_execution, one, state_of

SECOND = timedelta(seconds=1)


# --- retries


@pytest.mark.parametrize("level", ["task", "flowable", "flow"])
def test_the_closest_retry_counts(level: str) -> None:
    retry = "retry: {type: constant, interval: PT1S, maxAttempt: 3}"
    places = {name: f", {retry}" if name == level else "" for name in ("task", "flowable")}
    text = f"tasks: [{{id: s, type: Sequential{places['flowable']}, tasks: [{{id: ko, type: Fail{places['task']}}}]}}]"
    execution = World().run(text + (f"\n{retry}" if level == "flow" else ""))
    assert len(one(execution, "ko").attempts) == 3
    assert history(one(execution, "ko"))[:5] == ["CREATED", "RUNNING", "RETRYING", "CREATED", "RUNNING"]
    assert history(execution)[:4] == ["CREATED", "RUNNING", "RETRYING", "RUNNING"]
    assert execution.state.current == "FAILED"


def test_a_failure_is_a_warning_only_when_no_retry_is_left() -> None:
    execution = World().run("tasks: [{id: ko, type: Fail, allowFailure: true, retry: {type: constant, interval: PT1S, maxAttempt: 3}}]")
    assert (execution.state.current, len(one(execution, "ko").attempts)) == ("WARNING", 3)


@pytest.mark.parametrize(("good_at", "state"), [(0, "SUCCESS"), (1, "SUCCESS"), (2, "WARNING")])
def test_warning_on_retry_counts_from_the_third_attempt(good_at: int, state: str) -> None:
    retry = "{type: constant, interval: PT1S, maxAttempt: 4, warningOnRetry: true}"
    execution = World().run(
        f"tasks: [{{id: t, type: Log, message: '{{{{ taskrun.attemptsCount == {good_at} ? 1 : ko }}}}', retry: {retry}}}]"
    )
    assert execution.state.current == state


def test_a_lost_worker_counts_as_a_failed_attempt() -> None:
    world = World()
    execution = world.start(flow_of("tasks: [{id: a, type: Log, retry: {type: constant, interval: PT1S, maxAttempt: 2}}]"))
    run_id = execution.task_runs[0].id
    execution = world.tell(events.WorkerLost(run_id, 0))
    assert execution.state.current == "RETRYING"
    assert world.finish().state.current == "SUCCESS"
    assert len(world.executions["execution"].task_runs[0].attempts) == 2


def test_what_cannot_be_retried_is_not() -> None:
    world = World()
    execution = world.start(flow_of("tasks: [{id: a, type: Log, retry: {type: constant, interval: PT1S, maxAttempt: 2}}]"))
    execution = world.tell(events.TaskFailed(execution.task_runs[0].id, 0, "wrong property", retryable=False))
    assert (execution.state.current, execution.error) == ("FAILED", "Task a failed: wrong property")


def test_a_retry_as_a_new_execution() -> None:
    world = World()
    world.run("tasks: [{id: ko, type: Fail}]\nretry: {type: constant, interval: PT1S, maxAttempt: 3, behavior: CREATE_NEW_EXECUTION}")
    assert [e.state.current for e in world.executions.values()] == ["RETRIED", "RETRIED", "FAILED"]
    assert [e.attempt_number for e in world.executions.values()] == [1, 2, 3]


def test_when_the_next_attempt_is() -> None:
    exponential = Retry("exponential", interval=SECOND, max_interval=5 * SECOND)
    assert [delay(exponential, n) / SECOND for n in (1, 2, 3, 4)] == [0, 2, 4, 5]
    chance = Retry("random", min_interval=SECOND, max_interval=3 * SECOND)
    assert SECOND <= delay(chance, 1, "x") <= 3 * SECOND
    assert delay(chance, 1, "x") == delay(chance, 1, "x") != delay(chance, 2, "x")
    short = Retry("constant", interval=SECOND, max_duration=10 * SECOND)
    assert next_date(short, attempts=9, first_start=START, now=START + 9 * SECOND) == START + 10 * SECOND
    assert next_date(short, attempts=9, first_start=START, now=START + 10 * SECOND) is None


# --- kill


def test_a_kill_stops_what_runs_and_waits_for_it() -> None:
    world = World()
    world.start(
        flow_of("tasks: [{id: p, type: Parallel, concurrent: 2, tasks: [{id: a, type: Log}, {id: b, type: Log}, {id: c, type: Log}]}]")
    )
    a, b = world.executions["execution"].task_runs[1:]
    world.tell(events.TaskStarted(a.id, 0))
    execution = world.tell(events.KillRequested())
    assert (execution.state.current, state_of(execution, "a"), state_of(execution, "b")) == ("KILLING", "RUNNING", "KILLED")
    stopped = [c.task_run_id for _, c in world.commanded if isinstance(c, commands.StopTask)]
    assert set(stopped) == {a.id, b.id}
    execution = world.tell(events.TaskFailed(a.id, 0, "stopped", state="KILLED"))
    assert history(execution) == ["CREATED", "RUNNING", "KILLING", "KILLED"]
    assert {r.state.current for r in execution.task_runs} == {"KILLED"}
    assert ids(execution) == ["p", "a", "b"]


def test_a_worker_lost_during_a_kill_ends_it() -> None:
    world = World()
    run_id = world.start(flow_of("tasks: [{id: a, type: Log, retry: {type: constant, interval: PT1S}}]")).task_runs[0].id
    world.tell(events.TaskStarted(run_id, 0))
    world.tell(events.KillRequested())
    assert world.tell(events.WorkerLost(run_id, 0)).state.current == "KILLED"


@pytest.mark.parametrize("text", ["tasks: [{id: p, type: Pause}]", "tasks: [{id: w, type: WorkingDirectory, tasks: [{id: a, type: Log}]}]"])
def test_what_no_worker_holds_is_killed_at_once(text: str) -> None:
    world = World()
    world.start(flow_of(text))
    assert world.tell(events.KillRequested()).state.current == "KILLED"
    assert world.finish().state.current == "KILLED"


def test_a_directory_being_opened_is_waited_for() -> None:
    world = World()
    folder = world.start(flow_of("tasks: [{id: w, type: WorkingDirectory, tasks: [{id: a, type: Log}]}]")).task_runs[0].id
    world.tell(events.TaskStarted(folder, 0, phase="open"))
    assert world.tell(events.KillRequested()).state.current == "KILLING"
    assert world.tell(events.TaskFailed(folder, 0, state="KILLED", phase="open")).state.current == "KILLED"


def test_an_ended_execution_cannot_be_killed() -> None:
    world = World()
    ended = world.run("tasks: [{id: a, type: Log}]")
    assert world.tell(events.KillRequested()) is ended


# --- pause


def test_a_pause_by_hand_lets_what_runs_finish_and_starts_nothing() -> None:
    world = World()
    world.start(flow_of("tasks: [{id: a, type: Log}, {id: b, type: Log}]"))
    world.tell(events.PauseRequested())
    paused = world.finish()
    assert (paused.state.current, ids(paused), state_of(paused, "a")) == ("PAUSED", ["a"], "SUCCESS")
    world.tell(events.ResumeRequested())
    done = world.finish()
    assert history(done) == ["CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "SUCCESS"]


def test_a_pause_task_waits_for_somebody_and_keeps_what_was_said() -> None:
    world = World()
    execution = world.run("tasks: [{id: p, type: Pause}, {id: last, type: Return, format: '{{ outputs.p.onResume.why }}'}]")
    assert (execution.state.current, state_of(execution, "p")) == ("PAUSED", "PAUSED")
    world.tell(events.ResumeRequested({"why": "so"}))
    done = world.finish()
    assert (done.state.current, one(done, "last").outputs, history(one(done, "p"))[-2:]) == (
        "SUCCESS",
        {"value": "so"},
        ["PAUSED", "SUCCESS"],
    )


def test_with_several_paused_tasks_it_stays_paused_until_the_last() -> None:
    world = World()
    world.run("tasks: [{id: both, type: Parallel, tasks: [{id: p, type: Pause}, {id: q, type: Pause}]}]")
    half = world.tell(events.ResumeRequested())
    assert (half.state.current, state_of(half, "p"), state_of(half, "q")) == ("PAUSED", "SUCCESS", "PAUSED")
    assert world.tell(events.ResumeRequested()).state.current == "SUCCESS"


@pytest.mark.parametrize(
    ("how", "state", "runs"), [("delay: PT1S", "SUCCESS", ["p", "a"]), ("timeout: PT1S", "FAILED", ["p"]), ("delay: soon", "FAILED", ["p"])]
)
def test_a_pause_with_a_clock(how: str, state: str, runs: list[str]) -> None:
    execution = World().run(f"tasks: [{{id: p, type: Pause, {how}, tasks: [{{id: a, type: Log}}]}}]")
    assert (execution.state.current, ids(execution)) == (state, runs)


# --- restart, change of state, replay


def test_a_restart_runs_what_failed_again_under_the_same_ids() -> None:
    world = World()
    failed = world.run("""
tasks:
  - {id: a, type: Log}
  - id: s
    type: Sequential
    tasks: [{id: b, type: Log, message: "{{ taskrun.attemptsCount == 1 ? 'ok' : ko }}"}, {id: c, type: Log}]
    errors: [{id: e, type: Log}]
""")
    assert (failed.state.current, ids(failed), restartable(failed)) == ("FAILED", ["a", "s", "b", "e"], True)
    world.tell(events.RestartRequested())
    done = world.finish()
    assert (done.state.current, ids(done), done.attempt_number, done.error) == ("SUCCESS", ["a", "s", "b", "c"], 2, None)
    assert history(done) == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert history(one(done, "b")) == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert history(one(done, "s")) == ["CREATED", "RUNNING", "FAILED", "RUNNING", "SUCCESS"]
    assert [len(one(done, name).attempts) for name in "abc"] == [1, 2, 1]
    assert one(done, "b").id == one(failed, "b").id


def test_a_restart_opens_a_working_directory_anew() -> None:
    world = World()
    failed = world.run("tasks: [{id: w, type: WorkingDirectory, tasks: [{id: a, type: Log}, {id: ko, type: Fail}]}]")
    world.tell(events.RestartRequested())
    again = world.finish()
    assert ids(again) == ["w", "a", "ko"]
    assert one(again, "w").id == one(failed, "w").id
    assert one(again, "a").id != one(failed, "a").id
    opened = [c.attempt for _, c in world.commanded if isinstance(c, commands.RunTask) and c.phase == "open"]
    assert opened == [0, 1]


def test_a_restart_forgets_errors_branches_however_deep() -> None:
    world = World()
    deep = "{id: e, type: Sequential, tasks: [{id: e1, type: Sequential, tasks: [{id: e2, type: Log}]}]}"
    world.run(f'tasks: [{{id: ko, type: Log, message: "{{{{ taskrun.attemptsCount == 1 ? 1 : ko }}}}"}}]\nerrors: [{deep}]')
    assert ids(world.executions["execution"]) == ["ko", "e", "e1", "e2"]
    world.tell(events.RestartRequested())
    done = world.finish()
    assert (done.state.current, ids(done)) == ("SUCCESS", ["ko"])


def test_a_state_may_be_set_by_hand_while_a_retry_is_waited_for() -> None:
    world = World()
    world.start(flow_of("tasks: [{id: ko, type: Fail, retry: {type: constant, interval: PT1H, maxAttempt: 3}}, {id: b, type: Log}]"))
    waiting = world.finish(until="RETRYING")
    world.tell(events.StateChangeRequested(one(waiting, "ko").id, "SUCCESS"))
    assert world.finish().state.current == "SUCCESS"


def test_nothing_to_restart_changes_nothing() -> None:
    world = World()
    ended = world.run("tasks: [{id: a, type: Log}]")
    assert not restartable(ended)
    assert world.tell(events.RestartRequested()) is ended


def test_a_state_set_by_hand_lets_the_execution_go_on() -> None:
    world = World()
    failed = world.run(
        "tasks: [{id: s, type: Sequential, tasks: [{id: ko, type: Fail}]}, {id: b, type: Log}]\nerrors: [{id: e, type: Log}]"
    )
    world.tell(events.StateChangeRequested(one(failed, "ko").id, "SUCCESS"))
    done = world.finish()
    assert (done.state.current, ids(done), done.error) == ("SUCCESS", ["s", "ko", "b"], None)
    assert one(done, "ko").attempts[-1].state.current == "SUCCESS"


def test_a_replay_from_a_task_copies_what_came_before() -> None:
    world = World()
    flow = flow_of(
        "tasks: [{id: a, type: Log}, {id: s, type: Sequential, tasks: [{id: b, type: Log}, {id: c, type: Log}]}, {id: d, type: Log}]"
    )
    first = world.run(flow)
    copied = replay(first, flow, one(first, "c").id, "copy", world.now, flowables=FLOWABLES)
    assert (copied.parent_id, copied.original_id, copied.attempt_number) == ("execution", "execution", 2)
    assert {r.task_id: r.state.current for r in copied.task_runs} == {"a": "SUCCESS", "s": "RUNNING", "b": "SUCCESS", "c": "RESTARTED"}
    assert not {r.id for r in first.task_runs} & {r.id for r in copied.task_runs}
    world.executions["copy"] = copied
    world.tell(events.ExecutionCreated(), "copy")
    done = world.finish("copy")
    assert (done.state.current, ids(done)) == ("SUCCESS", ["a", "s", "b", "c", "d"])
    assert [len(one(done, name).attempts) for name in "abcd"] == [1, 1, 2, 1]


def test_a_replay_leaves_side_by_side_tasks_alone() -> None:
    world = World()
    flow = flow_of("tasks: [{id: p, type: Parallel, tasks: [{id: a, type: Log}, {id: b, type: Log}]}, {id: d, type: Log}]")
    first = world.run(flow)
    copied = replay(first, flow, one(first, "a").id, "copy", world.now, flowables=FLOWABLES)
    assert {r.task_id: r.state.current for r in copied.task_runs} == {"p": "RUNNING", "a": "RESTARTED", "b": "SUCCESS"}


def test_a_replay_from_the_start_is_new() -> None:
    flow = flow_of("tasks: [{id: a, type: Log}]")
    first = World().run(flow, inputs={"x": 1})
    copied = replay(first, flow, None, "copy", START)
    assert (copied.task_runs, copied.state, copied.inputs) == ((), State.new(START), {"x": 1})


# --- limits


@pytest.mark.parametrize(("behavior", "state"), [("CANCEL", "CANCELLED"), ("FAIL", "FAILED"), ("QUEUE", "QUEUED")])
def test_without_a_free_slot(behavior: str, state: str) -> None:
    world = World()
    flow = flow_of(f"tasks: [{{id: a, type: Log}}]\nconcurrency: {{limit: 1, behavior: {behavior}}}")
    world.start(flow)
    execution = world.tell(events.SlotDecided(False))
    assert (execution.state.current, execution.task_runs) == (state, ())
    if state == "QUEUED":
        assert history(world.tell(events.SlotDecided(True))) == ["CREATED", "QUEUED", "RUNNING"]


def test_a_queued_execution_may_be_forced_to_run() -> None:
    world = World()
    world.start(flow_of("tasks: [{id: a, type: Log}]\nconcurrency: {limit: 1}"))
    world.tell(events.SlotDecided(False))
    assert world.tell(events.ForceRunRequested()).state.current == "RUNNING"


def test_a_schedule_date_is_waited_for() -> None:
    world = World()
    world.start(flow_of("tasks: [{id: a, type: Log}]"), schedule_date=START + 60 * SECOND)
    assert world.executions["execution"].state.current == "CREATED"
    done = world.finish()
    assert done.state.current == "SUCCESS"
    assert done.task_runs[0].state.start >= START + 60 * SECOND


@pytest.mark.parametrize(("behavior", "state"), [("FAIL", "FAILED"), ("CANCEL", "CANCELLED"), ("NONE", "SUCCESS")])
def test_too_long_an_execution(behavior: str, state: str) -> None:
    sla = f"[{{id: quick, type: MAX_DURATION, duration: PT1S, behavior: {behavior}, labels: {{late: 'yes'}}}}]"
    execution = World().run(f"tasks: [{{id: a, type: Sleep, duration: PT5S}}, {{id: b, type: Log}}]\nsla: {sla}")
    assert (execution.state.current, execution.labels) == (state, (("late", "yes"),))
    assert (execution.error is None) == (state == "SUCCESS")


def test_a_broken_assertion_ends_the_execution() -> None:
    execution = World().run(
        "tasks: [{id: a, type: Log}]\nsla: [{id: s, type: EXECUTION_ASSERTION, assert: '{{ false }}', behavior: CANCEL}]"
    )
    assert execution.state.current == "CANCELLED"
    assert "SLA 's' violated" in (execution.error or "")


# --- subflows


@pytest.mark.parametrize(
    ("kind", "more", "state"), [("Log", "", "SUCCESS"), ("Fail", "", "FAILED"), ("Fail", "transmitFailed: false, ", "SUCCESS")]
)
def test_a_subflow_ends_as_its_execution_did(kind: str, more: str, state: str) -> None:
    world = World()
    world.flows["child"] = flow_of(f"tasks: [{{id: c, type: {kind}}}]", id="child")
    execution = world.run(f"tasks: [{{id: sub, type: Subflow, {more}namespace: tests, flowId: child, inputs: {{x: '{{{{ flow.id }}}}'}}}}]")
    assert execution.state.current == state
    child = world.executions["execution-1"]
    assert child.inputs == {"x": "flow"}
    assert one(execution, "sub").outputs == {"executionId": child.id, "state": child.state.current}
    assert len(one(execution, "sub").attempts) == 1


def test_a_subflow_that_nobody_waits_for_succeeds_at_once() -> None:
    world = World()
    world.flows["child"] = flow_of("tasks: [{id: c, type: Fail}]", id="child")
    execution = world.run("tasks: [{id: sub, type: Subflow, wait: false, namespace: tests, flowId: child}]")
    assert (execution.state.current, one(execution, "sub").outputs) == (
        "SUCCESS",
        {"executionId": "execution-1", "state": "CREATED"},
    )


def test_a_subflow_that_does_not_exist_is_tried_again_as_the_flow_says() -> None:
    execution = World().run(
        "tasks: [{id: sub, type: Subflow, namespace: tests, flowId: gone}]\nretry: {type: constant, interval: PT1S, maxAttempt: 3}"
    )
    assert (execution.state.current, len(one(execution, "sub").attempts)) == ("FAILED", 3)
    assert "Unable to find flow 'tests'.'gone'" in (execution.error or "")


def test_labels_that_a_task_gives_are_put_over_the_others_once() -> None:
    world = World()
    execution = world.start(flow_of("tasks: [{id: a, type: Log}, {id: b, type: Log}]"))
    ended = events.TaskSucceeded(execution.task_runs[0].id, 0, labels={"team": "data", "day": "1"})
    for _ in range(2):
        execution = world.tell(ended)
        assert execution.labels == (("team", "data"), ("day", "1"))
    execution = world.tell(events.TaskSucceeded(execution.task_runs[1].id, 0, labels={"team": "ops"}))
    assert execution.labels == (("day", "1"), ("team", "ops"))


# --- assertions that need the world


@pytest.mark.parametrize(("answer", "state"), [("true", "SUCCESS"), ("false", "FAILED")])
def test_an_assertion_that_needs_the_world_is_asked_once_for_every_change(answer: str, state: str) -> None:
    world = World()
    world.answers["world"] = lambda _command, _flow: answer
    assertion = "{{ kv('limit') == 1 }}"
    execution = world.run(
        "tasks: [{id: a, type: Log}, {id: b, type: Log}]\n"
        f'sla: [{{id: s, type: EXECUTION_ASSERTION, assert: "{assertion}", behavior: FAIL}}]'
    )
    assert execution.state.current == state
    assert ("SLA 's' violated: assertion is false" in (execution.error or "")) == (state == "FAILED")
    asked = [command for _, command in world.commanded if isinstance(command, commands.Evaluate)]
    assert {(command.task_run_id, command.property) for command in asked} == {(None, "sla:0")}
    assert len(asked) < 10


@pytest.mark.parametrize(
    ("behavior", "state", "ran"),
    [
        ("RESUME", "SUCCESS", ["p", "a"]),
        ("WARN", "WARNING", ["p", "a"]),
        ("FAIL", "FAILED", ["p"]),
        ("CANCEL", "CANCELLED", ["p"]),
        ("'{{ vars.b }}'", "WARNING", ["p", "a"]),
        ("'{{ flow.id }}'", "FAILED", ["p"]),
    ],
)
def test_a_pause_ends_as_its_behavior_says(behavior: str, state: str, ran: list[str]) -> None:
    pause = f"{{id: p, type: Pause, pauseDuration: PT5S, behavior: {behavior}}}"
    execution = World().run(f"variables: {{b: WARN}}\ntasks: [{pause}, {{id: a, type: Log}}]")
    assert (execution.state.current, ids(execution)) == (state, ran)
    assert all(run.state.terminated for run in execution.task_runs)


def test_a_pause_that_is_resumed_in_time_does_not_care_for_its_behavior() -> None:
    world = World()
    world.start(flow_of("tasks: [{id: p, type: Pause, pauseDuration: PT5S, behavior: CANCEL}, {id: a, type: Log}]"))
    world.finish(until="PAUSED")
    world.tell(events.ResumeRequested())
    assert world.finish().state.current == "SUCCESS"


def test_a_restart_while_a_subflow_runs_leaves_it_running() -> None:
    world = World()
    world.flows["child"] = flow_of("tasks: [{id: c, type: Sleep, duration: PT10S}]", id="child")
    text = "tasks: [{id: both, type: Parallel, tasks: [{id: sub, type: Subflow, namespace: tests, flowId: child}, {id: ko, type: Fail}]}]"
    world.start(flow_of(text))
    while "ko" not in ids(world.executions["execution"]) or state_of(world.executions["execution"], "ko") != "FAILED":
        assert world.step()
    world.tell(events.PauseRequested())
    world.tell(events.RestartRequested())
    execution = world.finish()
    assert (execution.state.current, state_of(execution, "sub")) == ("FAILED", "SUCCESS")
    assert len(one(execution, "sub").attempts) == 1


@pytest.mark.parametrize("inside", ["{id: b, type: Log}", "{id: s, type: Sequential, tasks: [{id: b, type: Log}]}"])
def test_what_runs_after_the_end_is_not_set_by_hand(inside: str) -> None:
    world = World()
    ended = world.run(f"tasks: [{{id: a, type: Log}}]\nafterExecution: [{inside}]")
    assert world.tell(events.StateChangeRequested(one(ended, "b").id, "FAILED")) == ended


HOUR = "sla: [{id: s, type: MAX_DURATION, behavior: FAIL, duration: PT1H}]"


def test_the_time_of_an_execution_that_was_scheduled_begins_at_its_date() -> None:
    world = World()
    world.start(flow_of(f"tasks: [{{id: a, type: Log, duration: PT30M}}]\n{HOUR}"), schedule_date=START + timedelta(days=1))
    assert (world.finish().state.current, world.now > START + timedelta(days=1)) == ("SUCCESS", True)


def test_the_time_of_an_execution_that_waits_for_a_slot_goes_by() -> None:
    world = World()
    flow = flow_of(f"tasks: [{{id: a, type: Log, duration: PT50M}}]\nconcurrency: {{limit: 1}}\n{HOUR}")
    world.start(flow, execution_id="first")
    world.later(events.ExecutionCreated(), "second", 1)
    world.executions["second"] = new_execution(flow, "second")
    first, second = world.finish("first"), world.finish("second")
    assert (first.state.current, history(second)) == ("SUCCESS", ["CREATED", "QUEUED", "RUNNING", "FAILED"])
    assert second.state.histories[-1].date == START + timedelta(hours=1)


def test_what_follows_the_end_runs_where_an_assertion_ended_it() -> None:
    sla = "{id: s, type: EXECUTION_ASSERTION, behavior: FAIL, assert: \"{{ outputs.a.value != 'bad' }}\"}"
    tasks = "tasks: [{id: a, type: Return, format: bad}, {id: b, type: Log}]"
    execution = World().run(f"{tasks}\nsla: [{sla}]\nafterExecution: [{{id: told, type: Log}}]")
    assert (execution.state.current, ids(execution)) == ("FAILED", ["a", "b", "told"])


# --- what runs while it is paused


ON_PAUSE = "tasks: [{id: p, type: Pause, %sonPause: {id: tell, type: %s}}, {id: after, type: Log}]\nerrors: [{id: e, type: Log}]"


def test_a_task_tells_that_it_is_paused() -> None:
    world = World()
    execution = world.run(ON_PAUSE % ("", "Log"))
    assert (execution.state.current, ids(execution), state_of(execution, "tell")) == ("PAUSED", ["p", "tell"], "SUCCESS")
    world.tell(events.ResumeRequested())
    assert (world.finish().state.current, ids(world.finish())) == ("SUCCESS", ["p", "tell", "after"])


def test_a_pause_that_nobody_was_told_of_fails() -> None:
    execution = World().run(ON_PAUSE % ("", "Fail"))
    assert (execution.state.current, ids(execution), state_of(execution, "p")) == ("FAILED", ["p", "tell", "e"], "FAILED")


@pytest.mark.parametrize(("more", "state"), [("delay: PT1S, ", "SUCCESS"), ("timeout: PT1S, ", "FAILED")])
def test_a_pause_that_ends_does_not_leave_its_task_behind(more: str, state: str) -> None:
    execution = World().run(ON_PAUSE % (more, "Log, duration: PT5S"))
    assert (execution.state.current, state_of(execution, "tell")) == (state, "SUCCESS" if state == "SUCCESS" else "KILLED")


@pytest.mark.parametrize(("more", "state"), [("", "FAILED"), (", delay: PT1S", "SUCCESS")])
def test_what_runs_after_the_end_cannot_wait_for_somebody(more: str, state: str) -> None:
    execution = World().run(f"tasks: [{{id: a, type: Log}}]\nafterExecution: [{{id: p, type: Pause{more}}}]")
    assert (execution.state.current, state_of(execution, "p")) == ("SUCCESS", state)


# --- a task that ends the execution


LEAVE = "{id: leave, type: Exit, state: %s}"
SLOW = "{id: slow, type: Log, duration: PT5S}"
NEXT = "{id: next, type: Log}"
BESIDE = f"tasks: [{{id: p, type: Parallel, tasks: [{{id: q, type: Sequential, tasks: [%s, {NEXT}]}}, %s]}}, {{id: never, type: Log}}]"
AROUND = "errors: [{id: e, type: Log}]\nfinally: [{id: f, type: Log}]\nafterExecution: [{id: told, type: Log}]"


@pytest.mark.parametrize("state", ["SUCCESS", "WARNING", "FAILED", "CANCELLED"])
def test_an_execution_that_is_left_waits_for_what_runs_and_starts_nothing(state: str) -> None:
    execution = World().run(f"{BESIDE % (LEAVE % state, SLOW)}\n{AROUND}")
    assert (execution.state.current, ids(execution)) == (state, ["p", "q", "slow", "leave", "told"])
    assert [state_of(execution, each) for each in ids(execution)] == [state, state, "SUCCESS", state, "SUCCESS"]
    assert (execution.error is None) == (state == "SUCCESS")


def test_an_execution_that_is_left_as_killed_stops_what_runs() -> None:
    execution = World().run(BESIDE % (LEAVE % "KILLED", SLOW))
    assert (execution.state.current, state_of(execution, "slow"), ids(execution)) == ("KILLED", "KILLED", ["p", "q", "slow", "leave"])
    assert execution.state.duration(START).total_seconds() < 1


def test_what_only_waits_is_cancelled_where_the_execution_is_left() -> None:
    world = World()
    world.flows["child"] = flow_of("tasks: [{id: c, type: Log, duration: PT1H}]", id="child")
    waits = (
        "{id: pause, type: Pause}",
        "{id: sub, type: Subflow, namespace: tests, flowId: child}",
        "{id: again, type: Fail, retry: {type: constant, interval: PT1H, maxAttempt: 2}}",
        "{id: leave, type: Exit, state: SUCCESS, duration: PT1S}",
    )
    parallel = f"{{id: p, type: Parallel, tasks: [{', '.join(waits)}]}}"
    execution = world.run(f"tasks: [{parallel}]\noutputs: [{{id: o, type: STRING, value: '{{{{ 1 + 1 }}}}'}}]")
    assert (execution.state.current, execution.outputs) == ("SUCCESS", {"o": "2"})
    assert [state_of(execution, each) for each in ids(execution)] == ["SUCCESS", *["CANCELLED"] * 3, "SUCCESS"]


def test_an_execution_that_was_left_as_failed_goes_on_from_there_when_it_is_restarted() -> None:
    world = World()
    execution = world.run(f"tasks: [{LEAVE % 'FAILED'}, {{id: next, type: Log}}]")
    assert execution.error == "Task leave ended the execution"
    world.flows["flow"] = flow_of("tasks: [{id: leave, type: Log}, {id: next, type: Log}]")
    world.tell(events.RestartRequested())
    assert (world.finish().state.current, ids(world.finish())) == ("SUCCESS", ["leave", "next"])
